//! Everything that meets the store, against real radosgw processes of the Ceph that is installed here.

mod catcher;
#[path = "../common/mod.rs"]
mod common;
mod edge;
mod first;
mod function;
mod gateway;
mod keys;
mod push;
mod removal;
mod reprocess;
mod send;
mod site;
mod versions;
