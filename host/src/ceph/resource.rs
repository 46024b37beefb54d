//! A resource of the store: it is read, applied, read back, and removed.

use anyhow::Result;
use async_trait::async_trait;

/// Current state of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Does not exist.
    Missing,
    /// Exists as desired.
    InSync,
    /// Exists with other settings; the text names the differences.
    Drifted(String),
}

/// State that was read, with remarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The state.
    pub state: State,
    /// Remarks for the user, in sentences.
    pub notes: Vec<String>,
}

impl From<State> for Observed {
    fn from(state: State) -> Self {
        Self {
            state,
            notes: Vec::new(),
        }
    }
}

/// A resource of the store.
#[async_trait]
pub trait Resource: Send + Sync {
    /// Returns a short name.
    fn name(&self) -> String;

    /// Describes the desired state in one line.
    fn desired(&self) -> String;

    /// Reads the current state.
    ///
    /// # Errors
    /// Returns an error if the store does not report it.
    async fn read(&self) -> Result<Observed>;

    /// Creates the resource or changes it to the desired state.
    ///
    /// # Errors
    /// Returns an error if the store rejects the request.
    async fn apply(&self) -> Result<()>;

    /// Removes the resource; succeeds if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the store rejects the request.
    async fn remove(&self) -> Result<()>;

    /// Reports whether the resource holds data (a bucket); `teardown` keeps it unless told
    /// otherwise.
    fn holds_data(&self) -> bool {
        false
    }

    /// Reports whether it can be removed on its own. Resources that belong to a bucket disappear
    /// with the bucket.
    fn is_removable(&self) -> bool {
        true
    }
}
