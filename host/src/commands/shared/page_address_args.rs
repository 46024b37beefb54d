//! Flags of the page's address, for the page beside the function and for the one on its own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::page::tls::{Files, Tls};

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
    /// Reads the certificate and its key, if they are given. Clients need a certificate of
    /// `authorities`, if there are any.
    ///
    /// # Errors
    /// As [`Tls::open`].
    pub fn tls(&self, authorities: Option<&Path>) -> Result<Option<Tls>> {
        let files = self.page_tls_cert.clone().zip(self.page_tls_key.clone());
        let files = files.map(|(certificate, key)| Files {
            certificate,
            key,
            clients: authorities.map(Path::to_owned),
        });
        files.map(Tls::open).transpose()
    }
}
