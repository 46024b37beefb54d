//! Uploads by people into the input bucket, where the function finds them.
//!
//! The page draws the key: the name of a person's file often holds a patient's. The format follows
//! from the first bytes. Nothing is decoded here.

use anyhow::{Context, Result};
use bytes::Bytes;
use s3::{Client, NewObject, Precondition};
use tokio::sync::{Semaphore, SemaphorePermit};
use xray::{
    config::Config,
    error::Error::NotAnImage,
    event::ObjectRef,
    picture::sniff::{Format, sniff},
    store::decide,
};

use super::{
    access::{
        roles::{Role, Roles},
        users::secret,
    },
    audit::{Action, Audit, Event},
    store::{self, is_conflict},
};

/// Folder of uploads in the input bucket. The store user of uploads writes nowhere else.
pub const FOLDER: &str = "xray-upload/";
/// Uploads at a time: each is in memory as a whole.
const AT_A_TIME: usize = 2;

/// Settings of uploads.
pub struct Settings {
    /// Client with the keys of the store user that may write in the folder.
    pub client: Client,
    /// Input bucket.
    pub bucket: String,
    /// Role of the people who may upload.
    pub role: Role,
    /// Bytes of the largest file.
    pub limit: u64,
}

/// Reason for which a file is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is larger than this many bytes.
    TooLarge(u64),
    /// The function does not read its format, which is this.
    Format(String),
}

/// Takes files of people.
pub struct Upload {
    settings: Settings,
    audit: Audit,
    places: Semaphore,
}

impl Upload {
    /// Stores with these settings, and logs each upload.
    pub fn new(settings: Settings, audit: Audit) -> Self {
        Self {
            settings,
            audit,
            places: Semaphore::new(AT_A_TIME),
        }
    }

    /// Returns the role that may upload.
    pub fn role(&self) -> Role {
        self.settings.role
    }

    /// Reports whether a person with these roles may upload.
    pub fn may(&self, roles: Roles) -> bool {
        roles.has(self.settings.role)
    }

    /// Returns the bytes of the largest file.
    pub fn limit(&self) -> u64 {
        self.settings.limit
    }

    /// Returns a place for an upload, unless all are taken.
    pub fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
    }

    /// Recognizes a file.
    fn check(&self, file: &[u8], config: &Config) -> Result<Format, Refused> {
        let format = sniff(file).map_err(|error| match error {
            NotAnImage(kind) => Refused::Format(kind.to_string()),
            other => Refused::Format(other.to_string()),
        })?;
        // The function would only reject a larger one.
        let own = match format {
            Format::Dicom => config.dicom.max_bytes,
            Format::Jpeg | Format::Png => config.pixels.limits.max_bytes,
        };
        let limit = self.settings.limit.min(own);
        if file.len() as u64 > limit {
            return Err(Refused::TooLarge(limit));
        }
        Ok(format)
    }

    /// Stores a person's file under a new key. It goes on if nobody waits for it any longer.
    ///
    /// # Errors
    /// When the log or the store does not take it; then it is not known whether it was stored.
    pub async fn store(
        &self,
        config: &Config,
        who: &str,
        file: Bytes,
    ) -> Result<Result<(), Refused>> {
        let event = Event::new(who, Action::Upload);
        let format = match self.check(&file, config) {
            Ok(format) => format,
            Err(refused) => {
                let word = match &refused {
                    Refused::TooLarge(_) => "refused: too large",
                    Refused::Format(_) => "refused: no picture",
                };
                self.audit.record(event.result(word)).await?;
                return Ok(Err(refused));
            }
        };
        let bucket = self.settings.bucket.clone();
        let name = &secret()[..32];
        let key = format!("{FOLDER}{name}.{}", format.extension());
        let object = ObjectRef::new(&bucket, &key, None)?;
        let event = event
            .what(format.extension())
            .of_source(&decide::log_digest(&object, config));
        let (client, audit) = (self.settings.client.clone(), self.audit.clone());
        let act = async move {
            let intent = audit.intend(event).await?;
            let object = &NewObject {
                body: file.into(),
                content_type: format.content_type(),
                metadata: Vec::new(),
                precondition: Precondition::Absent,
            };
            let stored = match store::put(&client, &bucket, &key, object).await {
                // With a conflict, the response to the first attempt was lost: nobody else draws
                // the same key.
                Err(error) if !is_conflict(&error) => Err(error),
                _ => Ok(()),
            };
            let word = match stored {
                Ok(()) => "stored",
                Err(_) => "unknown: the store failed",
            };
            audit.conclude(intent, word).await;
            stored.with_context(|| format!("an upload into {bucket}"))
        };
        tokio::spawn(act).await.context("the upload broke off")??;
        Ok(Ok(()))
    }
}
