//! Transport of a request to its peer: over a socket, or by a call within the process.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{BoxError, Error};

type Call =
    dyn Fn(Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>, BoxError>> + Send + Sync;

/// Sends a request and returns the response with its whole body.
#[derive(Clone)]
pub struct Transport(Arc<Call>);

/// Longest time from a request to the end of its response.
const LIMIT: Duration = Duration::from_secs(120);

impl Transport {
    /// Returns plain HTTP/1.1 with pooled connections. Connecting fails after five seconds, and a
    /// request without a whole response after two minutes.
    pub fn http() -> Self {
        Self::http_within(LIMIT)
    }

    fn http_within(limit: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        Self::from_fn(move |request| {
            let client = client.clone();
            let exchange = async move {
                let response = client.request(request.map(Full::new)).await.map_err(root)?;
                let (head, body) = response.into_parts();
                let body = body.collect().await.map_err(root)?.to_bytes();
                Ok(Response::from_parts(head, body))
            };
            async move {
                let in_time = tokio::time::timeout(limit, exchange).await;
                let late = || format!("no whole response within {} s", limit.as_secs());
                in_time.unwrap_or_else(|_| Err(late().into()))
            }
        })
    }

    /// Uses a function instead of a socket, as another HTTP client or a server in this process.
    pub fn from_fn<F, R>(function: F) -> Self
    where
        F: Fn(Request<Bytes>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Response<Bytes>, BoxError>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(function(request))))
    }

    /// Sends a request and returns the response, whatever its status.
    ///
    /// # Errors
    /// [`Error::Transport`] when no response comes.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        (self.0)(request).await.map_err(Error::Transport)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// Returns the text of the root cause, as "connection refused": hyper's own texts only name the
/// step.
fn root<E: std::error::Error>(error: E) -> BoxError {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silent_peer_is_not_waited_for_any_longer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let transport = Transport::http_within(Duration::from_secs(1));
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let Err(Error::Transport(error)) = transport.send(request).await else {
            panic!("a response");
        };
        assert_eq!(error.to_string(), "no whole response within 1 s");
    }
}
