//! The two modules that use WASI: the HTTP export and inference.

mod handler;
mod infer;
