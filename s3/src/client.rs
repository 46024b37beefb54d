//! The async client: signed requests over a [`Transport`], whole bodies in memory.

mod multipart;
mod transport;
mod upload;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use http::Response;
use jiff::Timestamp;

pub use self::{
    multipart::Multipart,
    transport::Transport,
    upload::{Source, Upload, UploadError, UploadOptions, Uploaded},
};
use crate::{
    Addressing, Endpoint, Error, Object, ObjectHead, Secret,
    actions::{
        Action, DeleteObject, GetObject, HeadObject, ListObjects, NewObject, Page, Precondition,
        PutObject,
    },
    sigv4::{Scope, sign},
};

/// Credentials that sign requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key, sent with every request.
    pub access_key: String,
    /// Secret key, which only signs.
    pub secret_key: Secret,
    /// Session token of temporary credentials.
    pub session_token: Option<Secret>,
}

impl Credentials {
    /// Makes permanent credentials.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: Secret::new(secret_key),
            session_token: None,
        }
    }

    /// Adds the session token of temporary credentials.
    #[must_use]
    pub fn with_session_token(mut self, token: Option<Secret>) -> Self {
        self.session_token = token;
        self
    }
}

/// Retries of transient failures.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Largest number of attempts, the first included.
    pub attempts: usize,
    /// Pause after the first failure; it doubles with every further one.
    pub pause: Duration,
}

/// Signs requests for one endpoint and sends them.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: Endpoint,
    credentials: Credentials,
    region: String,
    transport: Transport,
    retry: Option<Retry>,
}

impl Client {
    /// Makes a client for an endpoint, reached through `transport`, with the region `us-east-1` and
    /// without retries.
    pub fn new(endpoint: Endpoint, credentials: Credentials, transport: Transport) -> Self {
        Self {
            endpoint,
            credentials,
            region: "us-east-1".into(),
            transport,
            retry: None,
        }
    }

    /// Signs for this region.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Repeats requests that fail for a transient reason.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Returns the endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends an action and reads its response.
    ///
    /// # Errors
    /// Fails when the request can't be made, no response comes, or the action fails.
    pub async fn send<A: Action>(&self, action: &A) -> Result<A::Output, Error> {
        let attempt = || async { action.response(self.respond(action).await?) };
        let Some(Retry { attempts, pause }) = self.retry else {
            return attempt().await;
        };
        let pauses = ExponentialBuilder::new()
            .with_min_delay(pause)
            .without_max_delay()
            .with_max_times(attempts.saturating_sub(1));
        attempt.retry(pauses).when(Error::is_transient).await
    }

    /// Sends an action once and returns the response as it is, whatever its status.
    ///
    /// # Errors
    /// Fails when the request can't be made or no response comes.
    pub async fn respond<A: Action>(&self, action: &A) -> Result<Response<Bytes>, Error> {
        let mut request = action.request(&self.endpoint)?;
        let scope = Scope {
            access_key: &self.credentials.access_key,
            secret_key: &self.credentials.secret_key,
            session_token: self.credentials.session_token.as_ref(),
            region: &self.region,
            service: A::SERVICE,
        };
        sign(&mut request, &scope, Timestamp::now())?;
        let host = request.uri().host().map(str::to_owned);
        let sent = self.transport.send(request).await;
        match (sent, host, self.endpoint.addressing()) {
            // Each bucket has a host name of its own there, which may be missing in the DNS.
            (Err(Error::Transport(error)), Some(host), Addressing::VirtualHost) => {
                Err(Error::Transport(format!("{host}: {error}").into()))
            }
            (sent, ..) => sent,
        }
    }

    /// Stores an object and returns its ETag without quotes. An object that is there is replaced.
    ///
    /// # Errors
    /// Fails when the store refuses it.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<String, Error> {
        let object = &NewObject {
            body: body.into(),
            content_type,
            metadata: Vec::new(),
            precondition: Precondition::Seen,
        };
        let put = PutObject {
            bucket,
            key,
            object,
        };
        self.send(&put).await?.ok_or(Error::Missing("ETag"))
    }

    /// Fetches an object; `None` if it does not exist.
    ///
    /// # Errors
    /// Fails on any response other than the object or 404.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Object>, Error> {
        let get = GetObject {
            bucket,
            key,
            ..GetObject::default()
        };
        self.send(&get).await
    }

    /// Fetches an object's description; `None` if there is no object.
    ///
    /// # Errors
    /// Fails on any response other than the description or 404.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        self.send(&HeadObject { bucket, key }).await
    }

    /// Deletes an object; succeeds if it does not exist.
    ///
    /// # Errors
    /// Fails when the store refuses.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        self.send(&DeleteObject { bucket, key }).await
    }

    /// Lists at most `max_keys` objects whose keys begin with `prefix`, from the first key after
    /// `start_after`.
    ///
    /// # Errors
    /// Fails when the store refuses, or its listing can't be read.
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        start_after: &str,
        max_keys: u16,
    ) -> Result<Page, Error> {
        let list = ListObjects {
            bucket,
            prefix,
            start_after,
            max_keys,
        };
        self.send(&list).await
    }
}
