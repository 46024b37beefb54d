//! An S3 store on a folder, with checked signatures, atomic conditional writes, and notifications
//! as Ceph's gateway sends them.
//!
//! It serves HTTP after [`Store::listen`], and calls within the process by [`Store::handle`]. Both
//! go through the same code and the same signature check.

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

/// Configuration of a store.
#[derive(Debug)]
pub struct StoreBuilder {
    root: PathBuf,
    credentials: Credentials,
    buckets: Vec<String>,
    rules: Vec<Rule>,
}

impl Store {
    /// Configures a store in the folder `root`, for one user.
    pub fn builder(root: impl Into<PathBuf>, credentials: Credentials) -> StoreBuilder {
        StoreBuilder {
            root: root.into(),
            credentials,
            buckets: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Returns the folder of a bucket, in which each object is a file under its key.
    pub fn bucket_dir(&self, bucket: &str) -> PathBuf {
        self.folder.bucket_dir(bucket)
    }

    /// Returns the store's own folder.
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// Handles one request without a socket. The request must be signed all the same.
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
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        };
        let Ok(response) = self.service.call(request).await else {
            return broken(());
        };
        let (head, body) = response.into_parts();
        match body.collect().await {
            Ok(body) => Response::from_parts(head, body.to_bytes()),
            Err(_) => broken(()),
        }
    }

    /// Returns a transport that calls this store without a socket.
    pub fn transport(&self) -> Transport {
        let store = self.clone();
        Transport::from_fn(move |request| {
            let store = store.clone();
            async move { Ok(store.handle(request).await) }
        })
    }
}

impl StoreBuilder {
    /// Adds a bucket, which is made if it does not exist.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.buckets.push(name.into());
        self
    }

    /// Adds a notification.
    pub fn notify(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Opens the store; makes its folder and buckets if they are missing.
    ///
    /// # Errors
    /// Fails when a folder can't be made.
    pub fn open(self) -> Result<Store> {
        let folder = Arc::new(Folder::open(&self.root)?);
        for bucket in &self.buckets {
            folder
                .add_bucket(bucket)
                .with_context(|| format!("creating the bucket {bucket}"))?;
        }
        let objects = Objects::new(folder.clone(), Notifications::new(self.rules))?;
        let mut service = S3ServiceBuilder::new(objects);
        let Credentials {
            access_key,
            secret_key,
            ..
        } = self.credentials;
        service.set_auth(SimpleAuth::from_single(access_key, secret_key.expose()));
        Ok(Store {
            service: service.build(),
            folder,
        })
    }
}
