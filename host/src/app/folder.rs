//! A folder that the host writes to.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

/// A folder that may be temporary. Clones share it, and a temporary folder is removed with the
/// last clone.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    _temporary: Option<Arc<TempDir>>,
}

impl Folder {
    /// Returns the folder at `path`, which is kept.
    pub fn lasting(path: PathBuf) -> Self {
        Self {
            path,
            _temporary: None,
        }
    }

    /// Creates a temporary folder.
    ///
    /// # Errors
    /// When the system's temporary folder can't be written.
    pub fn temporary() -> io::Result<Self> {
        let temporary = tempfile::tempdir()?;
        Ok(Self {
            path: temporary.path().to_owned(),
            _temporary: Some(Arc::new(temporary)),
        })
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
