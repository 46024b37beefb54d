//! How the store lies on disk: one visible folder per bucket with nothing but objects in it.
//!
//! `s3s-fs` keeps parts and half-written files beside the buckets. Its root is therefore the hidden folder `.s3`, in
//! which each bucket is a link to the visible folder next to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use s3s::{S3Result, s3_error};

/// Linux and macOS refuse longer file names.
const LONGEST_NAME: usize = 255;

/// The root of a store.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self> {
        let hidden = root.join(".s3");
        fs::create_dir_all(&hidden).with_context(|| format!("making {}", hidden.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("opening {}", root.display()))?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The root that `s3s-fs` gets.
    pub(super) fn hidden(&self) -> PathBuf {
        self.root.join(".s3")
    }

    pub(super) fn bucket_dir(&self, bucket: &str) -> PathBuf {
        self.root.join(bucket)
    }

    /// Makes a bucket; one that is there already stays as it is.
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

    /// All buckets in order, with when each was made.
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

    /// The file of an object, there or not.
    ///
    /// A key that a folder can't hold as it is (`..`, an empty segment, names too long) is refused: `s3s-fs` would
    /// put it somewhere else without a word.
    pub(super) fn object(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        let segments = key.strip_suffix('/').unwrap_or(key).split('/');
        for segment in segments {
            if matches!(segment, "" | "." | "..") || segment.contains('\0') {
                return Err(s3_error!(
                    InvalidArgument,
                    "this store can't keep such a key"
                ));
            }
            if segment.len() > LONGEST_NAME {
                return Err(s3_error!(KeyTooLongError));
            }
        }
        Ok(self.bucket_dir(bucket).join(key))
    }

    /// The same for a key that is going to be written, whose neighbours must not stand in the way: on a disk there
    /// can't be both `a` and `a/b`.
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
                "a key and a part of it can't both be objects"
            ));
        }
        Ok(path)
    }

    /// Whether `s3s-fs` can keep the parts of an upload to this key, whose names it makes of the whole key.
    pub(super) fn takes_parts_of(&self, bucket: &str, key: &str) -> bool {
        let upload = ".upload-00000000-0000-0000-0000-000000000000".len();
        let mut names = self.files_of_s3s(bucket, key).into_iter();
        names.all(|path| {
            path.file_name()
                .is_some_and(|name| name.len() + upload <= LONGEST_NAME)
        })
    }

    /// The files that `s3s-fs` writes beside an object that it puts together.
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
    fn keys_that_a_folder_can_hold_are_taken() {
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
    fn a_bucket_is_a_clean_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.add_bucket("one").unwrap();
        folder.add_bucket("one").unwrap();
        assert!(folder.has_bucket("one") && !folder.has_bucket("two"));
        assert_eq!(folder.buckets().unwrap().len(), 1);
        assert!(folder.hidden().join("one").is_symlink());
    }
}
