//! An embedded S3 store that sends bucket notifications as Ceph's RADOS Gateway does, for demos and
//! tests.
//!
//! The store keeps its buckets as plain folders that people can look at. It is not for production.
#![forbid(unsafe_code)]

pub mod notify;
mod random;
pub mod store;

pub use random::random_credentials;
