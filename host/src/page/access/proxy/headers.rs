//! Identity by headers, as proxies without ID tokens send them. Anybody who reaches the page could
//! send such headers, so they count only beside a secret that the proxy adds, and that clients
//! don't know.

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};

use super::{Claimed, Refusal, only};
use crate::page::access::{
    signed::read_key,
    users::{TokenDigest, digest},
};

/// Header with the secret.
pub const SECRET: &str = "x-xray-proxy-secret";
/// Header with the person.
const USER: &str = "x-forwarded-user";
/// Header with the person's groups, separated by commas.
const GROUPS: &str = "x-forwarded-groups";

/// The secret that a proxy shares with the page.
pub struct Shared(TokenDigest);

impl Shared {
    /// Reads the secret.
    ///
    /// # Errors
    /// When it can't be read, or is short.
    pub fn open(file: &std::path::Path) -> Result<Self> {
        Ok(Self(digest(read_key(file)?.expose())))
    }

    /// Returns the person whom the proxy names.
    pub(super) fn read(&self, headers: &HeaderMap) -> Result<Claimed, Refusal> {
        let basic = only(headers, header::AUTHORIZATION.as_str())?.and_then(basic);
        let secret = match only(headers, SECRET)? {
            Some(secret) => Some(secret.to_owned()),
            None => basic.map(|(_, password)| password),
        };
        // Digests, so that the time of the comparison tells nothing of the secret.
        if secret.map(|secret| digest(&secret)) != Some(self.0) {
            return Err(Refusal::Secret);
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
