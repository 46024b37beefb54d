//! The xray function: a notification comes in, a labelled picture and, at high risk, a de-identified copy go out.
//!
//! The modules stand in the order of the data's way. Only `handler` and `infer` touch the world, through WASI; everything
//! else is pure and runs in native tests.

// The way in.
pub mod config;
pub mod event;

pub mod secret;

// The picture.
pub mod model;
pub mod picture;
pub mod pipeline;
pub mod text;

// The way out.
pub mod deidentify;
pub mod error;
pub mod ports;
pub mod record;
pub mod report;
pub mod store;

#[cfg(all(target_family = "wasm", feature = "component"))]
mod wasi;

#[cfg(test)]
mod mutate;
