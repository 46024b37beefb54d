//! Resources of a Ceph gateway: buckets, policies, topic and notifications, as the person who sets
//! it up manages them.
//!
//! Each file that creates something implements [`resource::Resource`]: it is read, applied, read
//! back, and removed. There is no command-line code in here.

pub mod bucket;
pub mod configuration;
pub mod holders;
pub mod notification;
pub mod policy;
pub mod push;
pub mod queue;
pub mod resource;
pub mod settings;
pub mod stored_topic;
pub mod topic;
mod transport;
pub mod user;

pub use transport::transport;
