//! Transport of the commands that work on a store: it speaks HTTPS too, and keeps URLs out of
//! errors, since URLs hold keys.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use s3::Transport;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};
use xray::ports::NoResponse;

use crate::serve::outbound::client::{Client, full};

/// Bytes per second that even a slow line carries; a transfer that takes longer is considered
/// stuck.
const SLOWEST: u64 = 50_000;
/// Additional time for the response.
const RESPONSE: Duration = Duration::from_secs(60);

/// Query of a request whose 404 is longer than its `Content-Length` says (Ceph 18 and 20: 311 bytes
/// are announced, 554 are sent), so that the rest would be read as the next response.
const UNTRUE_LENGTH: &str = "publicAccessBlock";

/// Returns the host's own client as a transport of whole requests and responses. A request that can
/// be repeated is, once and on a fresh connection, if its response broke off or made no sense.
///
/// # Errors
/// Returns an error if the machine's certificates cannot be read.
pub fn transport() -> Result<Transport> {
    let client = Client::new()?;
    Ok(Transport::from_fn(move |mut request| {
        let client = client.clone();
        if request.uri().query() == Some(UNTRUE_LENGTH) {
            let close = HeaderValue::from_static("close");
            request.headers_mut().insert(header::CONNECTION, close);
        }
        let length = request.body().len() as u64;
        let options = RequestOptions {
            connect_timeout: None,
            first_byte_timeout: Some(RESPONSE + Duration::from_secs(length / SLOWEST)),
            between_bytes_timeout: None,
        };
        async move {
            let again = request.method().is_idempotent().then(|| request.clone());
            let failure = match exchange(&client, request, options).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let Some(request) = again.filter(|_| failure.is_of_connection()) else {
                return Err(failure.words().into());
            };
            // A client of its own has no pooled connections.
            let repeated = exchange(&Client::new()?, request, options).await;
            repeated.map_err(|failure| failure.words().into())
        }
    }))
}

/// Failure of an exchange.
enum Failure {
    /// No response arrived.
    Head(Error),
    /// The response broke off.
    Body,
}

impl Failure {
    /// Reports whether the connection is to blame, so that another one may do better.
    fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Body
                | Self::Head(
                    Error::ConnectionTerminated
                        | Error::HttpProtocolError
                        | Error::InternalError(_)
                )
        )
    }

    fn words(&self) -> String {
        match self {
            Self::Head(error) => NoResponse::of_code(&format!("{error:?}")).to_string(),
            Self::Body => "the response broke off".to_owned(),
        }
    }
}

async fn exchange(
    client: &Client,
    request: Request<Bytes>,
    options: RequestOptions,
) -> Result<Response<Bytes>, Failure> {
    let request: Request<WasiBody> = request.map(full);
    let response = client.send(request, Some(options)).await;
    let (head, body) = response.map_err(Failure::Head)?.into_parts();
    let body = body.collect().await.map_err(|_| Failure::Body)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
