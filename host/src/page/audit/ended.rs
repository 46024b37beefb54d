//! Ends of sessions that pages share: objects that nobody may delete, as the log's entries.

use anyhow::{Context, Result};
use bytes::Bytes;
use s3::{NewObject, Precondition};

use super::Audit;
use crate::page::store::{self, is_conflict};

/// Folder of the ends.
const FOLDER: &str = "ended/";

impl Audit {
    /// Ends a session for all pages.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn end_session(&self, id: &str) -> Result<()> {
        let object = NewObject {
            body: Bytes::from_static(b"ended\n").into(),
            content_type: "text/plain",
            metadata: Vec::new(),
            precondition: Precondition::Absent,
        };
        let key = format!("{FOLDER}{id}");
        match store::put(&self.client, &self.bucket, &key, &object).await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => Err(error).context("storing the end of a session"),
        }
    }

    /// Reports whether a session was ended by any page.
    ///
    /// # Errors
    /// When the store does not respond: then the session must not count.
    pub async fn has_ended(&self, id: &str) -> Result<bool> {
        let key = format!("{FOLDER}{id}");
        let object = self.client.get(&self.bucket, &key).await;
        Ok(object
            .context("looking for the end of a session")?
            .is_some())
    }
}
