//! How the commands that work on a store reach it: over HTTPS too, and with nothing of a URL in an error, since URLs hold
//! keys.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http::Response;
use http_body_util::BodyExt;
use s3::Transport;
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::serve::outbound::client::{Client, full};

/// Bytes a second that even a slow line carries; what is longer than this under way has got stuck.
const SLOWEST: u64 = 50_000;
/// What an answer may take beyond that.
const ANSWER: Duration = Duration::from_secs(60);

/// The host's own client as a transport of whole requests and answers.
///
/// # Errors
/// When the machine's certificates cannot be read.
pub fn transport() -> Result<Transport> {
    let client = Client::new()?;
    Ok(Transport::call(move |request| {
        let client = client.clone();
        let length = request.body().len() as u64;
        let options = RequestOptions {
            connect_timeout: None,
            first_byte_timeout: Some(ANSWER + Duration::from_secs(length / SLOWEST)),
            between_bytes_timeout: None,
        };
        async move {
            let answer = client.send(request.map(full), Some(options)).await;
            let answer = answer.map_err(|error| anyhow!("no answer: {}", words(&error)))?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.context("the answer broke off")?;
            Ok(Response::from_parts(head, body.to_bytes()))
        }
    }))
}

/// Why there was no answer.
fn words(error: &Error) -> String {
    let text = match error {
        Error::ConnectionRefused => "nobody listens there, or a firewall says so",
        Error::ConnectionTimeout => "the connection was not taken within five seconds",
        Error::ConnectionReadTimeout => "the connection was taken, and nothing came",
        Error::ConnectionTerminated => "the connection was closed",
        Error::DnsError { .. } => "the name does not resolve",
        Error::TlsCertificateError => {
            "its certificate is not trusted; add its authority to this machine's, or set SSL_CERT_FILE"
        }
        other => return format!("{other:?}"),
    };
    text.to_owned()
}
