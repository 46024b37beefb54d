//! People whom a proxy in front of the page has signed in. The page believes it by a verified ID
//! token (OpenID Connect), or by the proxy's headers beside a secret that the two share. Each
//! request is judged anew, so a session is the proxy's.

mod groups;
mod headers;
mod jws;
mod keys;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use http::HeaderMap;
use xray::secret::{Secret, hmac_sha256};

pub use self::{
    groups::{Groups, parse as parse_group},
    headers::Shared,
    token::{Settings as TokenSettings, Tokens},
};
use super::{
    sessions::{IDLE, LONGEST, Session},
    signed::Seconds,
    users::{User, secret},
};

/// A stream ends after this time, and its browser begins it anew, with another token perhaps.
const STREAM: Seconds = 300;
/// Most bytes of a name.
const LONGEST_NAME: usize = 128;
/// Most people who are remembered as signed in.
const MOST: usize = 10_000;

/// Way in which the proxy says who somebody is.
pub enum Way {
    /// By ID tokens.
    Tokens(Box<Tokens>),
    /// By headers beside a secret.
    Shared(Shared),
}

/// A proxy that signs people in.
pub struct Proxy {
    way: Way,
    groups: Groups,
    /// Key of the forms' tokens.
    key: Secret,
    /// Path at which the proxy signs people out.
    sign_out: String,
    /// Sign-ins that are in the log, by name: their begin, and the last request.
    seen: Mutex<HashMap<String, (Instant, Instant)>>,
}

/// Somebody whom the proxy names.
#[derive(Debug, PartialEq, Eq)]
struct Claimed {
    name: String,
    groups: Vec<String>,
    /// End of the token.
    until: Option<Seconds>,
}

/// A person who is let in.
#[derive(Debug)]
pub struct Admitted {
    /// The session of this request.
    pub session: Session,
    /// Time at which a stream ends.
    pub until: Seconds,
    /// The person's sign-in belongs into the log.
    pub is_new: bool,
}

/// Reason for which somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no token, or none by the proxy.
    Missing,
    /// The secret beside the headers is missing or wrong.
    Secret,
    /// A header is there twice: a client's beside the proxy's.
    Twice,
    /// It can't be read as a token, or its algorithm or signature is wrong.
    Signature,
    /// Its key is not among the issuer's.
    Key,
    /// Another issuer made it.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It is no longer or not yet good.
    Time,
    /// It names nobody, or the name has characters that don't belong into a log.
    Name,
    /// The person has no role.
    Role,
    /// The issuer's keys can't be had.
    Issuerless,
}

impl Refusal {
    /// Returns the word for the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "refused: no token",
            Self::Secret => "refused: without the proxy's secret",
            Self::Twice => "refused: a header is there twice",
            Self::Signature => "refused: signature",
            Self::Key => "refused: unknown key",
            Self::Issuer => "refused: issuer",
            Self::Audience => "refused: audience",
            Self::Time => "refused: expired",
            Self::Name => "refused: no name",
            Self::Role => "refused: no role",
            Self::Issuerless => "refused: the issuer does not respond",
        }
    }
}

impl Proxy {
    /// Believes a proxy. Pages with the same file of a key accept each other's forms.
    ///
    /// # Errors
    /// When the path is not one of the proxy's, or the key can't be read.
    pub fn new(
        way: Way,
        groups: Groups,
        sign_out: String,
        key: Option<&std::path::Path>,
    ) -> Result<Self> {
        ensure!(
            sign_out.starts_with('/') && !sign_out.starts_with("//"),
            "--page-proxy-sign-out is a path of the proxy, such as /oauth2/sign_out"
        );
        let key = match key {
            Some(key) => super::signed::read_key(key).context("the session key")?,
            None => Secret::new(secret()),
        };
        Ok(Self {
            way,
            groups,
            key,
            sign_out,
            seen: Mutex::default(),
        })
    }

    /// Returns the path at which the proxy signs people out.
    pub fn sign_out(&self) -> &str {
        &self.sign_out
    }

    /// Finds out who sends a request.
    ///
    /// # Errors
    /// The reason for which that is not known, or may see nothing.
    pub async fn admit(&self, headers: &HeaderMap, now: Seconds) -> Result<Admitted, Refusal> {
        let claimed = match &self.way {
            Way::Tokens(tokens) => tokens.read(headers, now).await?,
            Way::Shared(shared) => shared.read(headers)?,
        };
        if !is_name(&claimed.name) {
            return Err(Refusal::Name);
        }
        let roles = self.groups.roles(&claimed.groups).ok_or(Refusal::Role)?;
        let text = format!("form\0{}", claimed.name);
        let form_token = hmac_sha256(self.key.expose().as_bytes(), text.as_bytes());
        Ok(Admitted {
            until: claimed.until.unwrap_or(Seconds::MAX).min(now + STREAM),
            is_new: self.is_new(&claimed.name, Instant::now()),
            session: Session {
                user: Arc::new(User {
                    name: claimed.name,
                    roles,
                }),
                form_token: hex::encode(form_token),
                may_upload: false,
                until: None,
                renewed: None,
                end: None,
            },
        })
    }

    /// Reports whether a person's sign-in belongs into the log: none is there, or not since the
    /// person was away.
    fn is_new(&self, name: &str, now: Instant) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get_mut(name) {
            Some((begun, last))
                if is_within(*begun, now, LONGEST) && is_within(*last, now, IDLE) =>
            {
                *last = now;
                false
            }
            _ => true,
        }
    }

    /// Notes that a person's sign-in is in the log.
    pub fn noted(&self, name: &str) {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, (_, last)| is_within(*last, now, IDLE));
        }
        seen.insert(name.to_owned(), (now, now));
    }

    /// Notes that a person has signed out.
    pub fn forget(&self, name: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(name);
    }
}

fn is_within(since: Instant, now: Instant, limit: Duration) -> bool {
    now.duration_since(since) < limit
}

/// Reports whether this can be a person's name in the log. Issuers write more than letters and
/// digits into `sub`.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.@|:/+=".contains(c);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_plain)
}

/// Returns a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut all = headers.get_all(name).into_iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::Twice),
        (Some(value), None) => Ok(value.to_str().ok()),
    }
}
