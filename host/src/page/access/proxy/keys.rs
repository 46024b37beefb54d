//! The issuer's public keys: fetched over HTTPS when they are needed, and again when a token names
//! one that is not among them, but not more often than every ten seconds.

use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Mutex;

use super::{
    Refusal,
    jws::{Algorithm, Jwk, Key},
};
use crate::serve::outbound::client::{Client, empty};

/// Shortest time between two attempts to fetch.
const PAUSE: Duration = Duration::from_secs(10);
/// Keys are fetched again after this time, so that those which the issuer withdraws end.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// Keys are given up after this time, if the issuer does not respond.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a response.
const MAX_RESPONSE: usize = 1 << 20;

/// Fetches all keys.
pub(super) type Fetch = dyn Fn() -> BoxFuture<'static, Result<Vec<Jwk>>> + Send + Sync;

/// Keys of one issuer.
pub(super) struct Keys {
    fetch: Box<Fetch>,
    known: RwLock<Known>,
    /// Last attempt to fetch.
    tried: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    keys: Vec<Jwk>,
    at: Option<Instant>,
}

impl Keys {
    pub(super) fn new(fetch: Box<Fetch>) -> Self {
        Self {
            fetch,
            known: RwLock::default(),
            tried: Mutex::default(),
        }
    }

    /// Fetches from an issuer, whose discovery document names the place.
    pub(super) fn of_issuer(issuer: &str, client: Client) -> Self {
        let issuer = issuer.to_owned();
        Self::new(Box::new(move || {
            let (issuer, client) = (issuer.clone(), client.clone());
            Box::pin(async move { fetch(&issuer, &client).await })
        }))
    }

    /// Returns the key for a token's header.
    ///
    /// # Errors
    /// When the issuer has no such key, or does not respond.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Key, Refusal> {
        if let Some(key) = self.known(id, algorithm, FRESH) {
            return Ok(key);
        }
        let mut tried = self.tried.lock().await;
        // Somebody else has fetched meanwhile.
        if let Some(key) = self.known(id, algorithm, FRESH) {
            return Ok(key);
        }
        if tried.is_none_or(|tried| tried.elapsed() >= PAUSE) {
            *tried = Some(Instant::now());
            match (self.fetch)().await {
                Ok(keys) => {
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    *known = Known {
                        keys,
                        at: Some(Instant::now()),
                    };
                }
                Err(error) => tracing::warn!("the keys of the page's issuer: {error:#}"),
            }
        }
        drop(tried);
        let key = self.known(id, algorithm, LONGEST);
        key.ok_or_else(|| match self.is_within(FRESH) {
            true => Refusal::Key,
            false => Refusal::Issuerless,
        })
    }

    fn is_within(&self, age: Duration) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.at.is_some_and(|at| at.elapsed() < age)
    }

    fn known(&self, id: Option<&str>, algorithm: Algorithm, age: Duration) -> Option<Key> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.at.filter(|at| at.elapsed() < age)?;
        let all = known.keys.iter();
        let mut fitting = all.filter_map(|jwk| Some((jwk.kid.as_deref(), jwk.key(algorithm)?)));
        match id {
            Some(id) => fitting
                .find(|(kid, _)| *kid == Some(id))
                .map(|(_, key)| key),
            // Without an id there must be no choice.
            None => {
                let (_, key) = fitting.next()?;
                fitting.next().is_none().then_some(key)
            }
        }
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

async fn fetch(issuer: &str, client: &Client) -> Result<Vec<Jwk>> {
    let url = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let found: Discovery = get(client, &url).await?;
    ensure!(
        found.issuer == issuer,
        "{url} is about another issuer; set --page-oidc-issuer to the one that it names"
    );
    let set: Set = get(client, &found.jwks_uri).await?;
    // Keys of kinds that this version does not know are left out.
    let keys = set.keys.into_iter().map(serde_json::from_value);
    let keys: Vec<Jwk> = keys.filter_map(Result::ok).collect();
    ensure!(!keys.is_empty(), "{} has no key", found.jwks_uri);
    Ok(keys)
}

async fn get<T: DeserializeOwned>(client: &Client, url: &str) -> Result<T> {
    ensure!(
        url.starts_with("https://"),
        "{url} does not begin with https://"
    );
    let request = Request::get(url)
        .header(header::ACCEPT, "application/json")
        .body(empty())
        .with_context(|| url.to_owned())?;
    let exchange = async {
        let response = client.send(request, None).await;
        let response = response.map_err(|error| anyhow::anyhow!("{url}: {error}"))?;
        let status = response.status();
        ensure!(status == StatusCode::OK, "{url} responds with {status}");
        let body = Limited::new(response.into_body(), MAX_RESPONSE)
            .collect()
            .await;
        let body = body.map_err(|error| anyhow::anyhow!("{url}: {error}"))?;
        serde_json::from_slice(&body.to_bytes()).with_context(|| url.to_owned())
    };
    let ended = tokio::time::timeout(TIMEOUT, exchange).await;
    ended.with_context(|| format!("{url} does not respond"))?
}
