//! The process's only HTTP client, with pooled connections.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, builderstates::WantsSchemes};
use hyper_util::{
    client::legacy::{Client as HyperClient, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody};

use super::between_bytes::BetweenBytes;

const CONNECT: Duration = Duration::from_secs(5);
const FIRST_BYTE: Duration = Duration::from_secs(60);
const BETWEEN_BYTES: Duration = Duration::from_secs(30);
/// Gateways close idle connections after a minute. The client closes first, so that it never sends
/// on a connection that is being closed.
const IDLE: Duration = Duration::from_secs(30);

/// Sends requests over HTTP and HTTPS.
#[derive(Clone)]
pub struct Client(HyperClient<HttpsConnector<HttpConnector>, WasiBody>);

impl Client {
    /// Creates a client that trusts the machine's certificates.
    ///
    /// # Errors
    /// When the machine's certificates can't be read.
    pub fn new() -> Result<Self> {
        let https = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("cannot read the machine's certificates")?;
        Ok(Self::with(https))
    }

    /// Creates a client that trusts these certificate authorities only, in PEM format.
    ///
    /// # Errors
    /// When the text has no certificate, or one can't be read.
    pub fn trusting(authorities: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            roots.add(certificate?)?;
        }
        if roots.is_empty() {
            bail!("there is no certificate in PEM format");
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::with(
            HttpsConnectorBuilder::new().with_tls_config(config),
        ))
    }

    fn with(https: HttpsConnectorBuilder<WantsSchemes>) -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        let https = https.https_or_http().enable_http1().wrap_connector(http);
        let client = HyperClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(https);
        Self(client)
    }

    /// Sends a request and returns the response as soon as its head has arrived.
    ///
    /// # Errors
    /// With the error that the guest's interface has for the failure.
    pub async fn send(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, HttpError> {
        let options = options.unwrap_or_default();
        // A pooled connection takes no time to connect, so the sum of both limits bounds the head.
        let head = options.connect_timeout.unwrap_or(CONNECT)
            + options.first_byte_timeout.unwrap_or(FIRST_BYTE);
        let response = tokio::time::timeout(head, self.0.request(request))
            .await
            .map_err(|_| HttpError::ConnectionReadTimeout)?
            .map_err(|error| classify(&error))?;
        let pause = options.between_bytes_timeout.unwrap_or(BETWEEN_BYTES);
        Ok(response
            .map(|body| BetweenBytes::new(body.map_err(HttpError::from), pause).boxed_unsync()))
    }
}

/// Maps a failure to the error that the guest's interface has for it.
fn classify(error: &Error) -> HttpError {
    let mut sources = std::iter::successors(std::error::Error::source(error), |e| e.source());
    if error.is_connect() {
        use std::io::ErrorKind;
        let io = sources.find_map(|source| source.downcast_ref::<std::io::Error>());
        // hyper-rustls wraps the error inside another one, so it is not among the sources.
        let io = io.map(|io| {
            let inner = io.get_ref().and_then(|inner| inner.downcast_ref());
            inner.unwrap_or(io)
        });
        let tls = io.and_then(|io| io.get_ref()?.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls {
            return match tls {
                rustls::Error::InvalidCertificate(_) => HttpError::TlsCertificateError,
                _ => HttpError::TlsProtocolError,
            };
        }
        return match io.map(std::io::Error::kind) {
            Some(ErrorKind::TimedOut) => HttpError::ConnectionTimeout,
            // Closed during the handshake.
            Some(ErrorKind::UnexpectedEof) => HttpError::TlsProtocolError,
            Some(
                ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable,
            ) => HttpError::ConnectionRefused,
            // The rest comes from the resolver, which has no kind of its own.
            _ => HttpError::DnsError {
                rcode: None,
                info_code: None,
            },
        };
    }
    let hyper = sources.find_map(|source| source.downcast_ref::<hyper::Error>());
    if hyper.is_some_and(hyper::Error::is_incomplete_message) {
        return HttpError::ConnectionTerminated;
    }
    if hyper.is_some_and(hyper::Error::is_parse) {
        return HttpError::HttpProtocolError;
    }
    HttpError::InternalError(Some(error.to_string()))
}

/// Creates an empty body.
pub fn empty() -> WasiBody {
    http_body_util::Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Creates a body from bytes.
pub fn full(bytes: Bytes) -> WasiBody {
    http_body_util::Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}
