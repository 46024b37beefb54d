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
    text::{contract::TextContract, marker_contract::MarkerContract},
};

/// Failure of a request. It does not name the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer could not be reached, or the connection broke.
    #[error("{0}")]
    Transport(NoResponse),
    /// The response's body is too large.
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// Limit in bytes.
        limit: u64,
    },
}

/// Kind of a missing response, with what to do. It holds no address, which may name an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoResponse {
    /// The connection was refused or reset.
    #[error("connection refused; check that the server is running and no firewall rejects it")]
    Refused,
    /// The connection was not accepted in time.
    #[error(
        "the connection was not accepted in time; check the address, and that no firewall drops it"
    )]
    NotAccepted,
    /// The connection was accepted, and nothing arrived.
    #[error("the connection was accepted, but no response arrived")]
    Silent,
    /// The connection was closed before the response was complete.
    #[error("the connection was closed")]
    Closed,
    /// The name is not in the DNS.
    #[error("the name does not resolve")]
    Name,
    /// The certificate is not one that the host trusts.
    #[error(
        "its certificate is not trusted; add its authority to this machine's, or set SSL_CERT_FILE"
    )]
    Certificate,
    /// The peer does not speak TLS, or none of the same version.
    #[error("no TLS on this port; use http:// for a plain one, or the port for HTTPS")]
    Tls,
    /// The response is not HTTP.
    #[error("the response is not HTTP; use https:// if this port expects TLS")]
    NotHttp,
    /// The host does not let the function reach the address.
    #[error("the host denied the request; name its origin in allowed_outbound_hosts")]
    Denied,
    /// Anything else, by its name.
    #[error("{0}")]
    Other(String),
}

impl NoResponse {
    /// Returns the kind of an error code of `wasi:http` by its name, with or without a payload,
    /// which is dropped: it may hold an address.
    pub fn of_code(code: &str) -> Self {
        let code = code.strip_prefix("ErrorCode::").unwrap_or(code);
        let name = code.split(|c: char| !c.is_alphanumeric()).next();
        match name.unwrap_or_default() {
            "ConnectionRefused" | "DestinationUnavailable" | "DestinationIpUnroutable" => {
                Self::Refused
            }
            "ConnectionTimeout" => Self::NotAccepted,
            "ConnectionReadTimeout" | "ConnectionWriteTimeout" | "HttpResponseTimeout" => {
                Self::Silent
            }
            "ConnectionTerminated" | "HttpResponseIncomplete" => Self::Closed,
            "DnsError" | "DnsTimeout" | "DestinationNotFound" => Self::Name,
            "TlsCertificateError" => Self::Certificate,
            "TlsProtocolError" | "TlsAlertReceived" => Self::Tls,
            "HttpProtocolError" => Self::NotHttp,
            "HttpRequestDenied" | "DestinationIpProhibited" => Self::Denied,
            "" | "InternalError" => Self::Other("the connection broke".to_owned()),
            name => Self::Other(name.to_owned()),
        }
    }
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

    /// Reads the contract of the named marker recognizer.
    ///
    /// # Errors
    /// As [`Ports::contract`].
    fn marker_contract(&self, model: &str) -> Result<MarkerContract, Error>;

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

#[cfg(test)]
mod tests {
    use super::NoResponse;

    #[test]
    fn error_codes_have_words_and_lose_their_payloads() {
        for (code, expected) in [
            ("ErrorCode::ConnectionRefused", "connection refused; check"),
            ("ErrorCode::ConnectionTimeout", "not accepted in time"),
            ("ErrorCode::HttpResponseTimeout", "no response arrived"),
            ("ErrorCode::ConnectionTerminated", "was closed"),
            (
                r#"ErrorCode::DnsError(DnsErrorPayload { rcode: Some("DOE_JANE"), info_code: None })"#,
                "the name does not resolve",
            ),
            (
                "ErrorCode::TlsCertificateError",
                "certificate is not trusted",
            ),
            ("ErrorCode::TlsProtocolError", "no TLS on this port"),
            ("ErrorCode::HttpRequestDenied", "allowed_outbound_hosts"),
            (
                r#"ErrorCode::InternalError(Some("http://x/DOE_JANE"))"#,
                "the connection broke",
            ),
            ("ErrorCode::HttpUpgradeFailed", "HttpUpgradeFailed"),
        ] {
            let words = NoResponse::of_code(code).to_string();
            assert!(words.contains(expected), "{code}: {words}");
            assert!(
                !words.contains("ErrorCode") && !words.contains("JANE"),
                "{words}"
            );
        }
    }
}
