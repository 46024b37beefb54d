//! A store that is Ceph's gateway, as whoever sets it up sees it.
//!
//! Each file that makes something is one [`part::Part`]: looked at, made, looked at again, and removed.

pub mod bucket;
pub mod configuration;
pub mod notification;
pub mod part;
pub mod policy;
pub mod push;
pub mod refusal;
pub mod settings;
pub mod stored_topic;
pub mod topic;
mod transport;
pub mod xml;

pub use transport::transport;
