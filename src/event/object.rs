//! Which object: bucket, key and version, checked when it is made.

use crate::error::Error;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;

/// An object in the store. Its `Debug` does not show the key, because keys hold names.
#[derive(Clone, PartialEq, Eq)]
pub struct ObjectRef {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl ObjectRef {
    /// Checks and makes a reference; an empty version is none.
    ///
    /// # Errors
    /// [`Error::Reference`] when the bucket's name or the key can't be one.
    pub fn new(bucket: &str, key: &str, version: Option<&str>) -> Result<ObjectRef, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !(1..=255).contains(&bucket.len()) || !bucket.chars().all(plain) || bucket.contains("..")
        {
            return Err(Error::Reference("the bucket's name is not one".into()));
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
            return Err(Error::Reference("the key holds a zero byte".into()));
        }
        let version = version.filter(|v| !v.is_empty()).map(str::to_owned);
        Ok(ObjectRef {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version,
        })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key, as it is in the store.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The version, where the bucket has versions.
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
