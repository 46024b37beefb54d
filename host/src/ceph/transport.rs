//! How the commands that work on a store reach it: over HTTPS too, and with nothing of a URL in an error, since URLs hold
//! keys.

use anyhow::{Context, Result, anyhow};
use http::Response;
use http_body_util::BodyExt;
use wasmtime_wasi_http::Error;
use xray_demo::Transport;

use crate::egress::client::{Client, full};

/// The host's own client as a transport of whole requests and answers.
///
/// # Errors
/// When the machine's certificates cannot be read.
pub fn transport() -> Result<Transport> {
    let client = Client::new()?;
    Ok(Transport::call(move |request| {
        let client = client.clone();
        async move {
            let answer = client.send(request.map(full), None).await;
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
