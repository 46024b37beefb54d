//! The page's own HTTP server.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
};

use super::{Page, routes};

/// Connections at a time.
const CONNECTIONS: usize = 512;
/// A client that needs longer for a handshake is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener, page: Arc<Page>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely out of file descriptors, which is temporary.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let page = page.clone();
        let acceptor = page.tls.as_ref().map(|tls| tls.acceptor(Instant::now()));
        tokio::spawn(async move {
            match acceptor {
                None => connection(stream, page).await,
                Some(acceptor) => {
                    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        connection(stream, page).await;
                    }
                }
            }
            drop(place);
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, page: Arc<Page>) {
    let service = service_fn(move |request| {
        let page = page.clone();
        async move { Ok::<_, Infallible>(routes::respond(&page, request).await) }
    });
    // An error is the browser's or the network's.
    _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30))
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
