//! `wasi:nn` as a WebAssembly component, for hosts without it.
//!
//! ```text
//! function --wasi:nn--> [ component.rs -> named.rs: /models/<name> -> model.rs: rten ]
//! ```
//!
//! Only `component.rs` implements the interface. The rest is a library that presents rten's models
//! as `wasi:nn` sees them. The host's embedded backend uses it too, so that both compute the same
//! results and reject the same inputs with the same errors.

#[cfg(target_family = "wasm")]
mod component;
mod convert;
pub mod error;
pub mod model;
pub mod named;
mod protobuf;
pub mod source;
pub mod tensor;
