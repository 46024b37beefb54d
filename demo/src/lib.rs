//! What the demo, `xray process` and the tests run against: an S3 store that notifies like Ceph's gateway, X-ray
//! phantoms with invented patients, and a sender.
//!
//! The store keeps its buckets as plain folders, for people to look at, and is not for production. The client and the sender
//! are what `xray send` and `xray reprocess` have too.

pub mod burn;
pub mod client;
mod credentials;
pub mod images;
pub mod notify;
pub mod patient;
pub mod phantom;
pub mod results;
mod seed;
pub mod sender;
pub mod store;
mod transport;

pub use client::Client;
pub use credentials::{Credentials, fresh_key};
pub use transport::Transport;
