//! The keys for TLS and SASL.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kafka_trigger::rdkafka::{Pem, Sasl, Security, Tokens};

use super::table::{Mechanism, Table};
use crate::kafka::oauth::ClientCredentials;

/// Checks the keys for TLS and SASL against each other.
pub(super) fn read(table: &Table) -> Result<Security> {
    let ca = pem("ca", &table.ca.0)?;
    let certificate = pem("certificate", &table.certificate.0)?;
    let private_key = pem("private_key", &table.private_key.0)?;
    if certificate.is_some() != private_key.is_some() {
        bail!("`certificate` and `private_key` must be set together");
    }
    let tls = table.tls.0;
    if tls == Some(false) && (ca.is_some() || certificate.is_some()) {
        bail!("`ca` and `certificate` have no effect with `tls = false`; remove one of them");
    }
    Ok(Security {
        tls: tls.unwrap_or(ca.is_some() || certificate.is_some()),
        ca,
        certificate,
        private_key,
        private_key_password: table.private_key_password.0.clone(),
        sasl: sasl(table)?,
    })
}

fn sasl(table: &Table) -> Result<Option<Sasl>> {
    let mechanism = table.sasl_mechanism.0.unwrap_or(Mechanism::None);
    let (username, password) = (&table.username.0, &table.password.0);
    let of_oauth = [
        &table.oauth_token_url,
        &table.oauth_client_id,
        &table.oauth_client_secret,
        &table.oauth_scope,
        &table.oauth_audience,
        &table.oauth_ca,
    ];
    if mechanism != Mechanism::OAuthBearer && of_oauth.iter().any(|key| key.0.is_some()) {
        bail!("the `oauth_` keys need `sasl_mechanism = \"OAUTHBEARER\"`");
    }
    match (mechanism, username, password) {
        (Mechanism::Password(mechanism), Some(username), Some(password)) => {
            Ok(Some(Sasl::Password {
                mechanism,
                username: username.clone(),
                password: password.clone(),
            }))
        }
        (Mechanism::OAuthBearer, None, None) => Ok(Some(Sasl::Token(tokens(table)?))),
        (Mechanism::None, None, None) => Ok(None),
        (Mechanism::None, ..) => bail!("`username` and `password` need a `sasl_mechanism`"),
        (Mechanism::Password(_), ..) => bail!("`sasl_mechanism` needs `username` and `password`"),
        (Mechanism::OAuthBearer, ..) => bail!(
            "`username` and `password` have no effect with OAUTHBEARER; set `oauth_client_id` and \
             `oauth_client_secret`"
        ),
    }
}

fn tokens(table: &Table) -> Result<Tokens> {
    let required = |key: &str, value: &Option<String>| {
        value
            .clone()
            .with_context(|| format!("OAUTHBEARER needs `{key}`"))
    };
    let ca = match pem("oauth_ca", &table.oauth_ca.0)? {
        Some(Pem::File(path)) => Some(
            std::fs::read_to_string(&path)
                .with_context(|| format!("`oauth_ca`: cannot read {path}"))?,
        ),
        Some(Pem::Text(text)) => Some(text),
        None => None,
    };
    Ok(Tokens::new(ClientCredentials::new(
        &required("oauth_token_url", &table.oauth_token_url.0)?,
        required("oauth_client_id", &table.oauth_client_id.0)?,
        required("oauth_client_secret", &table.oauth_client_secret.0)?,
        table.oauth_scope.0.clone(),
        table.oauth_audience.0.clone(),
        ca.as_deref(),
    )?))
}

/// Tells a path from the PEM text itself, which a variable may contain.
fn pem(key: &str, value: &Option<String>) -> Result<Option<Pem>> {
    let Some(text) = value else { return Ok(None) };
    if text.trim_start().starts_with("-----BEGIN") {
        return Ok(Some(Pem::Text(text.clone())));
    }
    // The client would report the same, but in three lines.
    std::fs::File::open(Path::new(text)).with_context(|| format!("`{key}`: cannot read {text}"))?;
    Ok(Some(Pem::File(text.clone())))
}
