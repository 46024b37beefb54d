//! Objects on disk: each a file under its key, with its attributes in a hidden file.
//!
//! `s3s-fs` would name the hidden file by the whole key, which fails for keys of about a hundred
//! bytes and more, and would not write both files atomically. Single objects are therefore handled
//! here; `s3s-fs` lists, and joins multipart uploads.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Attributes of an object in S3.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    pub(super) etag: String,
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) cache_control: Option<String>,
    /// User metadata, without `x-amz-meta-`.
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: Vec<(String, String)>,
    /// Size and time of the file, to recognize a file that was changed by hand.
    pub(super) stamp: Option<(u64, u128)>,
}

/// A stored object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) attributes: Attributes,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

/// The store's hidden files.
#[derive(Debug)]
pub(super) struct Disk {
    attributes: PathBuf,
    counter: AtomicU64,
}

impl Disk {
    pub(super) fn open(hidden: &Path) -> io::Result<Self> {
        let attributes = hidden.join(".attributes");
        fs::create_dir_all(&attributes)?;
        Ok(Self {
            attributes,
            counter: AtomicU64::new(0),
        })
    }

    /// Returns the object at `path`. A file that was not stored through S3 is an object too; its
    /// ETag is computed.
    pub(super) fn find(&self, path: &Path) -> io::Result<Option<Object>> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(e) if is_absence(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        let modified = metadata.modified()?;
        if metadata.is_dir() {
            let attributes = Attributes {
                etag: etag(b""),
                ..Attributes::default()
            };
            return Ok(Some(Object {
                attributes,
                size: 0,
                modified,
            }));
        }
        let size = metadata.len();
        let stored = fs::read(self.attributes_of(path)).ok();
        let stored = stored.and_then(|json| serde_json::from_slice::<Attributes>(&json).ok());
        let attributes = match stored {
            Some(attributes) if attributes.stamp == Some(stamp(size, modified)) => attributes,
            _ => Attributes {
                etag: etag(&fs::read(path)?),
                ..Attributes::default()
            },
        };
        Ok(Some(Object {
            attributes,
            size,
            modified,
        }))
    }

    /// Stores a file with its attributes atomically and returns its ETag.
    pub(super) fn put(
        &self,
        path: &Path,
        body: &[u8],
        mut attributes: Attributes,
    ) -> io::Result<String> {
        let staged = self.staged();
        fs::write(&staged, body)?;
        let metadata = fs::metadata(&staged)?;
        if attributes.etag.is_empty() {
            attributes.etag = etag(body);
        }
        attributes.stamp = Some(stamp(metadata.len(), metadata.modified()?));
        // Attributes first: without their file they match nothing and are ignored.
        self.put_attributes(path, &attributes)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(staged, path)?;
        Ok(attributes.etag)
    }

    /// Sets the attributes of an existing file.
    pub(super) fn describe(&self, path: &Path, mut attributes: Attributes) -> io::Result<()> {
        let metadata = fs::metadata(path)?;
        attributes.stamp = Some(stamp(metadata.len(), metadata.modified()?));
        self.put_attributes(path, &attributes)
    }

    /// Removes a file and its attributes; the folders above it stay.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            // A folder that still holds objects stays; nobody sees that its own object is gone.
            return fs::remove_dir(path).or(Ok(()));
        }
        fs::remove_file(path)?;
        // A file that was stored by hand has none.
        fs::remove_file(self.attributes_of(path)).or(Ok(()))
    }

    fn put_attributes(&self, path: &Path, attributes: &Attributes) -> io::Result<()> {
        let staged = self.staged();
        fs::write(&staged, serde_json::to_vec(attributes)?)?;
        fs::rename(staged, self.attributes_of(path))
    }

    /// Named by a digest, so that every key fits and none can be read from the name.
    fn attributes_of(&self, path: &Path) -> PathBuf {
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        self.attributes.join(hex::encode(digest))
    }

    fn staged(&self) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.attributes.join(format!("staged-{number}"))
    }
}

fn etag(body: &[u8]) -> String {
    hex::encode(Md5::digest(body))
}

fn stamp(size: u64, modified: SystemTime) -> (u64, u128) {
    (
        size,
        modified
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos(),
    )
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
