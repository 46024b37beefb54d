//! One thing at the store that can be looked at, made and removed. Setting up is looking, making what is missing, and
//! looking again.

use anyhow::Result;
use async_trait::async_trait;

/// What is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Missing,
    /// What is wanted.
    Same,
    /// Something else; in words.
    Differs(String),
}

/// What looking brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What is there.
    pub found: Found,
    /// What else there is to know, in sentences.
    pub notes: Vec<String>,
}

impl From<Found> for Look {
    fn from(found: Found) -> Self {
        Self {
            found,
            notes: Vec::new(),
        }
    }
}

/// One thing at the store.
#[async_trait]
pub trait Part: Send + Sync {
    /// What it is, in a few words.
    fn name(&self) -> String;

    /// How it should be, in one line.
    fn wanted(&self) -> String;

    /// Reads what is there.
    ///
    /// # Errors
    /// When the store does not say.
    async fn look(&self) -> Result<Look>;

    /// Makes it as it should be, whatever is there.
    ///
    /// # Errors
    /// When the store refuses.
    async fn make(&self) -> Result<()>;

    /// Removes it; no error if there is none.
    ///
    /// # Errors
    /// When the store refuses.
    async fn remove(&self) -> Result<()>;

    /// Whether `teardown` leaves it, unless it is told otherwise: a bucket.
    fn holds_data(&self) -> bool {
        false
    }

    /// Whether it goes by itself. What belongs to a bucket goes with the bucket.
    fn is_removable(&self) -> bool {
        true
    }
}
