//! The host of the xray function: wasmtime, native `wasi:nn`, and an HTTP trigger.
//!
//! ```text
//! manifest + variables --> Runtime --handle(request)--> fresh instance --egress--> allowed hosts
//!                             |                              |
//!                          Metrics <---- report lines ---- Logs          nn: one backend, its models
//! ```
//!
//! [`serve::runtime::Runtime`] listens nowhere: [`serve::server::Server`] puts a socket in front of it for `xray
//! up`, and other commands call it directly.

pub mod app;
pub mod ceph;
pub mod commands;
pub mod kafka;
pub mod nn;
pub mod serve;
