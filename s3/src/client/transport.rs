//! How a request gets to its peer: over a socket, or by a call within the process.
//!
//! The sender and the notifications know only this, so that `xray process` runs them with nothing listening.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

type Call = dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>>> + Send + Sync;

/// Sends a request and brings the whole answer.
#[derive(Clone)]
pub struct Transport(Arc<Call>);

impl Transport {
    /// Plain HTTP/1.1 with pooled connections; an unreachable peer fails after five seconds.
    pub fn http() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        Self::call(move |request| {
            let client = client.clone();
            async move {
                let answer = client.request(request.map(Full::new)).await?;
                let (head, body) = answer.into_parts();
                let body = body
                    .collect()
                    .await
                    .context("the answer broke off")?
                    .to_bytes();
                Ok(Response::from_parts(head, body))
            }
        })
    }

    /// A function in this process instead of a socket.
    pub fn call<F, A>(function: F) -> Self
    where
        F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response<Bytes>>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(function(request))))
    }

    /// Sends one request.
    ///
    /// # Errors
    /// When no answer came; an answer of any status is `Ok`.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        (self.0)(request).await
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
