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
pub mod ceph_cmd;
pub mod compose_cmd;
pub mod dead_letters_cmd;
pub mod demo_cmd;
pub mod doctor_cmd;
pub mod images_cmd;
pub mod kafka;
pub mod nn;
pub mod plugin_cmd;
pub mod process_cmd;
pub mod push_cmd;
pub mod reprocess_cmd;
pub mod send_cmd;
pub mod serve;
pub mod setup_cmd;
pub mod store_client;
pub mod up_cmd;
