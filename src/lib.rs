//! The xray function: turns a notification into a labeled picture and, at high risk, a
//! de-identified copy.
//!
//! The modules are listed in the order in which data passes them. Only `wasi/` reaches the outside
//! world; everything else is pure and runs in native tests.

// Input.
pub mod config;
pub mod event;

pub mod secret;

// Picture.
pub mod dicom;
pub mod model;
pub mod picture;
pub mod pipeline;
pub mod text;

// Output.
pub mod deidentify;
pub mod dicomweb;
pub mod error;
pub mod ports;
pub mod record;
pub mod report;
pub mod review;
pub mod store;

#[cfg(all(target_family = "wasm", feature = "component"))]
mod wasi;

#[cfg(test)]
mod mutate;
