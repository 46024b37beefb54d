//! Everything that meets the store, against real radosgw processes of the Ceph that is installed here.

#[path = "../common/mod.rs"]
mod common;
mod first;
mod gateway;
