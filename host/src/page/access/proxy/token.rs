//! ID tokens: signature, issuer, audience and time, then the claims with name and groups.

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, HeaderName, header};
use serde_json::Value;

use super::{Claimed, Refusal, jws::Unverified, keys::Keys, only};
use crate::{page::access::signed::Seconds, serve::outbound::client::Client};

/// Difference between the clocks of issuer and page that is let pass, in seconds.
const LEEWAY: f64 = 30.0;

/// Settings of ID tokens.
pub struct Settings {
    /// Issuer, `https://…`, as it names itself.
    pub issuer: String,
    /// Audience: the proxy's client id.
    pub audience: String,
    /// Certificate authorities in PEM format; without them the machine's are trusted.
    pub authorities: Option<String>,
    /// Header with the token.
    pub header: String,
    /// Claim with the person's groups.
    pub groups: String,
    /// Claim with the person's name.
    pub name: String,
}

/// Verifies ID tokens of one issuer.
pub struct Tokens {
    keys: Keys,
    header: HeaderName,
    settings: Settings,
}

impl Tokens {
    /// Verifies with the keys that the issuer publishes.
    ///
    /// # Errors
    /// When the issuer has no HTTPS, or the certificates can't be read.
    pub fn new(settings: Settings) -> Result<Self> {
        ensure!(
            settings.issuer.starts_with("https://"),
            "--page-oidc-issuer must begin with https://"
        );
        let client = match &settings.authorities {
            None => Client::new()?,
            Some(text) => Client::trusting(text).context("--page-oidc-ca")?,
        };
        let keys = Keys::of_issuer(&settings.issuer, client);
        Self::with_keys(keys, settings)
    }

    pub(super) fn with_keys(keys: Keys, settings: Settings) -> Result<Self> {
        let header = settings.header.to_ascii_lowercase();
        Ok(Self {
            keys,
            header: HeaderName::try_from(header).context("--page-oidc-header")?,
            settings,
        })
    }

    /// Returns the person whom the token of a request names.
    pub(super) async fn read(&self, headers: &HeaderMap, now: Seconds) -> Result<Claimed, Refusal> {
        let token = only(headers, self.header.as_str())?.ok_or(Refusal::Missing)?;
        let token = match token.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            None if self.header != header::AUTHORIZATION => token,
            _ => return Err(Refusal::Missing),
        };
        let token = Unverified::parse(token).ok_or(Refusal::Signature)?;
        let key = self.keys.find(token.key.as_deref(), token.algorithm);
        let claims = token.verify(&key.await?).ok_or(Refusal::Signature)?;
        let until = self.check(&claims, now)?;
        let name = find(&claims, &self.settings.name).and_then(Value::as_str);
        Ok(Claimed {
            name: name.ok_or(Refusal::Name)?.to_owned(),
            groups: words(find(&claims, &self.settings.groups)),
            until: Some(until),
        })
    }

    /// Checks that a token is by this issuer, for this page and of now; returns its end.
    fn check(&self, claims: &Value, now: Seconds) -> Result<Seconds, Refusal> {
        if claims["iss"].as_str() != Some(&self.settings.issuer) {
            return Err(Refusal::Issuer);
        }
        if !words(claims.get("aud")).contains(&self.settings.audience) {
            return Err(Refusal::Audience);
        }
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            // Some issuers write fractions.
            Some(time) => time.as_f64().map(Some).ok_or(Refusal::Time),
        };
        let (now, exp) = (now as f64, time("exp")?.ok_or(Refusal::Time)?);
        let begins = [time("nbf")?, time("iat")?];
        let is_begun = begins
            .into_iter()
            .flatten()
            .all(|begin| begin <= now + LEEWAY);
        if exp + LEEWAY <= now || !is_begun {
            return Err(Refusal::Time);
        }
        Ok(exp as Seconds)
    }
}

/// Returns a claim by its name, or by the names on the way to it: `realm_access.roles`.
fn find<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    let deep = || name.split('.').try_fold(claims, |at, part| at.get(part));
    claims.get(name).or_else(deep)
}

/// Returns the texts of a list; a single text is a list of one.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(list)) => {
            let texts = list.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
