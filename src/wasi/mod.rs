//! The two modules that reach the host through WASI: the HTTP export and inference.

mod handler;
mod infer;
