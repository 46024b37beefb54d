//! HTTP/1.1 server in front of a runtime.

mod drain;
mod health;

use std::{convert::Infallible, io::ErrorKind, net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use http::{Request, Response, StatusCode};
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
    outbound::client::full,
    problem::problem,
    runtime::{Peer, Runtime},
};

/// Maximum time for a client to send a head, and then a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A bound address and the runtime behind it.
pub struct Server {
    listener: TcpListener,
    runtime: Runtime,
}

impl Server {
    /// Binds the address. Port 0 selects a free port; `search` selects the next free port if this
    /// one is taken.
    ///
    /// # Errors
    /// When the address is taken or not permitted.
    pub async fn bind(runtime: Runtime, mut address: SocketAddr, search: bool) -> Result<Self> {
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
        Ok(Self { listener, runtime })
    }

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
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
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
    let mut request = Request::from_parts(head, full(body));
    request.extensions_mut().insert(Peer(peer));
    runtime.handle(request).await
}
