//! The host from outside: its library with real backends and real components, and its binary.

mod artifacts;
#[path = "../common/backends.rs"]
mod backends;
mod binary;
mod choice;
#[path = "../common/mod.rs"]
mod common;
mod failures;
mod guests;
mod inference;
mod model;
mod named;
mod nn_component;
mod nn_load;
#[path = "../common/onnx_file.rs"]
mod onnx_file;
mod setup;
mod spin_options;
mod starts;
mod store;
mod support;
mod tensors;
mod text_model;
mod up;
