//! Encryption and who we are: TLS and SASL.

use std::{fmt, path::Path};

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;

use super::table::Table;

/// How a client gets in. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Security {
    tls: bool,
    ca: Option<Pem>,
    certificate: Option<Pem>,
    key: Option<Pem>,
    key_password: Option<String>,
    sasl: Option<Sasl>,
}

#[derive(Clone, PartialEq, Eq)]
struct Sasl {
    mechanism: &'static str,
    username: String,
    password: String,
}

/// A certificate or key.
#[derive(Clone, PartialEq, Eq)]
enum Pem {
    /// Where it lies.
    File(String),
    /// Itself, as a variable may hold it.
    Text(String),
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.protocol())
    }
}

impl Security {
    pub(super) fn read(table: &mut Table) -> Result<Self> {
        let ca = pem(table, "ca")?;
        let certificate = pem(table, "certificate")?;
        let key = pem(table, "private_key")?;
        if certificate.is_some() != key.is_some() {
            bail!("`certificate` and `private_key` go together");
        }
        let tls = table.flag("tls")?;
        if tls == Some(false) && (ca.is_some() || certificate.is_some()) {
            bail!("`ca` and `certificate` are of no use with `tls = false`");
        }
        let sasl = sasl(table)?;
        Ok(Self {
            tls: tls.unwrap_or(ca.is_some() || certificate.is_some()),
            ca,
            certificate,
            key,
            key_password: table.text("private_key_password")?,
            sasl,
        })
    }

    fn protocol(&self) -> &'static str {
        match (self.tls, self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        }
    }

    /// Sets the client's properties.
    pub(super) fn apply(&self, client: &mut ClientConfig) {
        client.set("security.protocol", self.protocol());
        if self.tls {
            match &self.ca {
                Some(ca) => ca.apply(client, "ssl.ca"),
                // The system's, wherever this system has them.
                None => _ = client.set("ssl.ca.location", "probe"),
            }
            for (pem, name) in [
                (&self.certificate, "ssl.certificate"),
                (&self.key, "ssl.key"),
            ] {
                if let Some(pem) = pem {
                    pem.apply(client, name);
                }
            }
            if let Some(password) = &self.key_password {
                client.set("ssl.key.password", password);
            }
        }
        if let Some(Sasl {
            mechanism,
            username,
            password,
        }) = &self.sasl
        {
            client.set("sasl.mechanism", *mechanism);
            client.set("sasl.username", username);
            client.set("sasl.password", password);
        }
    }
}

impl Pem {
    fn apply(&self, client: &mut ClientConfig, name: &str) {
        match self {
            Self::File(path) => client.set(format!("{name}.location"), path),
            Self::Text(text) => client.set(format!("{name}.pem"), text),
        };
    }
}

fn pem(table: &mut Table, key: &str) -> Result<Option<Pem>> {
    let Some(text) = table.text(key)? else {
        return Ok(None);
    };
    if text.trim_start().starts_with("-----BEGIN") {
        return Ok(Some(Pem::Text(text)));
    }
    // The client would say the same, but in three lines.
    std::fs::File::open(Path::new(&text))
        .with_context(|| format!("`{key}`: cannot read {text}"))?;
    Ok(Some(Pem::File(text)))
}

fn sasl(table: &mut Table) -> Result<Option<Sasl>> {
    const MECHANISMS: [(&str, Option<&str>); 4] = [
        ("none", None),
        ("PLAIN", Some("PLAIN")),
        ("SCRAM-SHA-256", Some("SCRAM-SHA-256")),
        ("SCRAM-SHA-512", Some("SCRAM-SHA-512")),
    ];
    let mechanism = table.word("sasl_mechanism", &MECHANISMS)?;
    let (username, password) = (table.text("username")?, table.text("password")?);
    match (mechanism, username, password) {
        (Some(mechanism), Some(username), Some(password)) => Ok(Some(Sasl {
            mechanism,
            username,
            password,
        })),
        (None, None, None) => Ok(None),
        (None, ..) => bail!("`username` and `password` need a `sasl_mechanism`"),
        (Some(_), ..) => bail!("`sasl_mechanism` needs `username` and `password`"),
    }
}
