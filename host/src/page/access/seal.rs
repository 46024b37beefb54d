//! Cookies that hold what they say, signed with a key that pages can share.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use xray::secret::{Secret, hmac_sha256};

/// Fewest bytes of a key.
const SHORTEST: usize = 32;

/// Signs for purposes; what is signed for one is not valid for another.
pub(super) struct Seal(Secret);

impl Seal {
    /// Signs with this key.
    pub(super) fn new(key: Secret) -> Self {
        Self(key)
    }

    /// Returns the value of a cookie with these claims.
    pub(super) fn cookie(&self, purpose: &str, claims: &impl Serialize) -> String {
        let text = serde_json::to_vec(claims).unwrap_or_default();
        let text = URL_SAFE_NO_PAD.encode(text);
        format!("{text}.{}", self.digest(purpose, &text))
    }

    /// Returns the claims of a cookie if this key has signed it for this purpose.
    pub(super) fn claims<T: DeserializeOwned>(&self, purpose: &str, cookie: &str) -> Option<T> {
        let (text, signature) = cookie.split_once('.')?;
        // Digests of both, so that the time of the comparison tells nothing.
        let own = self.digest(purpose, text);
        if self.digest("compare", &own) != self.digest("compare", signature) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    /// Returns the keyed digest of a text for a purpose.
    pub(super) fn digest(&self, purpose: &str, text: &str) -> String {
        let text = format!("{purpose}\0{text}");
        hex::encode(hmac_sha256(self.0.expose().as_bytes(), text.as_bytes()))
    }
}

/// Reads a key that is shared: by pages, or by a page and its proxy.
///
/// # Errors
/// When it can't be read or is short.
pub(super) fn read_key(file: &Path) -> Result<Secret> {
    let key = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the key in {}", file.display()))?;
    let key = key.trim();
    ensure!(
        key.len() >= SHORTEST,
        "the key in {} is shorter than {SHORTEST} characters; make one with `openssl rand -hex 32`",
        file.display()
    );
    Ok(Secret::new(key))
}
