//! What the function needs from the world: somewhere to send a request, two clocks and the models.
//!
//! The core is written against this trait, so that the whole way of a record runs in a native test; `handler.rs`
//! implements it over WASI.

use std::{future::Future, time::Duration};

use bytes::Bytes;

use crate::{
    error::Error,
    model::contract::Contract,
    model::tensor::{InputTensor, NamedTensor},
    text::contract::TextContract,
};

/// Why a request brought no usable answer. Says nothing about the object it was for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer could not be reached, or the connection broke; the text names the kind of failure only.
    #[error("{0}")]
    Transport(String),
    /// The answer's body is larger than allowed; `limit` is in bytes.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit that was passed, in bytes.
        limit: u64,
    },
}

/// The world outside the function.
pub trait Ports {
    /// Sends a signed request and reads the answer's body up to `limit` bytes.
    ///
    /// # Errors
    /// [`SendError`] when there is no answer, or one larger than `limit`.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limit: u64,
    ) -> impl Future<Output = Result<http::Response<Bytes>, SendError>>;

    /// The wall clock, for signatures.
    fn now(&self) -> jiff::Timestamp;

    /// A monotonic clock with an arbitrary start, for durations.
    fn elapsed(&self) -> Duration;

    /// Reads the contract of the named model.
    ///
    /// # Errors
    /// When there is no such model or its contract can't be read.
    fn contract(&self, model: &str) -> Result<Contract, Error>;

    /// Reads the contract of the named model that finds text.
    ///
    /// # Errors
    /// As [`Ports::contract`].
    fn text_contract(&self, model: &str) -> Result<TextContract, Error>;

    /// Runs the named model on what goes into the input of this name.
    ///
    /// # Errors
    /// When the host has no such model or the run failed.
    fn infer(
        &self,
        model: &str,
        input: &str,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error>;
}
