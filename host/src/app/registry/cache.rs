//! What was pulled, kept by digest, so that nothing is pulled twice and a known image starts without its registry.
//!
//! Files are written beside and renamed, so that any number of processes may use one folder, and what is found is
//! hashed before it is used. Nothing is ever changed in place; the whole folder may be deleted at any time.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::digest::Digest;
use crate::app::folder::Folder;

/// A folder of contents.
#[derive(Debug)]
pub struct Cache(Folder);

impl Cache {
    /// Opens this folder, or the user's.
    ///
    /// # Errors
    /// When the folder was named and cannot be written. Without a place for the user's, as in a container with a root
    /// that is read only, there is a temporary one instead.
    pub fn open(dir: Option<&Path>) -> Result<Self> {
        if let Some(dir) = dir {
            return Self::at(Folder::lasting(dir.to_owned()))
                .with_context(|| format!("cannot use {} for what is pulled", dir.display()));
        }
        let folder = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty());
        let user = folder("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".cache")));
        if let Some(cache) = user.and_then(|dir| Self::at(Folder::lasting(dir.join("xray"))).ok()) {
            return Ok(cache);
        }
        let temporary = Folder::temporary().context("there is no place for what is pulled")?;
        Ok(Self::at(temporary)?)
    }

    fn at(folder: Folder) -> io::Result<Self> {
        let cache = Self(folder);
        std::fs::create_dir_all(cache.blobs())?;
        std::fs::create_dir_all(cache.references())?;
        // Whether it can be written shows only when something is.
        tempfile::tempfile_in(cache.blobs())?;
        Ok(cache)
    }

    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.0
    }

    fn blobs(&self) -> PathBuf {
        self.0.path().join("oci/blobs/sha256")
    }

    fn references(&self) -> PathBuf {
        self.0.path().join("oci/references")
    }

    /// Where a content lies, if it does.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// The file of a content, if it is here and whole.
    pub fn find(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.path(digest);
        let bytes = std::fs::read(&path).ok()?;
        (Digest::of(&bytes) == *digest).then_some(path)
    }

    /// Takes in bytes, under the digest that they have.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<PathBuf> {
        let mut content = self.start()?;
        content.write_all(bytes)?;
        let digest = content.digest();
        content.keep(&self.path(&digest))
    }

    /// A content that is not complete yet.
    pub(super) fn start(&self) -> Result<Incoming> {
        let file = NamedTempFile::new_in(self.blobs()).context("cannot write to the cache")?;
        Ok(Incoming {
            file,
            hasher: Sha256::new(),
        })
    }

    /// Notes which manifest a reference led to.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn remember(&self, reference: &str, manifest: &Digest) -> Result<()> {
        let mut file = NamedTempFile::new_in(self.references())?;
        write!(file, "{manifest}\n{reference}\n")?;
        file.persist(self.reference(reference))?;
        Ok(())
    }

    /// Which manifest a reference led to when it was last asked for.
    pub fn recall(&self, reference: &str) -> Option<Digest> {
        let text = std::fs::read_to_string(self.reference(reference)).ok()?;
        text.lines().next()?.parse().ok()
    }

    fn reference(&self, reference: &str) -> PathBuf {
        self.references()
            .join(Digest::of(reference.as_bytes()).hex())
    }
}

/// Bytes on their way into the cache. Dropped, they are gone.
pub(super) struct Incoming {
    file: NamedTempFile,
    hasher: Sha256,
}

impl Incoming {
    /// The digest of all that came.
    pub(super) fn digest(&self) -> Digest {
        Digest::finish(self.hasher.clone())
    }

    /// Puts it in its place.
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
    fn what_is_damaged_is_not_found() {
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
    fn a_reference_is_remembered_whatever_is_in_its_name() {
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
    fn a_folder_that_was_named_must_do() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = format!("{:#}", Cache::open(Some(&file)).unwrap_err());
        assert!(error.contains("cannot use"), "{error}");
    }
}
