//! Layout on disk: one visible folder per bucket that holds nothing but objects.
//!
//! `s3s-fs` keeps parts and partial files beside the buckets. Its root is therefore the hidden
//! folder `.s3`, in which each bucket is a link to its visible folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use s3s::{S3Result, s3_error};

/// Longest file name on Linux and macOS.
const LONGEST_NAME: usize = 255;

/// The root of a store.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self> {
        let hidden = root.join(".s3");
        fs::create_dir_all(&hidden).with_context(|| format!("creating {}", hidden.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("opening {}", root.display()))?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the root for `s3s-fs`.
    pub(super) fn hidden(&self) -> PathBuf {
        self.root.join(".s3")
    }

    pub(super) fn bucket_dir(&self, bucket: &str) -> PathBuf {
        self.root.join(bucket)
    }

    /// Creates a bucket; an existing one stays as it is.
    pub(super) fn add_bucket(&self, name: &str) -> io::Result<()> {
        fs::create_dir_all(self.bucket_dir(name))?;
        let target = Path::new("..").join(name);
        match std::os::unix::fs::symlink(target, self.hidden().join(name)) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    pub(super) fn has_bucket(&self, name: &str) -> bool {
        self.hidden().join(name).is_dir()
    }

    /// Returns all buckets in order, with the time of each one's creation.
    pub(super) fn buckets(&self) -> io::Result<Vec<(String, std::time::SystemTime)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(self.hidden())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && !name.starts_with('.') {
                buckets.push((name, entry.metadata()?.modified()?));
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    /// Returns the path of an object, whether it exists or not.
    ///
    /// A key that a folder can't hold as it is (`..`, empty segments, long names) is rejected:
    /// `s3s-fs` would silently store it elsewhere.
    pub(super) fn object(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        let segments = key.strip_suffix('/').unwrap_or(key).split('/');
        for segment in segments {
            if matches!(segment, "" | "." | "..") || segment.contains('\0') {
                return Err(s3_error!(InvalidArgument, "a folder can't hold this key"));
            }
            if segment.len() > LONGEST_NAME {
                return Err(s3_error!(KeyTooLongError));
            }
        }
        Ok(self.bucket_dir(bucket).join(key))
    }

    /// Returns the path of an object to write, and rejects it if `a` and `a/b` would both be files.
    pub(super) fn object_to_write(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        let path = self.object(bucket, key)?;
        let bucket_dir = self.bucket_dir(bucket);
        let mut above = path
            .ancestors()
            .skip(1)
            .take_while(|above| *above != bucket_dir);
        let is_folder = path.is_dir() && !key.ends_with('/');
        if is_folder || above.any(Path::is_file) {
            return Err(s3_error!(
                InvalidArgument,
                "a folder can't hold both this key and a part of it"
            ));
        }
        Ok(path)
    }

    /// Reports whether `s3s-fs` can store parts for this key: it makes their names of the whole
    /// key.
    pub(super) fn takes_parts_of(&self, bucket: &str, key: &str) -> bool {
        let upload = ".upload-00000000-0000-0000-0000-000000000000".len();
        let mut names = self.files_of_s3s(bucket, key).into_iter();
        names.all(|path| {
            path.file_name()
                .is_some_and(|name| name.len() + upload <= LONGEST_NAME)
        })
    }

    /// Returns the files that `s3s-fs` writes beside an object that it joins.
    pub(super) fn files_of_s3s(&self, bucket: &str, key: &str) -> [PathBuf; 2] {
        let bucket = URL_SAFE_NO_PAD.encode(bucket);
        let key = URL_SAFE_NO_PAD.encode(key);
        let name = |kind| format!(".bucket-{bucket}.object-{key}.{kind}.json");
        ["metadata", "internal"].map(|kind| self.hidden().join(name(kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, fits: bool) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(folder.object("bucket", key).is_ok(), fits, "{key}");
    }

    #[test]
    fn object_rejects_keys_that_a_folder_cannot_hold() {
        check("a.jpeg", true);
        check("in/a b+c%20d&e=f?g#h é日本.png", true);
        check("folder/", true);
        check("../a", false);
        check("in/./a", false);
        check("in//a", false);
        check("/a", false);
        check(&"k".repeat(256), false);
        check(&"long/".repeat(200), true);
    }

    #[test]
    fn buckets_are_folders_with_hidden_links() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.add_bucket("one").unwrap();
        folder.add_bucket("one").unwrap();
        assert!(folder.has_bucket("one") && !folder.has_bucket("two"));
        assert_eq!(folder.buckets().unwrap().len(), 1);
        assert!(folder.hidden().join("one").is_symlink());
    }
}
