//! HTTP/1.1 server in front of a runtime.

mod drain;
mod health;

use std::{convert::Infallible, io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::WasiBody;

pub use drain::signal;

use crate::serve::{
    problem::{problem, retry_later},
    runtime::{Peer, Runtime},
};

/// Maximum time for a client to send a head, and then a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a body that are read before a request is refused during the start.
const UNREAD: usize = 1 << 20;

/// A bound address. It is bound first of all, so that a gateway that pushes events during the start
/// gets a response: before Ceph 19, its persistent queues may stall for good while connections are
/// refused.
pub struct Listener(Arc<TcpListener>);

impl Listener {
    /// Binds the address. Port 0 selects a free port; `search` selects the next free port if this
    /// one is taken.
    ///
    /// # Errors
    /// When the address is taken or not permitted.
    pub async fn bind(mut address: SocketAddr, search: bool) -> Result<Self> {
        let listener = loop {
            match TcpListener::bind(address).await {
                Err(error)
                    if search && error.kind() == ErrorKind::AddrInUse && address.port() < 65535 =>
                {
                    address.set_port(address.port() + 1);
                }
                bound => break bound.with_context(|| format!("cannot listen on {address}"))?,
            }
        };
        Ok(Self(Arc::new(listener)))
    }

    /// Responds to every request with 503 until `start` is done, and returns its result.
    pub async fn refuse_during<T>(&self, start: impl Future<Output = T>) -> T {
        // On a task of its own, because `start` may compile or load without yielding.
        let refusing = tokio::spawn(refuse(self.0.clone()));
        let started = start.await;
        refusing.abort();
        started
    }

    /// Puts a runtime behind the address.
    pub fn serve(self, runtime: Runtime) -> Server {
        Server {
            listener: self.0,
            runtime,
        }
    }
}

/// Responds to every request with 503.
async fn refuse(listener: Arc<TcpListener>) {
    let respond = |request: Request<Incoming>| async {
        // Read, so that the sender of a body sees the response instead of a reset.
        _ = Limited::new(request, UNREAD).collect().await;
        let mut response = retry_later("the function is starting");
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        Ok::<_, Infallible>(response)
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection =
                    http1().serve_connection(TokioIo::new(stream), service_fn(respond));
                tokio::spawn(async { _ = tokio::time::timeout(READ_TIMEOUT, connection).await });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Returns a server's side of HTTP/1.1 that does not wait long for a head.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT);
    builder
}

/// A bound address and the runtime behind it.
pub struct Server {
    listener: Arc<TcpListener>,
    runtime: Runtime,
}

impl Server {
    /// Returns the bound address.
    ///
    /// # Errors
    /// When the socket has been closed.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop` is ready, then accepts no more connections, finishes the running
    /// requests and returns. Their deadline bounds this wait.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer)) => self.serve(stream, peer, &graceful),
                // Most likely out of file descriptors, which is temporary.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        drop(self.listener);
        let options = self.runtime.options();
        let longest = options.timeout + options.queue_wait + Duration::from_secs(1);
        // Idle connections are closed at once. A client that does not read its response is not
        // waited for longer than any request may take.
        _ = tokio::time::timeout(longest, graceful.shutdown()).await;
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, graceful: &GracefulShutdown) {
        // Responses are small; with Nagle's algorithm, the last packet waits for the client's ACK.
        _ = stream.set_nodelay(true);
        let runtime = self.runtime.clone();
        let service = service_fn(move |request| {
            let runtime = runtime.clone();
            async move { Ok::<_, Infallible>(respond(&runtime, request, peer).await) }
        });
        let connection = http1().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(graceful.watch(connection));
    }
}

async fn respond(
    runtime: &Runtime,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<WasiBody> {
    if let Some(response) = health::respond(runtime, &request) {
        return response;
    }
    let (head, body) = request.into_parts();
    // The body is read before a permit is acquired, so that slow clients don't hold one.
    let limit = runtime.options().max_body;
    let body = match tokio::time::timeout(READ_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            runtime.metrics().rejected("too-large");
            let detail = format!("the request's body exceeds {limit} bytes");
            return problem(StatusCode::PAYLOAD_TOO_LARGE, &detail);
        }
        Ok(Err(_)) => return problem(StatusCode::BAD_REQUEST, "the request's body broke off"),
        Err(_) => {
            return problem(
                StatusCode::REQUEST_TIMEOUT,
                "the request's body did not arrive in time",
            );
        }
    };
    let mut request = Request::from_parts(head, body);
    request.extensions_mut().insert(Peer(peer));
    runtime.handle(request).await
}
