//! The store behind a door that counts what is stored and can be made to fail.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use fake_gateway::{
    notify::{Change, notification},
    store::Store,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use phantoms::{Kind, Phantom, Style};
use s3::{Addressing, Client, Credentials, Endpoint};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const BUCKET: &str = "xray-data-in";
pub const PROCESSED: &str = "xray-data-in-processed";
pub const ANONYMIZED: &str = "xray-data-in-anonymized";
const QUARANTINE: &str = "xray-data-in-quarantine";
const AUDIT: &str = "xray-data-in-audit";

/// Behavior of the proxy.
#[derive(Default)]
pub struct Door {
    /// Of a thousand requests so many get a 503.
    pub failing: AtomicU64,
    /// Requests about keys with `bad` in them get a 503.
    pub bad_fails: AtomicBool,
    /// Milliseconds that each request waits.
    pub delay: AtomicU64,
    /// Requests that came.
    requests: AtomicU64,
    /// Successful PUTs into the output buckets, by path.
    puts: Mutex<BTreeMap<String, u32>>,
}

/// A store with the buckets.
pub struct Site {
    pub store: Store,
    pub client: Client,
    pub credentials: Credentials,
    pub door: Arc<Door>,
    pub endpoint: String,
    pub dir: TempDir,
}

impl Site {
    pub async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let credentials = fake_gateway::random_credentials();
        let mut builder = Store::builder(dir.path().join("store"), credentials.clone());
        for bucket in [BUCKET, PROCESSED, ANONYMIZED, QUARANTINE, AUDIT] {
            builder = builder.bucket(bucket);
        }
        let store = builder.open().unwrap();
        let door = Arc::new(Door::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, store.clone(), door.clone()));
        let parsed = Endpoint::parse(&endpoint, Addressing::Path).unwrap();
        let client = Client::new(parsed, credentials.clone(), store.transport());
        Self {
            store,
            client,
            credentials,
            door,
            endpoint,
            dir,
        }
    }

    /// Puts a picture and gives the notification of it.
    pub async fn put(&self, key: &str, picture: Bytes) -> Vec<u8> {
        let size = picture.len() as u64;
        let etag = self
            .client
            .put(BUCKET, key, "image/jpeg", picture)
            .await
            .unwrap();
        event(key, &etag, size)
    }

    /// Puts as many pictures and gives their notifications.
    pub async fn put_all(&self, prefix: &str, count: usize) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        for index in 0..count {
            events.push(self.put(&key(prefix, index), picture(index)).await);
        }
        events
    }

    /// PUTs into the output buckets, and how many of them repeat one.
    pub fn puts(&self) -> (u32, u32) {
        let puts = self
            .door
            .puts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (
            puts.values().sum(),
            puts.values().map(|count| count - 1).sum(),
        )
    }

    /// The objects in a bucket.
    pub fn count(&self, bucket: &str) -> usize {
        let files = std::fs::read_dir(self.store.bucket_dir(bucket)).unwrap();
        files
            .filter(|f| {
                !f.as_ref()
                    .unwrap()
                    .file_name()
                    .as_encoded_bytes()
                    .starts_with(b".")
            })
            .count()
    }

    /// The labeled picture of a key.
    pub async fn processed(&self, key: &str) -> Option<Bytes> {
        let key = key.replace(".jpeg", "-processed.jpeg");
        self.client
            .get(PROCESSED, &key)
            .await
            .unwrap()
            .map(|object| object.body)
    }
}

/// A notification of now.
pub fn event(key: &str, etag: &str, size: u64) -> Vec<u8> {
    notification(&Change::put(BUCKET, key, size, etag)).to_vec()
}

/// The key of a patient of that number.
pub fn key(prefix: &str, index: usize) -> String {
    format!(
        "{prefix}_DOE{index}_{:07}_1960-01-01_2024-05-06.jpeg",
        1_000_000 + index
    )
}

/// One of seven pictures that the model calls pneumonia, so that each has both outputs.
pub fn picture(index: usize) -> Bytes {
    static PICTURES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
        let draw = |index| Phantom::draw_as(1, index, Kind::Pneumonia, &Style::default());
        (0..7).map(|index| draw(index).jpeg.into()).collect()
    });
    PICTURES[index % PICTURES.len()].clone()
}

async fn serve(listener: TcpListener, store: Store, door: Arc<Door>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (store, door) = (store.clone(), door.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (store, door) = (store.clone(), door.clone());
            async move { Ok::<_, Infallible>(door.pass(&store, request).await.map(Full::new)) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Door {
    /// Requests that came so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    async fn pass(&self, store: &Store, request: Request<Incoming>) -> Response<Bytes> {
        self.requests.fetch_add(1, Relaxed);
        let delay = self.delay.load(Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let path = request.uri().path().to_owned();
        let is_put = request.method() == Method::PUT;
        let fails = self.failing.load(Relaxed) > rand::random::<u64>() % 1000
            || self.bad_fails.load(Relaxed) && path.contains("bad");
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return unavailable();
        };
        if fails {
            return unavailable();
        }
        let answer = store
            .handle(Request::from_parts(head, body.to_bytes()))
            .await;
        if is_put && answer.status().is_success() {
            let mut puts = self.puts.lock().unwrap_or_else(PoisonError::into_inner);
            *puts.entry(path).or_default() += 1;
        }
        answer
    }
}

fn unavailable() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
}
