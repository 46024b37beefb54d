//! TLS by the page itself. The files are looked at again each minute, so that a renewed certificate
//! takes effect without a restart.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use crate::serve::tls::server_config;

/// Time between two looks at the files.
const PERIOD: Duration = Duration::from_secs(60);

/// Files of the page's TLS, in PEM format.
#[derive(Debug, Clone)]
pub struct Files {
    /// Certificate, with the chain.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// Certificates of the authorities of which clients need a certificate.
    pub clients: Option<PathBuf>,
}

/// TLS of the page.
pub struct Tls {
    files: Files,
    current: Mutex<Current>,
}

struct Current {
    looked: Instant,
    texts: Texts,
    config: Arc<ServerConfig>,
}

/// Contents of the files.
#[derive(PartialEq, Eq)]
struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
    clients: Option<Vec<u8>>,
}

impl Files {
    fn read(&self) -> Result<Texts> {
        let read = |path: &PathBuf| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Texts {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            clients: self.clients.as_ref().map(read).transpose()?,
        })
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one can't be read, or the key is not the certificate's.
    pub fn open(files: Files) -> Result<Self> {
        let texts = files.read()?;
        let config = config(&texts).with_context(|| {
            let (certificate, key) = (files.certificate.display(), files.key.display());
            let clients = files.clients.as_ref();
            let clients = clients.map(|path| format!(", --page-proxy-ca {}", path.display()));
            let clients = clients.unwrap_or_default();
            format!("--page-tls-cert {certificate}, --page-tls-key {key}{clients}")
        })?;
        let looked = Instant::now();
        Ok(Self {
            files,
            current: Mutex::new(Current {
                looked,
                texts,
                config,
            }),
        })
    }

    /// Reports whether clients need a certificate.
    pub(super) fn verifies_clients(&self) -> bool {
        self.files.clients.is_some()
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
        let Some(texts) = self
            .files
            .read()
            .ok()
            .filter(|texts| *texts != current.texts)
        else {
            return;
        };
        match config(&texts) {
            Ok(config) => {
                (current.texts, current.config) = (texts, config);
                tracing::info!("the page has a new certificate");
            }
            Err(error) => tracing::warn!("the page keeps its certificate: {error:#}"),
        }
    }
}

fn config(texts: &Texts) -> Result<Arc<ServerConfig>> {
    let mut config = server_config(&texts.certificate, &texts.key, texts.clients.as_deref())?;
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
        let files = Files {
            certificate: path("tls.crt"),
            key: path("tls.key"),
            clients: None,
        };
        let tls = Tls::open(files).unwrap();
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
