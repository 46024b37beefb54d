//! Flags of uploads through the page, for the page beside the function and for the one on its own.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use xray::config::Config;

use super::store_client;
use crate::page::{access::roles::Role, upload::Settings};

/// Uploads through the page. The flag `page_credentials_file` is beside these.
#[derive(Debug, Default, Args)]
pub struct PageUploadArgs {
    /// Let people of this role upload pictures into the input bucket: viewer, reviewer or clinician
    /// [default: clinician].
    #[arg(
        long,
        value_name = "ROLE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "clinician",
        requires = "page_upload_credentials_file",
        requires = "page_credentials_file"
    )]
    pub page_upload: Option<Role>,
    /// File with the keys of the store user for uploads, who may only write into the folder
    /// `xray-upload/` of the input bucket: lines AWS_ACCESS_KEY_ID=KEY and
    /// AWS_SECRET_ACCESS_KEY=KEY.
    #[arg(long, value_name = "FILE", requires = "page_upload")]
    pub page_upload_credentials_file: Option<PathBuf>,
    /// Size of the largest upload, in MiB.
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = 64,
        value_parser = clap::value_parser!(u64).range(1..=1024),
        requires = "page_upload"
    )]
    pub page_upload_limit: u64,
}

impl PageUploadArgs {
    /// Makes the settings of uploads into this bucket, if there are to be any.
    ///
    /// # Errors
    /// As [`store_client::of_file`].
    pub fn settings(&self, config: &Config, bucket: &str) -> Result<Option<Settings>> {
        let pair = self
            .page_upload
            .zip(self.page_upload_credentials_file.as_ref());
        let Some((role, file)) = pair else {
            return Ok(None);
        };
        Ok(Some(Settings {
            client: store_client::of_file(config, file)?,
            bucket: bucket.to_owned(),
            role,
            limit: self.page_upload_limit << 20,
        }))
    }
}
