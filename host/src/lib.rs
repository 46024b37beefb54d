//! The host of the xray function: wasmtime, native `wasi:nn`, and HTTP and Kafka triggers.
//!
//! ```text
//! manifest + variables --> Runtime --handle(request)--> fresh instance --> allowed hosts
//!                             |                          |         |
//!                          Metrics <-- report lines -- Logs        nn: one backend, its models
//! ```
//!
//! [`serve::runtime::Runtime`] does not listen: [`serve::server::Server`] puts a socket in front of
//! it for `xray up`, and other commands call it directly.
//!
//! The modules depend in one direction only:
//!
//! ```text
//! cli --> commands --> kafka, ceph, page, dicom --> serve --> app, nn
//! ```
//!
//! - [`app`]: the manifest, the locked application, variables, registries and composition.
//! - [`nn`]: `wasi:nn` over interchangeable inference backends.
//! - [`serve`]: the runtime, the HTTP server, outbound HTTP, logs and metrics.
//! - [`ceph`]: buckets, topics, notifications and policies at a gateway.
//! - [`kafka`]: the Kafka trigger.
//! - [`page`]: the live view of events in a browser.
//! - [`dicom`]: a DICOM node that stores what it receives.
//! - [`outputs`]: a picture's outputs in the store.
//! - [`cli`]: the command line, which chooses the command.
//! - [`commands`]: one file or folder for each command, named as its verb.

pub mod app;
pub mod ceph;
pub mod cli;
pub mod commands;
pub mod dicom;
pub mod kafka;
pub mod nn;
pub mod outputs;
pub mod page;
pub mod serve;
