//! The pair of keys that the store accepts and the sender signs with.

use std::fmt;

use rand::Rng;

/// An access key with its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half, sent with every request.
    pub access_key: String,
    /// The secret half, which only signs.
    pub secret_key: String,
}

impl Credentials {
    /// A pair with the given texts.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
        }
    }

    /// A fresh pair, good for one run: whoever reads an old terminal can do nothing with it.
    pub fn random() -> Self {
        Self::new(
            format!("XRAY{}", random_hex(8).to_uppercase()),
            random_hex(20),
        )
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .field("secret_key", &"***")
            .finish()
    }
}

/// A fresh key for pseudonyms: 256 bits in hex.
pub fn fresh_key() -> String {
    random_hex(32)
}

/// `bytes` random bytes in lower-case hex, as a throw-away secret.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::rng().fill(&mut buffer[..]);
    hex::encode(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_secret() {
        let text = format!("{:?}", Credentials::new("public", "private"));
        assert!(
            text.contains("public") && !text.contains("private"),
            "{text}"
        );
    }

    #[test]
    fn every_pair_is_fresh() {
        assert_ne!(Credentials::random(), Credentials::random());
    }
}
