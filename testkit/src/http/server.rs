//! Small servers of the tests: receivers of a gateway's pushes, and a proxy with faults in front of
//! a gateway.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3::Transport;
use tokio::{net::TcpListener, task::JoinHandle};

type Respond = dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync;

/// A server on loopback, which ends when this is dropped.
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server that responds to every request with `respond`.
    pub async fn start<F, A>(respond: F) -> Self
    where
        F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Bytes>> + Send + 'static,
    {
        let respond: Arc<Respond> = Arc::new(move |request| Box::pin(respond(request)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(serve(listener, respond));
        Self { address, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, respond: Arc<Respond>) {
    while let Ok((stream, _)) = listener.accept().await {
        let respond = respond.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let respond = respond.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes());
                let request = Request::from_parts(head, body.unwrap_or_default());
                Ok::<_, Infallible>(respond(request).await.map(Full::new))
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Returns an empty response with this status.
pub fn status(status: u16) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .body(Bytes::new())
        .unwrap()
}

/// Forwards a request to the gateway at `endpoint`, keeping the signed host.
pub async fn forward(endpoint: &str, request: Request<Bytes>) -> Response<Bytes> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().as_str();
    head.uri = format!("{endpoint}{path}").parse().unwrap();
    let request = Request::from_parts(head, body);
    let mut response = Transport::http().send(request).await.unwrap();
    response.headers_mut().remove("transfer-encoding");
    response
}
