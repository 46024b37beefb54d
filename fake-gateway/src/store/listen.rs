//! The store on a socket.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::service::S3Service;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use super::Store;

/// A listening store; dropping it closes the socket and every connection at once.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where it listens, with the port that the system chose if it was asked to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as an endpoint for clients.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Store {
    /// Serves HTTP/1.1 on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn listen(&self, address: SocketAddr) -> Result<Listening> {
        let listener = TcpListener::bind(address).await;
        self.serve(listener.with_context(|| format!("listening on {address}"))?)
    }

    /// Serves HTTP/1.1 on a socket that listens already; clients that came before wait in its queue.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn serve(&self, listener: TcpListener) -> Result<Listening> {
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, self.service.clone()));
        Ok(Listening { address, task })
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    // The set belongs to this task, so that aborting it ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let service = service.clone();
                    connections.spawn(async move {
                        let mut http = http1::Builder::new();
                        http.timer(TokioTimer::new());
                        // A connection that breaks is the client's affair.
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
                // Out of file descriptors, most likely: wait until a connection closes.
                Err(_) => drop(connections.join_next().await),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
