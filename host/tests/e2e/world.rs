//! The real function in the real host as a process of its own, against the embedded store on a
//! socket.

use std::{
    process::{Command, ExitStatus},
    sync::Mutex,
};

use bytes::Bytes;
use fake_gateway::{
    notify::{Change, Event, notification},
    store::{Listening, Store},
};
use http::{Request, Response};
use s3::{Client, Transport};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{process::HostProcess, root};

pub const BUCKET: &str = "xray-data-in";
pub const PROCESSED: &str = "xray-data-in-processed";
pub const ANONYMIZED: &str = "xray-data-in-anonymized";
const QUARANTINE: &str = "xray-data-in-quarantine";

pub struct World {
    pub store: Store,
    pub client: Client,
    pub listening: Option<Listening>,
    pub address: String,
    up: HostProcess,
    answers: Mutex<String>,
    dir: TempDir,
}

impl World {
    /// Starts a store and the function with these variables over the defaults, and these arguments
    /// of `xray up`.
    pub async fn start(variables: &[(&str, &str)], arguments: &[&str]) -> World {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
        command
            .args(["up", "--listen", "127.0.0.1:0", "--from"])
            .arg(root());
        command.arg("--backends-dir").arg(root().join(".backends"));
        command.args(arguments);
        Self::serve(command, variables).await
    }

    /// The same with another program that takes the options of `spin up`.
    pub async fn serve(mut command: Command, variables: &[(&str, &str)]) -> World {
        let dir = tempfile::tempdir().unwrap();
        let credentials = fake_gateway::random_credentials();
        let store = Store::builder(dir.path().join("store"), credentials.clone())
            .bucket(BUCKET)
            .bucket(PROCESSED)
            .bucket(ANONYMIZED)
            .bucket(QUARANTINE)
            .open()
            .unwrap();
        let listening = store.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let client = Client::new(listening.endpoint(), credentials.clone(), Transport::http());
        command.arg("--state-dir").arg(dir.path().join("state"));
        command.arg("--log-dir").arg(dir.path().join("logs"));
        let mut all = vec![
            ("s3_endpoint", listening.endpoint().url()),
            ("s3_access_key", credentials.access_key),
            ("s3_secret_key", credentials.secret_key.expose().to_owned()),
            ("pseudonym_key", "a key for tests, long enough".to_owned()),
        ];
        all.retain(|(name, _)| !variables.iter().any(|(n, _)| n == name));
        all.extend(variables.iter().map(|(n, v)| (*n, (*v).to_owned())));
        for (name, value) in all {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        let up = HostProcess::start(command);
        let address = up.url();
        let answers = Mutex::default();
        World {
            store,
            client,
            listening: Some(listening),
            address,
            up,
            answers,
            dir,
        }
    }

    /// Puts a picture into the input bucket and gives the notification of it.
    pub async fn put(&self, key: &str, bytes: &[u8]) -> Bytes {
        let body = Bytes::copy_from_slice(bytes);
        let etag = self
            .client
            .put(BUCKET, key, "image/jpeg", body)
            .await
            .unwrap();
        self.event(BUCKET, key, Event::Put, &etag, bytes.len() as u64)
    }

    /// A notification of now.
    pub fn event(&self, bucket: &str, key: &str, event: Event, etag: &str, size: u64) -> Bytes {
        notification(&Change {
            event,
            ..Change::put(bucket, key, size, etag)
        })
    }

    /// Posts a notification; gives the status and the only record's report.
    pub async fn deliver(&self, event: &Bytes) -> (u16, Value) {
        let answer = self.post(event, &[]).await;
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), body["records"][0].clone())
    }

    pub async fn post(&self, body: &Bytes, headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut request =
            Request::post(format!("{}/", self.address)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Transport::http()
            .send(request.body(body.clone()).unwrap())
            .await
            .unwrap();
        let said = format!("{:?}{:?}", answer.headers(), answer.body());
        self.answers.lock().unwrap().push_str(&said);
        answer
    }

    pub async fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.client
            .get(bucket, key)
            .await
            .unwrap()
            .map(|object| object.body)
    }

    /// The files in a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.store.bucket_dir(bucket))
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// Waits until the host has printed this text.
    pub fn until_printed(&self, text: &str) {
        self.up.until_printed(text);
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.up.id()
    }

    /// Ends the program in order.
    pub fn terminate(&mut self) -> ExitStatus {
        self.up.end().0
    }

    /// Ends the host in order, checks that none of these texts is in its output, logs or responses,
    /// and returns all of these.
    pub fn end(mut self, private: &[String]) -> String {
        assert!(self.terminate().success());
        let mut said = self.up.printed() + &self.answers.lock().unwrap();
        for log in std::fs::read_dir(self.dir.path().join("logs")).unwrap() {
            said += &std::fs::read_to_string(log.unwrap().path()).unwrap();
        }
        assert!(
            said.contains("\"event\":\"object\""),
            "there was nothing to look through: {said}"
        );
        for text in private {
            assert!(!said.contains(text), "{text} was said");
        }
        said
    }
}
