//! The way to the collector: the process's HTTP client, whose tasks run in Tokio, while the SDK
//! waits on a thread of its own. Nothing waits for that thread, so a collector that is slow or down
//! costs spans, never events.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;
use wasmtime_wasi_http::Error;

use super::environment::Settings;
use crate::serve::outbound::client::{self, Client};

/// Maximum size of a response.
const MAX_RESPONSE: usize = 1 << 20;

/// Sends encoded spans.
pub(super) struct Collector {
    client: Client,
    handle: Handle,
    timeout: Duration,
    /// The last attempt failed.
    is_down: AtomicBool,
}

impl Collector {
    /// Creates a client whose requests run on the current Tokio runtime.
    ///
    /// # Errors
    /// When a certificate can't be read, or outside of a runtime.
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let client = match &settings.authorities {
            None => Client::new()?,
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| {
                    format!("cannot read OTEL_EXPORTER_OTLP_CERTIFICATE {file}")
                })?;
                Client::trusting(&text).with_context(|| file.clone())?
            }
        };
        Ok(Self {
            client,
            handle: Handle::try_current().context("traces need an async runtime")?,
            timeout: settings.timeout,
            is_down: AtomicBool::new(false),
        })
    }

    /// Warns when the collector goes down, and says when it is back.
    fn log(&self, failure: Option<&str>) {
        let was_down = self.is_down.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(reason) if !was_down => {
                tracing::warn!(
                    "the collector of traces: {reason}; spans are lost meanwhile, events are not affected"
                );
            }
            None if was_down => tracing::info!("the collector of traces takes spans again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, timeout) = (self.client.clone(), self.timeout);
        let sent = self.handle.spawn(async move {
            let exchange = exchange(&client, request);
            let response = tokio::time::timeout(timeout, exchange).await;
            response.unwrap_or_else(|_| Err("it did not respond in time".to_owned()))
        });
        let result = sent.await.unwrap_or_else(|error| Err(error.to_string()));
        match &result {
            Ok(response) if response.status().is_success() => self.log(None),
            Ok(response) => self.log(Some(&format!(
                "it responded with status {}",
                response.status()
            ))),
            Err(error) => self.log(Some(error)),
        }
        result.map_err(HttpError::from)
    }
}

async fn exchange(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let response = client.send(request.map(client::full), None).await;
    let (head, body) = response.map_err(|error| words(&error))?.into_parts();
    let body = Limited::new(body, MAX_RESPONSE).collect().await;
    let body = body.map_err(|_| "its response broke off".to_owned())?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

fn words(error: &Error) -> String {
    match error {
        Error::ConnectionRefused => "it can't be reached".to_owned(),
        Error::ConnectionTimeout | Error::ConnectionReadTimeout => {
            "it did not respond in time".to_owned()
        }
        Error::DnsError { .. } => {
            "its name can't be resolved; check OTEL_EXPORTER_OTLP_ENDPOINT".to_owned()
        }
        Error::TlsCertificateError => {
            "its certificate is not trusted; name the authority with OTEL_EXPORTER_OTLP_CERTIFICATE"
                .to_owned()
        }
        Error::TlsProtocolError => {
            "there is no TLS on its port; check OTEL_EXPORTER_OTLP_ENDPOINT".to_owned()
        }
        _ => "the connection broke".to_owned(),
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}
