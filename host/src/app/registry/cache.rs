//! Cache of pulled contents by digest. Nothing is pulled twice, and a known image starts without
//! its registry.
//!
//! Files are written under a temporary name and renamed, so that any number of processes may share
//! the folder, and contents are verified by hash before use. Nothing is changed in place; the
//! folder may be deleted at any time.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::digest::Digest;
use crate::app::folder::Folder;

/// A folder of contents named by their digests.
#[derive(Debug)]
pub struct Cache(Folder);

impl Cache {
    /// Opens the given folder, or else the one in the user's cache folder.
    ///
    /// # Errors
    /// When a given folder can't be written. Where the user's can't be written, as in a container
    /// with a read-only root, a temporary folder is used instead.
    pub fn open(dir: Option<&Path>) -> Result<Self> {
        if let Some(dir) = dir {
            return Self::at(Folder::lasting(dir.to_owned()))
                .with_context(|| format!("cannot use {} as the cache", dir.display()));
        }
        let folder = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty());
        let user = folder("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".cache")));
        if let Some(cache) = user.and_then(|dir| Self::at(Folder::lasting(dir.join("xray"))).ok()) {
            return Ok(cache);
        }
        let temporary = Folder::temporary().context("no folder is writable for the cache")?;
        Ok(Self::at(temporary)?)
    }

    fn at(folder: Folder) -> io::Result<Self> {
        let cache = Self(folder);
        std::fs::create_dir_all(cache.blobs())?;
        std::fs::create_dir_all(cache.references())?;
        // Only a write shows that the folder is writable.
        tempfile::tempfile_in(cache.blobs())?;
        Ok(cache)
    }

    /// Returns the cache's folder.
    pub fn folder(&self) -> &Folder {
        &self.0
    }

    fn blobs(&self) -> PathBuf {
        self.0.path().join("oci/blobs/sha256")
    }

    fn references(&self) -> PathBuf {
        self.0.path().join("oci/references")
    }

    /// Returns the path of a content, which may not exist yet.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Returns the path of a content if it is cached and intact.
    pub fn find(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.path(digest);
        let bytes = std::fs::read(&path).ok()?;
        (Digest::of(&bytes) == *digest).then_some(path)
    }

    /// Stores bytes under their digest.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn put(&self, bytes: &[u8]) -> Result<PathBuf> {
        let mut content = self.start()?;
        content.write_all(bytes)?;
        let digest = content.digest();
        content.keep(&self.path(&digest))
    }

    /// Starts a content whose digest is not known yet.
    pub(super) fn start(&self) -> Result<Incoming> {
        let file = NamedTempFile::new_in(self.blobs()).context("cannot write to the cache")?;
        Ok(Incoming {
            file,
            hasher: Sha256::new(),
        })
    }

    /// Records the manifest that a reference resolved to.
    ///
    /// # Errors
    /// When the record can't be written.
    pub fn remember(&self, reference: &str, manifest: &Digest) -> Result<()> {
        let mut file = NamedTempFile::new_in(self.references())?;
        write!(file, "{manifest}\n{reference}\n")?;
        file.persist(self.reference(reference))?;
        Ok(())
    }

    /// Returns the manifest that a reference last resolved to.
    pub fn recall(&self, reference: &str) -> Option<Digest> {
        let text = std::fs::read_to_string(self.reference(reference)).ok()?;
        text.lines().next()?.parse().ok()
    }

    fn reference(&self, reference: &str) -> PathBuf {
        self.references()
            .join(Digest::of(reference.as_bytes()).hex())
    }
}

/// A content being written. It is discarded unless kept.
pub(super) struct Incoming {
    file: NamedTempFile,
    hasher: Sha256,
}

impl Incoming {
    /// Returns the digest of the bytes so far.
    pub(super) fn digest(&self) -> Digest {
        Digest::finish(self.hasher.clone())
    }

    /// Moves the content to its final path.
    pub(super) fn keep(self, path: &Path) -> Result<PathBuf> {
        self.file
            .persist(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.to_owned())
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_content_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(dir.path())).unwrap();
        let digest = Digest::of(b"model");
        assert_eq!(cache.find(&digest), None);
        let path = cache.put(b"model").unwrap();
        assert_eq!(cache.find(&digest), Some(path.clone()));
        std::fs::write(&path, "mode1").unwrap();
        assert_eq!(cache.find(&digest), None);
        cache.put(b"model").unwrap();
        assert_eq!(
            std::fs::read(cache.find(&digest).unwrap()).unwrap(),
            b"model"
        );
    }

    #[test]
    fn any_reference_name_can_be_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(dir.path())).unwrap();
        let name = "registry.example.com:5000/a/../b:1";
        assert_eq!(cache.recall(name), None);
        for bytes in [b"old", b"new"] {
            cache.remember(name, &Digest::of(bytes)).unwrap();
            assert_eq!(cache.recall(name), Some(Digest::of(bytes)));
        }
        assert_eq!(cache.recall("registry.example.com:5000/b:1"), None);
    }

    #[test]
    fn explicit_folder_must_be_writable() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = format!("{:#}", Cache::open(Some(&file)).unwrap_err());
        assert!(error.contains("cannot use"), "{error}");
    }
}
