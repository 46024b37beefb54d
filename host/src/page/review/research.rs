//! The research archive: released copies of DICOM objects go there, as those go that the function
//! stores among the anonymized ones itself.

use anyhow::{Context, Result};
use bytes::Bytes;
use s3::Transport;
use xray::{config::Config, dicomweb::Archive};

use super::{Review, bucket::id_of, record::Record};
use crate::page::audit::{Action, Event};

/// The archive, and the way to it.
#[derive(Debug, Clone)]
pub struct Research {
    /// The archive of the setting `dicomweb_research_url`.
    pub archive: Archive,
    /// The way to it.
    pub transport: Transport,
}

impl Research {
    /// Takes the archive from the function's settings, if they name one, with a way to it.
    ///
    /// # Errors
    /// Those of `transport`.
    pub fn of(
        config: &Config,
        transport: impl FnOnce() -> Result<Transport>,
    ) -> Result<Option<Self>> {
        let archive = config.research.clone();
        let research = archive.map(|archive| {
            let transport = transport()?;
            Ok(Self { archive, transport })
        });
        research.transpose()
    }

    async fn store(&self, copy: &Bytes) -> Result<()> {
        let request = self.archive.request(copy)?;
        let response = self.transport.send(request).await;
        let response = response.context("dicomweb_research_url: no response")?;
        Ok(self.archive.judge(&response)?)
    }
}

impl Review {
    /// Sends a copy that a person has released to the research archive, if there is one. May be
    /// repeated: what the archive has already is a success.
    ///
    /// # Errors
    /// When the archive does not take it, or the audit log can't be written.
    pub(super) async fn send(&self, key: &str, copy: &Bytes, record: &Record) -> Result<()> {
        let Some(research) = &self.research else {
            return Ok(());
        };
        let who = record.decision.as_ref().map_or("", |decision| &decision.by);
        let event = Event::new(who, Action::Send).of_copy(&id_of(key));
        let intent = self.audit.intend(event.of_bytes(&record.copy)).await?;
        let sent = research.store(copy).await;
        let result = match &sent {
            Ok(()) => "done".to_owned(),
            // It holds nothing of the copy.
            Err(error) => format!("failed: {error:#}"),
        };
        self.audit.conclude(intent, &result).await;
        if sent.is_err() {
            self.figures.not_sent();
        }
        sent.context("the released copy stays in quarantine until the research archive has it")
    }
}
