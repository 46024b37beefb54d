//! Flags of the page's address, for the page beside the function and for the one on its own.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::page::tls::Tls;

/// Address at which browsers reach the page, and TLS. The group `page_people` is beside these.
#[derive(Debug, Default, Args)]
pub struct PageAddressArgs {
    /// Address at which browsers reach the page: https://HOST, its own or that of a proxy or Route
    /// in front of it.
    #[arg(long, value_name = "URL", requires = "page_people")]
    pub page_url: Option<String>,
    /// Certificate in PEM format, with the chain: the page itself does TLS then.
    #[arg(long, value_name = "FILE", requires = "page_tls_key")]
    pub page_tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM format.
    #[arg(long, value_name = "FILE", requires = "page_tls_cert")]
    pub page_tls_key: Option<PathBuf>,
}

impl PageAddressArgs {
    /// Reads the certificate and its key, if they are given.
    ///
    /// # Errors
    /// As [`Tls::open`].
    pub fn tls(&self) -> Result<Option<Tls>> {
        Tls::of_files(self.page_tls_cert.as_deref(), self.page_tls_key.as_deref())
    }
}
