//! `wasi:nn` in WebAssembly, for hosts that do not have it.
//!
//! ```text
//! function --wasi:nn--> [ component.rs -> named.rs: /models/<name> -> model.rs: rten ]
//! ```
//!
//! The interface is spoken in `component.rs` alone. All else is a library of rten's models as `wasi:nn` sees them, which our
//! host has for its embedded backend too: what is computed, and what is refused and why, is the same in both.

#[cfg(target_family = "wasm")]
mod component;
mod convert;
pub mod error;
pub mod model;
pub mod named;
pub mod tensor;
