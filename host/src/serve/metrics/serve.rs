//! `GET /metrics` on an address of its own, so that senders of events can't read it.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::net::TcpListener;

use super::PREFIX;

type Render = dyn Fn() -> String + Send + Sync;

/// Serves metrics until the process ends, and returns the bound address.
///
/// # Errors
/// When the address can't be bound.
pub async fn serve(address: SocketAddr, render: Arc<Render>) -> Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for metrics"))?;
    let bound = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Most likely out of file descriptors, which is temporary.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let render = render.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let response = respond(&request, &*render);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Ok(bound)
}

/// Serves metrics that are no runtime's, under the common prefix.
///
/// # Errors
/// When the address can't be bound.
pub async fn serve_registry(
    address: SocketAddr,
    add: impl FnOnce(&mut Registry),
) -> Result<SocketAddr> {
    let mut registry = Registry::default();
    add(registry.sub_registry_with_prefix(PREFIX));
    let render = move || {
        let mut text = String::new();
        // Writing to a string does not fail.
        _ = encode(&mut text, &registry);
        text
    };
    serve(address, Arc::new(render)).await
}

fn respond(request: &Request<Incoming>, render: &Render) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            render(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "GET /metrics\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
