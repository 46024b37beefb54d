//! An S3 store on a folder: signatures checked, conditional writes atomic, notifications as Ceph's gateway sends them.
//!
//! It answers over HTTP after [`Store::listen`], and by a call within the process with [`Store::handle`]; both go
//! through the same code and the same signature check.

mod conditions;
mod disk;
mod folder;
mod listen;
mod locks;
mod multipart;
mod objects;
mod reads;
mod writes;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};

pub use listen::Listening;

use s3::{Credentials, Transport};

use crate::notify::{Notifications, Rule};
use folder::Folder;
use objects::Objects;

/// The store; clones are the same store.
#[derive(Clone)]
pub struct Store {
    service: S3Service,
    folder: Arc<Folder>,
}

/// What a store needs before it opens.
#[derive(Debug)]
pub struct StoreBuilder {
    root: PathBuf,
    credentials: Credentials,
    buckets: Vec<String>,
    rules: Vec<Rule>,
}

impl Store {
    /// Prepares a store in the folder `root`, for one user.
    pub fn builder(root: impl Into<PathBuf>, credentials: Credentials) -> StoreBuilder {
        StoreBuilder {
            root: root.into(),
            credentials,
            buckets: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Where a bucket's objects lie, each as a file under its key.
    pub fn bucket_dir(&self, bucket: &str) -> PathBuf {
        self.folder.bucket_dir(bucket)
    }

    /// The store's own folder.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// Answers one request without a socket; the request must be signed all the same.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (mut head, body) = request.into_parts();
        // HTTP/1.1 carries the host in a header, and signatures cover it.
        if !head.headers.contains_key(header::HOST)
            && let Some(authority) = head.uri.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            head.headers.insert(header::HOST, host);
        }
        if !head.headers.contains_key(header::CONTENT_LENGTH) && !body.is_empty() {
            head.headers
                .insert(header::CONTENT_LENGTH, body.len().into());
        }
        let request = Request::from_parts(head, Body::from(body));
        let broken = |_| {
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            answer
        };
        let Ok(answer) = self.service.call(request).await else {
            return broken(());
        };
        let (head, body) = answer.into_parts();
        match body.collect().await {
            Ok(body) => Response::from_parts(head, body.to_bytes()),
            Err(_) => broken(()),
        }
    }

    /// This store as a peer that requests are sent to without a socket.
    pub fn transport(&self) -> Transport {
        let store = self.clone();
        Transport::call(move |request| {
            let store = store.clone();
            async move { Ok(store.handle(request).await) }
        })
    }
}

impl StoreBuilder {
    /// Makes sure that a bucket exists.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.buckets.push(name.into());
        self
    }

    /// Adds a notification.
    pub fn notify(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Opens the store, making its folder and its buckets where they are missing.
    ///
    /// # Errors
    /// When the folder can't be made or written.
    pub fn open(self) -> Result<Store> {
        let folder = Arc::new(Folder::open(&self.root)?);
        for bucket in &self.buckets {
            folder
                .add_bucket(bucket)
                .with_context(|| format!("making the bucket {bucket}"))?;
        }
        let objects = Objects::new(folder.clone(), Notifications::new(self.rules))?;
        let mut service = S3ServiceBuilder::new(objects);
        let Credentials {
            access_key,
            secret_key,
        } = self.credentials;
        service.set_auth(SimpleAuth::from_single(access_key, secret_key));
        Ok(Store {
            service: service.build(),
            folder,
        })
    }
}
