//! Access tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4), for SASL OAUTHBEARER.

mod response;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use kafka_trigger::rdkafka::{Token, TokenError, TokenSource};
use url::form_urlencoded::{Serializer, byte_serialize};

use self::response::{Granted, read};
use crate::serve::outbound::client::{Client, full};

/// Time limit of a request. Records are not read meanwhile.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Time for which a failure is repeated without a request: the client asks every second.
const PAUSE: Duration = Duration::from_secs(10);

/// Maximum size of a response.
const MAX_RESPONSE: usize = 1 << 20;

/// Gets tokens from an issuer as a client with a secret.
pub(super) struct ClientCredentials {
    url: Uri,
    authorization: header::HeaderValue,
    body: Bytes,
    client_id: String,
    ca: Option<String>,
    last: Mutex<Option<Last>>,
}

/// Result of the last request.
struct Last {
    at: Instant,
    result: Result<Granted, TokenError>,
}

impl ClientCredentials {
    /// Prepares the request. `ca` has the issuer's certificate authorities in PEM format; without
    /// it the machine's are trusted.
    ///
    /// # Errors
    /// When the URL or the authorities can't be read.
    pub(super) fn new(
        url: &str,
        client_id: String,
        client_secret: String,
        scope: Option<String>,
        audience: Option<String>,
        ca: Option<&str>,
    ) -> Result<Self> {
        // Without a scheme and with a path it does not even parse.
        if !["https://", "http://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            bail!("`oauth_token_url` must begin with https:// (or http://)");
        }
        let url: Uri = url.parse().context("`oauth_token_url` is not a URL")?;
        if let Some(ca) = ca {
            Client::trusting(ca).context("`oauth_ca`")?;
        }
        // Encoded like a form before they are joined: either may contain a colon.
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&client_id), encoded(&client_secret));
        let mut authorization: header::HeaderValue =
            format!("Basic {}", STANDARD.encode(pair)).try_into()?;
        authorization.set_sensitive(true);
        let mut body = Serializer::new(String::new());
        body.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", scope), ("audience", audience)] {
            if let Some(value) = value {
                body.append_pair(name, &value);
            }
        }
        Ok(Self {
            url,
            authorization,
            body: body.finish().into(),
            client_id,
            ca: ca.map(str::to_owned),
            last: Mutex::default(),
        })
    }

    fn request(&self) -> Result<Granted, TokenError> {
        // The caller's thread may or may not belong to a runtime, so this one is its own.
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_all().build();
                runtime
                    .map_err(|error| TokenError::Unavailable(error.to_string()))?
                    .block_on(self.send())
            });
            thread.join().unwrap_or_else(|_| {
                Err(TokenError::Unavailable("asking for a token failed".into()))
            })
        })
    }

    async fn send(&self) -> Result<Granted, TokenError> {
        let host = self.url.authority().map_or("", |name| name.as_str());
        let unreachable = |error: &dyn std::fmt::Display| {
            TokenError::Unavailable(format!(
                "no response from the token issuer at {host}: {error}"
            ))
        };
        let client = match &self.ca {
            Some(ca) => Client::trusting(ca),
            None => Client::new(),
        };
        let client = client.map_err(|error| unreachable(&format!("{error:#}")))?;
        let request = Request::post(&self.url)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(full(self.body.clone()))
            .map_err(|error| unreachable(&error))?;
        let exchange = async {
            let response = client.send(request, None).await;
            let response = response.map_err(|error| unreachable(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_RESPONSE).collect();
            let body = body.await.map_err(|error| unreachable(&error))?;
            read(host, status, &body.to_bytes(), SystemTime::now())
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(unreachable(&"time limit")))
    }

    fn token_of(&self, granted: &Granted) -> Token {
        Token {
            value: granted.token.clone(),
            principal: self.client_id.clone(),
            expires: granted.expires,
        }
    }
}

impl TokenSource for ClientCredentials {
    /// Returns the last token during the first half of its lifetime, since a consumer and a
    /// producer need one each, and requests for the next one may have queued up.
    fn token(&self) -> Result<Token, TokenError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last {
            match &last.result {
                Ok(granted) if last.at.elapsed() < granted.lifetime / 2 => {
                    return Ok(self.token_of(granted));
                }
                Err(error) if last.at.elapsed() < PAUSE => return Err(error.clone()),
                _ => {}
            }
        }
        let result = self.request();
        let token = match &result {
            Ok(granted) => Ok(self.token_of(granted)),
            Err(error) => Err(error.clone()),
        };
        *last = Some(Last {
            at: Instant::now(),
            result,
        });
        token
    }
}
