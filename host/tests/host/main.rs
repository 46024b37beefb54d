//! The host from outside: its library with real backends and real components, and its binary.

mod binary;
mod guests;
mod inference;
mod onnx_file;
mod runtime;
mod support;
