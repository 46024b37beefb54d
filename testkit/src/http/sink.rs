//! A push endpoint in front of the function. It keeps the notifications, so that a test can deliver
//! them at any time and any number of times, or acts as an ingress whose function is up or down.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3::Transport;
use serde_json::Value;
use tokio::net::TcpListener;

/// A push endpoint.
pub struct HttpSink {
    /// `http://host:port/`.
    pub url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    received: Vec<Bytes>,
    then: Then,
}

/// Reaction to a notification after it is recorded.
#[derive(Clone)]
pub enum Then {
    /// Only keep it.
    Keep,
    /// Respond with 503, as if the function were down.
    Away,
    /// Forward it to the function at this URL.
    Forward(String),
}

impl HttpSink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            received: Vec::new(),
            then: Then::Keep,
        }));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let service = service_fn(move |request| respond(request, shared.clone()));
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        Self { url, state }
    }

    /// Changes the reaction.
    pub fn set(&self, then: Then) {
        self.state.lock().unwrap().then = then;
    }

    /// Returns the number of notifications.
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().received.len()
    }

    /// Returns the only notification since the last call. A non-persistent push has ended when the
    /// request that caused it returns.
    pub fn take(&self) -> Bytes {
        let mut state = self.state.lock().unwrap();
        let one = state.received.pop().expect("a notification");
        assert!(state.received.is_empty(), "only one");
        one
    }
}

async fn respond(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let then = {
        let mut state = state.lock().unwrap();
        state.received.push(body.clone());
        state.then.clone()
    };
    let status = match then {
        Then::Keep => StatusCode::OK,
        Then::Away => {
            // The gateway retries without a pause.
            tokio::time::sleep(Duration::from_millis(50)).await;
            StatusCode::SERVICE_UNAVAILABLE
        }
        Then::Forward(url) => {
            let mut forward = Request::post(url).body(body).unwrap();
            if let Some(kind) = head.headers.get(CONTENT_TYPE) {
                forward.headers_mut().insert(CONTENT_TYPE, kind.clone());
            }
            match Transport::http().send(forward).await {
                Ok(response) => response.status(),
                Err(_) => StatusCode::BAD_GATEWAY,
            }
        }
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

/// Returns a field of a notification's only record, by its JSON pointer.
pub fn field(notification: &Bytes, pointer: &str) -> String {
    let value: Value = serde_json::from_slice(notification).unwrap();
    let record = &value["Records"][0];
    let found = record.pointer(pointer);
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}
