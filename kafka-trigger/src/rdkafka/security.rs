//! Encryption and authentication.

use std::fmt;

use rdkafka::ClientConfig;

use super::{TokenContext, Tokens};

/// TLS and SASL settings. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// Encrypts connections.
    pub tls: bool,
    /// Certificate authority of the brokers; the system's by default.
    pub ca: Option<Pem>,
    /// Client certificate.
    pub certificate: Option<Pem>,
    /// Private key of the client certificate.
    pub private_key: Option<Pem>,
    /// Password of the private key.
    pub private_key_password: Option<String>,
    /// Authentication within the connection.
    pub sasl: Option<Sasl>,
}

/// Authentication within the connection.
#[derive(Clone, PartialEq, Eq)]
pub enum Sasl {
    /// By a user and a password.
    Password {
        /// Mechanism.
        mechanism: SaslMechanism,
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// By access tokens: `OAUTHBEARER`.
    Token(Tokens),
}

/// SASL mechanism with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// `PLAIN`
    Plain,
    /// `SCRAM-SHA-256`
    ScramSha256,
    /// `SCRAM-SHA-512`
    ScramSha512,
}

/// A certificate or key in PEM format.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// Path of a file.
    File(String),
    /// The text itself.
    Text(String),
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.protocol())
    }
}

impl Security {
    /// Sets the properties of a client.
    pub(super) fn apply(&self, client: &mut ClientConfig) {
        client.set("security.protocol", self.protocol());
        if self.tls {
            match &self.ca {
                Some(ca) => ca.apply(client, "ssl.ca"),
                // Finds the system's certificates in the places of all distributions.
                None => _ = client.set("ssl.ca.location", "probe"),
            }
            for (pem, name) in [
                (&self.certificate, "ssl.certificate"),
                (&self.private_key, "ssl.key"),
            ] {
                if let Some(pem) = pem {
                    pem.apply(client, name);
                }
            }
            if let Some(password) = &self.private_key_password {
                client.set("ssl.key.password", password);
            }
        }
        match &self.sasl {
            Some(Sasl::Password {
                mechanism,
                username,
                password,
            }) => {
                client.set("sasl.mechanism", mechanism.as_str());
                client.set("sasl.username", username);
                client.set("sasl.password", password);
            }
            // The tokens come from the client's context.
            Some(Sasl::Token(_)) => _ = client.set("sasl.mechanism", "OAUTHBEARER"),
            None => {}
        }
    }

    /// Returns the source of access tokens, if there is one.
    pub fn tokens(&self) -> Option<&Tokens> {
        match &self.sasl {
            Some(Sasl::Token(tokens)) => Some(tokens),
            _ => None,
        }
    }

    /// Returns a context for clients, through which they get access tokens.
    pub fn context(&self) -> TokenContext {
        TokenContext(self.tokens().cloned())
    }

    fn protocol(&self) -> &'static str {
        match (self.tls, self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        }
    }
}

impl SaslMechanism {
    /// Returns the mechanism's registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
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
