//! UIDs: `2.25.` and 128 bits of a keyed digest as a decimal number (PS3.5, B.2).

use super::syntax::is_uid;
use crate::secret::{Secret, hmac_sha256};

/// Prefix of the standard's own UIDs, which name classes and syntaxes and identify nobody.
const WELL_KNOWN: &str = "1.2.840.10008.";

/// Prefix of the standard's frames of reference, the only instances that it names.
const WELL_KNOWN_FRAMES: &str = "1.2.840.10008.1.4.";

/// A key from which UIDs are derived.
#[derive(Debug, Clone)]
pub(crate) struct UidKey {
    key: Secret,
    domain: &'static str,
}

impl UidKey {
    /// Derives from `key`; `domain` separates UIDs of different things.
    pub(crate) fn new(key: &Secret, domain: &'static str) -> UidKey {
        UidKey {
            key: key.clone(),
            domain,
        }
    }

    /// Returns the UID for a text.
    pub(crate) fn derive(&self, text: &str) -> String {
        let text = format!("xray/dicom/{}\0{text}", self.domain);
        let digest = hmac_sha256(self.key.expose().as_bytes(), text.as_bytes());
        let number = digest[..16]
            .iter()
            .fold(0u128, |n, b| n << 8 | u128::from(*b));
        format!("2.25.{number}")
    }

    /// Replaces a UID, unless it is one of the standard's own.
    pub(crate) fn replace(&self, uid: &str) -> String {
        self.replace_unless(uid, WELL_KNOWN)
    }

    /// Replaces the UID of an instance, unless it is a frame of reference of the standard's own.
    pub(crate) fn replace_instance(&self, uid: &str) -> String {
        self.replace_unless(uid, WELL_KNOWN_FRAMES)
    }

    fn replace_unless(&self, uid: &str, well_known: &str) -> String {
        match uid.starts_with(well_known) && is_uid(uid) || uid.is_empty() {
            true => uid.to_owned(),
            false => self.derive(uid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_depend_on_key_and_domain_and_spare_the_standards_own() {
        let key = |key: &str, domain| UidKey::new(&Secret::new(key), domain);
        let uid = key("k", "a").replace("1.2.3");
        assert!(uid.starts_with("2.25.") && uid.len() <= 44, "{uid}");
        assert_eq!(uid, key("k", "a").replace("1.2.3"));
        assert_ne!(uid, key("k", "b").replace("1.2.3"));
        assert_ne!(uid, key("l", "a").replace("1.2.3"));
        assert_eq!(
            key("k", "a").replace("1.2.840.10008.1.2"),
            "1.2.840.10008.1.2"
        );
        let frame = "1.2.840.10008.1.4.1.1";
        assert_eq!(key("k", "a").replace_instance(frame), frame);
        for (kept, uid) in [
            (key("k", "a").replace("1.2.840.10008.Doe"), "Doe"),
            (key("k", "a").replace_instance("1.2.840.10008.5.1"), "10008"),
        ] {
            assert!(!kept.contains(uid), "{kept}");
        }
    }
}
