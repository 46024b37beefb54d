//! SHA-256 digests, which name contents.

use std::{fmt, str::FromStr};

use anyhow::{Error, bail};
use sha2::Sha256;

/// A SHA-256 digest, displayed as `sha256:` and 64 hex digits. The digits are safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Computes the digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::finish(<Sha256 as sha2::Digest>::new_with_prefix(bytes))
    }

    /// Returns the digest of all bytes that the hasher has seen.
    pub(super) fn finish(hasher: Sha256) -> Self {
        Self(hex::encode(sha2::Digest::finalize(hasher)))
    }

    /// Returns the 64 hex digits.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("sha256:") {
            Some(hex)
                if hex.len() == 64
                    && hex
                        .bytes()
                        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) =>
            {
                Ok(Self(hex.to_owned()))
            }
            _ => bail!("{text:?} is not a SHA-256 digest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sha256_digests_parse() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert_eq!(empty.parse::<Digest>().unwrap(), Digest::of(b""));
        let (upper, long, other) = (
            empty.to_uppercase(),
            format!("{empty}0"),
            empty.replace("256", "512"),
        );
        for bad in [
            "",
            "sha256:",
            "sha256:../../etc/passwd",
            &upper,
            &long,
            &other,
            &empty[7..],
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
