//! Identity by headers, as proxies without ID tokens send them. Anybody who reaches the page could
//! send such headers, so they count only beside a secret that the proxy adds, and that clients
//! don't know, or over a connection that the proxy's certificate has proven.

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};

use super::{Claimed, Refusal, only};
use crate::page::access::{
    seal::read_key,
    users::{TokenDigest, digest},
};

/// Header with the secret.
pub const SECRET: &str = "x-xray-proxy-secret";
/// Header with the person.
const USER: &str = "x-forwarded-user";
/// Header with the person's groups, separated by commas.
const GROUPS: &str = "x-forwarded-groups";

/// Proof that headers are the proxy's.
pub enum Beside {
    /// A secret that the two share, by its digest.
    Secret(TokenDigest),
    /// The certificate that the page's TLS asks each client for.
    Certificate,
}

impl Beside {
    /// Reads a secret.
    ///
    /// # Errors
    /// When it can't be read, or is short.
    pub fn secret(file: &std::path::Path) -> Result<Self> {
        Ok(Self::Secret(digest(read_key(file)?.expose())))
    }

    /// Returns the person whom the proxy names.
    pub(super) fn read(&self, headers: &HeaderMap) -> Result<Claimed, Refusal> {
        if let Self::Secret(own) = self {
            let basic = only(headers, header::AUTHORIZATION.as_str())?.and_then(basic);
            let secret = match only(headers, SECRET)? {
                Some(secret) => Some(secret.to_owned()),
                None => basic.map(|(_, password)| password),
            };
            // Digests, so that the time of the comparison tells nothing of the secret.
            if secret.map(|secret| digest(&secret)) != Some(*own) {
                return Err(Refusal::Secret);
            }
        }
        let name = only(headers, USER)?.ok_or(Refusal::Name)?.trim();
        let groups = only(headers, GROUPS)?.unwrap_or_default().split(',');
        let groups = groups.map(str::trim).filter(|group| !group.is_empty());
        Ok(Claimed {
            name: name.to_owned(),
            groups: groups.map(str::to_owned).collect(),
            until: None,
        })
    }
}

/// Returns name and password of basic authentication, which proxies send for this purpose.
fn basic(value: &str) -> Option<(String, String)> {
    let text = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}
