//! A push endpoint in front of the function: it keeps what the gateway sends, so that a test can deliver it when and as often
//! as it likes; or it is as an ingress, whose function is there or is away.

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

pub struct Catcher {
    /// `http://host:port/`.
    pub url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    caught: Vec<Bytes>,
    then: Then,
}

/// What is done with a notification once it is caught.
#[derive(Clone)]
pub enum Then {
    /// It is kept.
    Keep,
    /// Nobody is there: 503.
    Away,
    /// The function at this URL answers.
    Forward(String),
}

impl Catcher {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            caught: Vec::new(),
            then: Then::Keep,
        }));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let answer = service_fn(move |request| answer(request, shared.clone()));
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                tokio::spawn(serving);
            }
        });
        Self { url, state }
    }

    /// Does this from now on.
    pub fn set(&self, then: Then) {
        self.state.lock().unwrap().then = then;
    }

    /// How many notifications have come.
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().caught.len()
    }

    /// The only notification since the last time. A push that is not persistent is over when the request that caused it is.
    pub fn take(&self) -> Bytes {
        let mut state = self.state.lock().unwrap();
        let one = state.caught.pop().expect("a notification");
        assert!(state.caught.is_empty(), "only one");
        one
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let then = {
        let mut state = state.lock().unwrap();
        state.caught.push(body.clone());
        state.then.clone()
    };
    let status = match then {
        Then::Keep => StatusCode::OK,
        Then::Away => {
            // The gateway asks again without a pause of its own.
            tokio::time::sleep(Duration::from_millis(50)).await;
            StatusCode::SERVICE_UNAVAILABLE
        }
        Then::Forward(url) => {
            let mut forward = Request::post(url).body(body).unwrap();
            if let Some(kind) = head.headers.get(CONTENT_TYPE) {
                forward.headers_mut().insert(CONTENT_TYPE, kind.clone());
            }
            match Transport::http().send(forward).await {
                Ok(answer) => answer.status(),
                Err(_) => StatusCode::BAD_GATEWAY,
            }
        }
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

/// What a notification says of its only record.
pub fn said(notification: &Bytes, pointer: &str) -> String {
    let value: Value = serde_json::from_slice(notification).unwrap();
    let record = &value["Records"][0];
    let found = record.pointer(pointer);
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}
