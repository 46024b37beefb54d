//! The function's dependencies on the outside world: HTTP requests, two clocks and the models.
//!
//! The core is written against this trait, so that native tests can process whole records;
//! `wasi/handler.rs` implements it over WASI.

use std::{future::Future, time::Duration};

use bytes::Bytes;

use crate::{
    error::Error,
    model::contract::Contract,
    model::tensor::{InputTensor, NamedTensor},
    text::contract::TextContract,
};

/// Failure of a request. It does not name the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer could not be reached, or the connection broke; the text names only the kind of
    /// failure.
    #[error("{0}")]
    Transport(String),
    /// The response's body is too large.
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// Limit in bytes.
        limit: u64,
    },
}

/// The outside world.
pub trait Ports {
    /// Sends a signed request and reads up to `limit` bytes of the response's body.
    ///
    /// # Errors
    /// [`SendError`] without a response, or for one larger than `limit`.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: u64,
    ) -> impl Future<Output = Result<http::Response<Bytes>, SendError>>;

    /// Returns the time of the wall clock, for signatures.
    fn now(&self) -> jiff::Timestamp;

    /// Returns the time of a monotonic clock with an arbitrary start, for durations.
    fn elapsed(&self) -> Duration;

    /// Returns the time since an earlier value of [`Ports::elapsed`].
    fn since(&self, start: Duration) -> Duration {
        self.elapsed().saturating_sub(start)
    }

    /// Reads the contract of the named model.
    ///
    /// # Errors
    /// When there is no such model or its contract is unreadable.
    fn contract(&self, model: &str) -> Result<Contract, Error>;

    /// Reads the contract of the named text detector.
    ///
    /// # Errors
    /// As [`Ports::contract`].
    fn text_contract(&self, model: &str) -> Result<TextContract, Error>;

    /// Runs the named model on a tensor for the named input.
    ///
    /// # Errors
    /// When the host has no such model or inference failed.
    fn infer(
        &self,
        model: &str,
        input: &str,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error>;
}
