//! A folder of the host's own.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

/// A folder that may be temporary. Clones share it; a temporary one is removed with the last of them.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    _temporary: Option<Arc<TempDir>>,
}

impl Folder {
    /// The folder at `path`, which stays.
    pub fn lasting(path: PathBuf) -> Self {
        Self {
            path,
            _temporary: None,
        }
    }

    /// Creates a temporary folder.
    ///
    /// # Errors
    /// When the system's folder for temporary files can't be written.
    pub fn temporary() -> io::Result<Self> {
        let temporary = tempfile::tempdir()?;
        Ok(Self {
            path: temporary.path().to_owned(),
            _temporary: Some(Arc::new(temporary)),
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
