//! A store that is Ceph's gateway, as whoever sets it up sees it.

mod transport;

pub use transport::transport;
