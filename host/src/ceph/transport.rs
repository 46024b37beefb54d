//! Transport of the commands that work on a store: it speaks HTTPS too, and keeps URLs out of
//! errors, since URLs hold keys.

use std::time::Duration;

use anyhow::Result;
use http::Response;
use http_body_util::BodyExt;
use s3::Transport;
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::serve::outbound::client::{Client, full};

/// Bytes per second that even a slow line carries; a transfer that takes longer is considered
/// stuck.
const SLOWEST: u64 = 50_000;
/// Additional time for the response.
const RESPONSE: Duration = Duration::from_secs(60);

/// Returns the host's own client as a transport of whole requests and responses.
///
/// # Errors
/// Returns an error if the machine's certificates cannot be read.
pub fn transport() -> Result<Transport> {
    let client = Client::new()?;
    Ok(Transport::from_fn(move |request| {
        let client = client.clone();
        let length = request.body().len() as u64;
        let options = RequestOptions {
            connect_timeout: None,
            first_byte_timeout: Some(RESPONSE + Duration::from_secs(length / SLOWEST)),
            between_bytes_timeout: None,
        };
        async move {
            let response = client.send(request.map(full), Some(options)).await;
            let (head, body) = response.map_err(|error| words(&error))?.into_parts();
            let body = body.collect().await.map_err(|_| "the response broke off")?;
            Ok(Response::from_parts(head, body.to_bytes()))
        }
    }))
}

/// Explains why there was no response.
fn words(error: &Error) -> String {
    let text = match error {
        Error::ConnectionRefused => {
            "connection refused; check that the store is running and no firewall rejects it"
        }
        Error::ConnectionTimeout => "the connection was not accepted within five seconds",
        Error::ConnectionReadTimeout => "the connection was accepted, but no response arrived",
        Error::ConnectionTerminated => "the connection was closed",
        Error::DnsError { .. } => "the name does not resolve",
        Error::TlsCertificateError => {
            "its certificate is not trusted; add its authority to this machine's, or set SSL_CERT_FILE"
        }
        other => return format!("{other:?}"),
    };
    text.to_owned()
}
