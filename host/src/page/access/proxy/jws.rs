//! Signed tokens: JSON Web Signature (RFC 7515) in its compact form, with the two algorithms that
//! issuers of ID tokens use. The cryptography is ring's, which TLS needs anyway. The crate
//! `jsonwebtoken` would need ring behind it as well, and add dependencies for the little below.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// Algorithm of a signature. There is neither `none` nor one with a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
}

/// A token whose signature is still to be verified.
pub(super) struct Unverified<'a> {
    pub(super) algorithm: Algorithm,
    /// Id of the key.
    pub(super) key: Option<String>,
    signed: &'a str,
    signature: Vec<u8>,
    claims: &'a str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that a reader must understand.
    crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart; `None` if it can't be read, or has another algorithm.
    pub(super) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::Rs256,
            "ES256" => Algorithm::Es256,
            _ => return None,
        };
        // Access tokens say that they are no ID tokens.
        let is_jwt = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
        (is_jwt && header.crit.is_none()).then_some(Self {
            algorithm,
            key: header.kid,
            signed,
            signature: decode(signature)?,
            claims,
        })
    }

    /// Verifies the signature and returns the claims, an object; `None` if it does not hold.
    pub(super) fn verify(&self, key: &Key) -> Option<Value> {
        let message = self.signed.as_bytes();
        match (self.algorithm, key) {
            (Algorithm::Rs256, Key::Rsa { n, e }) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, &self.signature)
            }
            (Algorithm::Es256, Key::Ec(point)) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, &self.signature)
            }
            _ => return None,
        }
        .ok()?;
        let claims: Value = serde_json::from_slice(&decode(self.claims)?).ok()?;
        claims.is_object().then_some(claims)
    }
}

/// A public key.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of P-256, uncompressed.
    Ec(Vec<u8>),
}

/// A key as issuers publish it (RFC 7517), as far as it is read here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Jwk {
    pub(super) kid: Option<String>,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// Returns the key if it is for signatures of this algorithm.
    pub(super) fn key(&self, algorithm: Algorithm) -> Option<Key> {
        let part = |part: &Option<String>| decode(part.as_deref()?);
        let (name, key) = match (algorithm, self.kty.as_str(), self.crv.as_deref()) {
            (Algorithm::Rs256, "RSA", _) => {
                let (n, e) = (part(&self.n)?, part(&self.e)?);
                ("RS256", Key::Rsa { n, e })
            }
            (Algorithm::Es256, "EC", Some("P-256")) => {
                let (x, y) = (part(&self.x)?, part(&self.y)?);
                let is_point = x.len() == 32 && y.len() == 32;
                (
                    "ES256",
                    Key::Ec(is_point.then(|| [vec![4], x, y].concat())?),
                )
            }
            _ => return None,
        };
        let is_named = self.alg.as_deref().is_none_or(|own| own == name);
        let is_for_signatures = self.purpose.as_deref().is_none_or(|own| own == "sig");
        (is_named && is_for_signatures).then_some(key)
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
