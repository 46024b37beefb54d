//! A small S3 client for Ceph's RADOS Gateway (RGW).
//!
//! The core does no I/O: it makes signed requests and reads responses. The feature `client` adds an async client over
//! hyper.
#![forbid(unsafe_code)]

mod actions;
mod error;
mod secret;
pub mod sigv4;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
mod credentials;

pub use actions::{
    Addressing, Endpoint, Meaning, ObjectHead, Precondition, Upload, error_code, etag, meaning,
};
#[cfg(feature = "client")]
pub use client::{Client, Transport};
#[cfg(feature = "client")]
pub use credentials::{Credentials, fresh_key, random_hex};
pub use error::Error;
pub use secret::Secret;
