//! Four buckets of a test's own, pictures in them, and notifications out of them.
use testkit::ceph::{Gateway, gateway, raw};

use crate::CEPH_DIR;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, Method};
use phantoms::Phantom;
use s3::{Client, Object, Transport};
use serde_json::Value;
use xray::{config::Config, store::decide::processed_key};
use xray_host::outputs::{Outputs, outputs_of};

/// The key that all functions of these tests have.
pub const PSEUDONYM_KEY: &str = "a key for tests, long enough";

pub struct Site {
    pub gateway: &'static Gateway,
    pub client: Client,
    /// The input bucket; those of the outputs are named after it.
    pub bucket: String,
}

/// Four pictures of invented patients, not alike.
pub fn picture(number: usize) -> Bytes {
    static PICTURES: OnceLock<Vec<Bytes>> = OnceLock::new();
    let draw = || {
        let phantoms = Phantom::draw_all(phantoms::DEFAULT_SEED, 4);
        phantoms.into_iter().map(|p| p.jpeg.into()).collect()
    };
    PICTURES.get_or_init(draw)[number].clone()
}

impl Site {
    /// Makes the buckets; `None`, and said so, without a Ceph or the function.
    pub async fn new(bucket: &str) -> Option<Self> {
        if !testkit::function_is_built() {
            return None;
        }
        let gateway = gateway(CEPH_DIR).await?;
        let site = Self {
            gateway,
            client: gateway.owner(),
            bucket: bucket.to_owned(),
        };
        let outputs = [site.processed(), site.anonymized(), site.quarantine()];
        for bucket in [site.bucket.clone()].into_iter().chain(outputs) {
            site.make(&bucket, HeaderMap::new()).await;
        }
        Some(site)
    }

    pub fn processed(&self) -> String {
        format!("{}-processed", self.bucket)
    }

    pub fn anonymized(&self) -> String {
        format!("{}-anonymized", self.bucket)
    }

    pub fn quarantine(&self) -> String {
        format!("{}-quarantine", self.bucket)
    }

    /// Makes a bucket.
    pub async fn make(&self, bucket: &str, headers: HeaderMap) {
        let none = Bytes::new();
        let made = raw(&self.client, Method::PUT, bucket, "", "", headers, none);
        assert_eq!(made.await.unwrap().status(), 200);
    }

    /// Gives a bucket versions.
    pub async fn version(&self, bucket: &str) {
        let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        self.configure(bucket, "versioning=", body).await;
    }

    /// Sets one of a bucket's configurations.
    pub async fn configure(&self, bucket: &str, what: &str, body: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/xml".parse().unwrap());
        let body = Bytes::copy_from_slice(body.as_bytes());
        // All topics of a tenant are one object: another test's change of it makes this one a 500.
        for attempt in 1.. {
            let (headers, body) = (headers.clone(), body.clone());
            let answer = raw(&self.client, Method::PUT, bucket, "", what, headers, body);
            let answer = answer.await.unwrap();
            if answer.status().is_success() {
                return;
            }
            let is_raced = answer.status() == 500 && attempt < 10;
            assert!(is_raced, "{what}: {answer:?}");
        }
    }

    /// Has the input bucket's events pushed to `url`.
    pub async fn notify(&self, url: &str, persistent: bool) {
        let topic = self.bucket.as_str();
        let persistent = persistent.to_string();
        let parameters = [
            ("Action", "CreateTopic"),
            ("Name", topic),
            ("Attributes.entry.1.key", "push-endpoint"),
            ("Attributes.entry.1.value", url),
            ("Attributes.entry.2.key", "persistent"),
            ("Attributes.entry.2.value", &persistent),
        ];
        self.gateway.topic_action(&parameters);
        let body = format!(
            "<NotificationConfiguration><TopicConfiguration><Id>xray</Id><Topic>arn:aws:sns:default::{topic}</Topic>\
             <Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event></TopicConfiguration></NotificationConfiguration>"
        );
        self.configure(&self.bucket, "notification=", &body).await;
    }

    /// Uploads a picture and gives its ETag.
    pub async fn put(&self, key: &str, body: Bytes) -> String {
        let put = self.client.put(&self.bucket, key, "image/jpeg", body);
        put.await.unwrap()
    }

    pub async fn delete(&self, key: &str) {
        self.client.delete(&self.bucket, key).await.unwrap();
    }

    /// Deletes one version.
    pub async fn delete_version(&self, key: &str, version: &str) {
        let query = format!("versionId={version}");
        let none = (HeaderMap::new(), Bytes::new());
        let gone = raw(
            &self.client,
            Method::DELETE,
            &self.bucket,
            key,
            &query,
            none.0,
            none.1,
        );
        assert_eq!(gone.await.unwrap().status(), 204);
    }

    /// The processed object of a source.
    pub async fn made_of(&self, key: &str) -> Option<Object> {
        let (bucket, key) = (self.processed(), processed_key(key));
        let made = self.client.get(&bucket, &key).await;
        made.unwrap()
    }

    /// The keys of a source's outputs.
    pub async fn outputs(&self, key: &str) -> Outputs {
        let set = [
            ("s3_access_key", "-"),
            ("s3_secret_key", "-"),
            ("pseudonym_key", PSEUDONYM_KEY),
        ];
        let find = |name: &str| set.iter().find(|(n, _)| *n == name);
        let config = Config::from_lookup(|name| find(name).map(|(_, v)| (*v).to_owned()));
        let config = config.unwrap();
        let outputs = outputs_of(&self.client, &config, &self.bucket, key);
        outputs.await.unwrap()
    }

    /// Returns the number of objects in a bucket.
    pub async fn count(&self, bucket: &str) -> usize {
        let page = self.client.list(bucket, "", "", 1000).await.unwrap();
        assert!(!page.is_truncated);
        page.objects.len()
    }
}

/// Posts a notification and gives the report on its only record.
pub async fn deliver(function: &str, body: &Bytes) -> Value {
    let request = http::Request::post(function).header("content-type", "application/json");
    let request = request.body(body.clone()).unwrap();
    let answer = Transport::http().send(request).await.unwrap();
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    body["records"][0].clone()
}
