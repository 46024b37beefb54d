//! Sends the outputs of a DICOM event to the archives, before its processed object is stored: that
//! object marks completion, so an event that failed here is delivered again and sends all of them
//! again. They are the same instances then, which an archive takes for duplicates.

use s3::NewObject;

use crate::{config::Config, dicom::Companion, error::Error, picture::sniff::Format, ports::Ports};

/// Outputs of one event on their way to the archives. Each is sent once, however often the event
/// meets other writers.
pub(super) struct Archives<'a, P> {
    ports: &'a P,
    config: &'a Config,
    /// The outputs are DICOM objects.
    is_due: bool,
    has_results: bool,
    has_copy: bool,
}

impl<'a, P: Ports> Archives<'a, P> {
    pub(super) fn new(ports: &'a P, config: &'a Config, format: Format) -> Self {
        Archives {
            ports,
            config,
            is_due: format == Format::Dicom,
            has_results: false,
            has_copy: false,
        }
    }

    /// Sends the further results and the processed object to the archive of results.
    ///
    /// # Errors
    /// [`Error::Archive`] if it refuses one, or can't be reached.
    pub(super) async fn send_results(
        &mut self,
        further: &[(Companion, NewObject)],
        processed: &NewObject,
    ) -> Result<(), Error> {
        let Some(archive) = &self.config.results else {
            return Ok(());
        };
        if !self.is_due || self.has_results {
            return Ok(());
        }
        for object in further.iter().map(|(_, object)| object).chain([processed]) {
            archive.store(self.ports, &object.body).await?;
        }
        self.has_results = true;
        Ok(())
    }

    /// Sends a copy that is stored among the anonymized ones to the archive of copies. No other
    /// copy may come here.
    ///
    /// # Errors
    /// As [`Archives::send_results`].
    pub(super) async fn send_copy(&mut self, copy: &NewObject) -> Result<(), Error> {
        let Some(archive) = &self.config.research else {
            return Ok(());
        };
        if !self.is_due || self.has_copy {
            return Ok(());
        }
        archive.store(self.ports, &copy.body).await?;
        self.has_copy = true;
        Ok(())
    }
}
