//! TLS by the page itself. The files are looked at again each minute, so that a renewed certificate
//! takes effect without a restart.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// Time between two looks at the files.
const PERIOD: Duration = Duration::from_secs(60);

/// Certificate and private key of the page, in PEM format.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    looked: Instant,
    files: [Vec<u8>; 2],
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads both files, if they are given.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_files(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<Self>> {
        let files = certificate.zip(key);
        files
            .map(|(certificate, key)| Self::open(certificate.to_owned(), key.to_owned()))
            .transpose()
    }

    /// Reads both files.
    ///
    /// # Errors
    /// When one can't be read, or the key is not the certificate's.
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<Self> {
        let read = |path: &PathBuf| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let files = [read(&certificate)?, read(&key)?];
        let config = config(&files).with_context(|| {
            format!(
                "--page-tls-cert {} and --page-tls-key {}",
                certificate.display(),
                key.display()
            )
        })?;
        let looked = Instant::now();
        Ok(Self {
            certificate,
            key,
            current: Mutex::new(Current {
                looked,
                files,
                config,
            }),
        })
    }

    /// Returns the server's side of a handshake.
    pub(super) fn acceptor(&self, now: Instant) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(current.looked) >= PERIOD {
            current.looked = now;
            self.renew(&mut current);
        }
        current.config.clone().into()
    }

    /// Takes over changed files. Those that are being written are looked at again later.
    fn renew(&self, current: &mut Current) {
        let read = || {
            Some([
                std::fs::read(&self.certificate).ok()?,
                std::fs::read(&self.key).ok()?,
            ])
        };
        let Some(files) = read().filter(|files| *files != current.files) else {
            return;
        };
        match config(&files) {
            Ok(config) => {
                (current.files, current.config) = (files, config);
                tracing::info!("the page has a new certificate");
            }
            Err(error) => tracing::warn!("the page keeps its certificate: {error:#}"),
        }
    }
}

fn config([certificate, key]: &[Vec<u8>; 2]) -> Result<Arc<ServerConfig>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .context("the certificate is not in PEM format")?;
    ensure!(!chain.is_empty(), "there is no certificate in PEM format");
    let key =
        PrivateKeyDer::from_pem_slice(key).context("there is no private key in PEM format")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the key is not the certificate's")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use super::*;

    fn certificate(dir: &Path) -> bool {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req", "-x509", "-nodes", "-subj", "/CN=page", "-newkey", "ec",
        ]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        openssl.args(["-keyout", "tls.key", "-out", "tls.crt"]);
        openssl
            .current_dir(dir)
            .output()
            .is_ok_and(|output| output.status.success())
    }

    #[test]
    fn renewed_files_are_taken_over_and_broken_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        if !certificate(dir.path()) {
            testkit::missing("openssl", "install it");
            return;
        }
        let path = |name: &str| dir.path().join(name);
        let tls = Tls::open(path("tls.crt"), path("tls.key")).unwrap();
        let start = Instant::now();
        let config = |seconds: u64| {
            drop(tls.acceptor(start + Duration::from_secs(seconds)));
            tls.current.lock().unwrap().config.clone()
        };
        let first = config(0);
        assert!(certificate(dir.path()));
        assert!(Arc::ptr_eq(&config(59), &first), "it is not time yet");
        let second = config(61);
        assert!(!Arc::ptr_eq(&second, &first));
        // The key is written before the certificate.
        std::fs::write(path("tls.key"), "half of a key").unwrap();
        assert!(Arc::ptr_eq(&config(130), &second));
        std::fs::remove_file(path("tls.crt")).unwrap();
        assert!(Arc::ptr_eq(&config(200), &second));
        assert!(certificate(dir.path()));
        assert!(!Arc::ptr_eq(&config(270), &second));
    }
}
