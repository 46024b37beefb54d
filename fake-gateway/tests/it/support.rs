//! A store in a temporary folder with a client.

use std::time::Duration;

use bytes::Bytes;
use fake_gateway::{
    notify::{Rule, Topic},
    store::{Listening, Store},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use s3::{Client, Credentials, Raw, Transport, xml};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// The bucket that pictures arrive in.
pub const BUCKET: &str = "xray-data-in";

/// A store that listens, for as long as it is held.
pub struct Served {
    pub store: Store,
    pub client: Client,
    pub listening: Listening,
    pub credentials: Credentials,
    pub dir: TempDir,
}

pub async fn served(rules: Vec<Rule>) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let credentials = fake_gateway::random_credentials();
    let mut builder = Store::builder(dir.path(), credentials.clone()).bucket(BUCKET);
    for rule in rules {
        builder = builder.notify(rule);
    }
    let store = builder.open().unwrap();
    let listening = store.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let transport = Transport::http();
    let client = Client::new(listening.endpoint(), credentials.clone(), transport);
    Served {
        store,
        client,
        listening,
        credentials,
        dir,
    }
}

pub fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

impl Served {
    pub async fn send(
        &self,
        method: Method,
        key: &str,
        query: &str,
        with: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let request = Raw {
            method,
            bucket: BUCKET,
            key,
            query,
            headers: headers(with),
            body: body.into(),
        };
        self.client.respond(&request).await.unwrap()
    }

    pub async fn put(&self, key: &str, with: &[(&'static str, &str)], body: &str) -> u16 {
        self.send(Method::PUT, key, "", with, body.to_owned())
            .await
            .status()
            .as_u16()
    }
}

/// The text of the first element of this name.
pub fn element(response: &Response<Bytes>, name: &str) -> String {
    xml::text(response.body(), name).unwrap_or_else(|| panic!("no {name} in {response:?}"))
}

/// A receiver that accepts everything and passes it on.
pub fn accepting() -> (Transport, mpsc::UnboundedReceiver<Request<Bytes>>) {
    let (seen, requests) = mpsc::unbounded_channel();
    let transport = Transport::from_fn(move |request| {
        seen.send(request).unwrap();
        async { Ok(Response::new(Bytes::new())) }
    });
    (transport, requests)
}

/// A topic that pushes while the uploader waits, so that a test need not wait.
pub fn topic(transport: Transport) -> Topic {
    let url = "http://receiver/ok/raw?x=1".parse().unwrap();
    Topic::direct(url, transport, Duration::from_secs(5), None)
}
