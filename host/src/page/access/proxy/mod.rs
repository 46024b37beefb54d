//! People whom a proxy in front of the page has signed in. The page believes it by a verified ID
//! token (OpenID Connect), or by the proxy's headers beside a secret that the two share, or over a
//! connection with the proxy's certificate. Each request is judged anew. The session is the
//! proxy's, within the limits of the page's own.

mod groups;
mod headers;
mod jws;
mod keys;
#[cfg(test)]
mod tests;
mod token;
mod visits;

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, ensure};
use http::HeaderMap;
use xray::secret::Secret;

use self::visits::Visits;
pub use self::{
    groups::{Groups, parse as parse_group},
    headers::Beside,
    token::{Settings as TokenSettings, Tokens},
    visits::Asked,
};
use super::{
    roles::Role,
    seal::{Seal, read_key},
    sessions::{Session, Stream},
    signed::Seconds,
    users::{User, secret},
};

/// A stream ends after this time, and its browser begins it anew, with another token perhaps.
const STREAM: Seconds = 300;
/// Most bytes of a name.
const LONGEST_NAME: usize = 128;

/// Way in which the proxy says who somebody is.
pub enum Way {
    /// By ID tokens.
    Tokens(Box<Tokens>),
    /// By headers, beside something that is the proxy's alone.
    Headers(Beside),
}

/// A proxy that signs people in.
pub struct Proxy {
    way: Way,
    groups: Groups,
    visits: Visits,
    /// Path at which the proxy signs people out.
    sign_out: String,
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
    /// It begins with this request, so the sign-in belongs into the log.
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
    /// The person has done nothing for a while, or was here for too long.
    Over,
    /// No session has begun, and only opening a page begins one.
    Unbegun,
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
            Self::Over => "refused: the session is over",
            Self::Unbegun => "refused: no session",
        }
    }
}

impl Proxy {
    /// Reports whether a group has this role.
    pub fn grants(&self, role: Role) -> bool {
        self.groups.grant(role)
    }

    /// Believes a proxy. Pages with the same file of a key accept each other's sessions and forms.
    ///
    /// # Errors
    /// When the path is not one of the proxy's, or the key can't be read.
    pub fn new(way: Way, groups: Groups, sign_out: String, key: Option<&Path>) -> Result<Self> {
        ensure!(
            sign_out.starts_with('/') && !sign_out.starts_with("//"),
            "--page-proxy-sign-out is a path of the proxy, such as /oauth2/sign_out"
        );
        let key = match key {
            Some(key) => read_key(key).context("the session key")?,
            None => Secret::new(secret()),
        };
        Ok(Self {
            way,
            groups,
            visits: Visits::new(Seal::new(key)),
            sign_out,
        })
    }

    /// Reports whether the page's TLS has to ask for the proxy's certificate.
    pub fn needs_certificate(&self) -> bool {
        matches!(self.way, Way::Headers(Beside::Certificate))
    }

    /// Returns the path at which the proxy signs people out.
    pub fn sign_out(&self) -> &str {
        &self.sign_out
    }

    /// Finds out who sends a request.
    ///
    /// # Errors
    /// The reason for which that is not known, or may see nothing.
    pub async fn admit(&self, headers: &HeaderMap, asked: Asked<'_>) -> Result<Admitted, Refusal> {
        let claimed = match &self.way {
            Way::Tokens(tokens) => tokens.read(headers, asked.now).await?,
            Way::Headers(beside) => beside.read(headers)?,
        };
        if !is_name(&claimed.name) {
            return Err(Refusal::Name);
        }
        let roles = self.groups.roles(&claimed.groups).ok_or(Refusal::Role)?;
        let visit = self.visits.find(&claimed.name, asked)?;
        let renew = claimed.until.unwrap_or(Seconds::MAX);
        Ok(Admitted {
            is_new: visit.is_new,
            session: Session {
                user: Arc::new(User {
                    name: claimed.name,
                    roles,
                }),
                form_token: visit.form_token,
                may_upload: false,
                stream: Some(Stream {
                    renew: renew.min(asked.now + STREAM),
                    over: visit.over,
                }),
                renewed: visit.cookie,
                end: None,
            },
        })
    }
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
