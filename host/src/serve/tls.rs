//! TLS of this process's own servers.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// Returns the configuration of a server with this certificate and key, in PEM format. With the
/// certificates of authorities, clients need one of theirs.
///
/// # Errors
/// When one of them can't be read, or the key is not the certificate's.
pub fn server_config(
    certificate: &[u8],
    key: &[u8],
    authorities: Option<&[u8]>,
) -> Result<ServerConfig> {
    let chain = certificates(certificate).context("the certificate")?;
    let key =
        PrivateKeyDer::from_pem_slice(key).context("there is no private key in PEM format")?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(text) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(text).context("the clients' authorities")? {
                roots.add(certificate).context("the clients' authorities")?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.context("the clients' authorities")?)
        }
    };
    builder
        .with_single_cert(chain, key)
        .context("the key is not the certificate's")
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .context("it is not in PEM format")?;
    ensure!(!all.is_empty(), "there is no certificate in PEM format");
    Ok(all)
}
