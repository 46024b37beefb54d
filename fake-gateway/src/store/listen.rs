//! The store on a socket.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3::{Addressing, Endpoint};
use s3s::service::S3Service;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use super::Store;

/// A listening store. Dropping it closes the socket and every connection at once.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    /// Returns its address, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its endpoint for clients.
    pub fn endpoint(&self) -> Endpoint {
        let url = format!("http://{}", self.address);
        Endpoint::parse(&url, Addressing::Path).expect("a socket's address is an endpoint")
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
    /// Fails when the address can't be bound.
    pub async fn listen(&self, address: SocketAddr) -> Result<Listening> {
        let listener = TcpListener::bind(address).await;
        self.serve(listener.with_context(|| format!("listening on {address}"))?)
    }

    /// Serves HTTP/1.1 on a socket that listens already; earlier clients wait in its queue.
    ///
    /// # Errors
    /// Fails when the socket has no address.
    pub fn serve(&self, listener: TcpListener) -> Result<Listening> {
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, self.service.clone()));
        Ok(Listening { address, task })
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    // The set belongs to this task, so that aborting the task ends the connections too.
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
                        // A broken connection is the client's problem.
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
                // File descriptors have probably run out: wait until a connection closes.
                Err(_) => drop(connections.join_next().await),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
