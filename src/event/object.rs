//! References to objects, valid by construction.

use crate::error::Error;

/// Limit on the length of a key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

/// Reference to an object. Its `Debug` hides the key, because keys contain names.
#[derive(Clone, PartialEq, Eq)]
pub struct ObjectRef {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl ObjectRef {
    /// Makes a reference; an empty version counts as `None`.
    ///
    /// # Errors
    /// [`Error::Reference`] when the bucket's name or the key is invalid.
    pub fn new(bucket: &str, key: &str, version: Option<&str>) -> Result<ObjectRef, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !(1..=255).contains(&bucket.len()) || !bucket.chars().all(plain) || bucket.contains("..")
        {
            return Err(Error::Reference("the bucket's name is invalid".into()));
        }
        if key.is_empty() {
            return Err(Error::Reference("the key is empty".into()));
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(Error::Reference(format!(
                "the key is over {MAX_KEY_BYTES} bytes"
            )));
        }
        if key.contains('\0') {
            return Err(Error::Reference("the key contains a zero byte".into()));
        }
        let version = version.filter(|v| !v.is_empty()).map(str::to_owned);
        Ok(ObjectRef {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version,
        })
    }

    /// Returns the bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the key, exactly as in the store.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the version, if the bucket is versioned.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl std::fmt::Debug for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectRef")
            .field("bucket", &self.bucket)
            .field("key", &"***")
            .finish()
    }
}
