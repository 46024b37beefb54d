//! Random ids and credentials.

use rand::Rng;
use s3::Credentials;

/// Makes credentials for one run, of no use to anyone who reads an old terminal.
pub fn random_credentials() -> Credentials {
    Credentials::new(format!("XRAY{}", hex(8).to_uppercase()), hex(20))
}

/// Returns this many random bytes in lower-case hex.
pub(crate) fn hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::rng().fill(&mut buffer[..]);
    hex::encode(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_random() {
        assert_ne!(random_credentials(), random_credentials());
    }

    #[test]
    fn credentials_debug_hides_the_secret() {
        let text = format!("{:?}", Credentials::new("public", "private"));
        assert!(
            text.contains("public") && !text.contains("private"),
            "{text}"
        );
    }
}
