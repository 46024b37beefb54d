//! The store and its users: the function's own settings, and the keys of the buckets' owner.

use anyhow::{Context, Result, bail};
use s3::{Client, Credentials, Secret, Transport};
use xray::config::{Buckets, Config, DEFAULTS};

use crate::app::{
    manifest::Manifest,
    variables::{Sources, VariableDecl, Variables},
};

/// Settings of the store.
pub struct Settings {
    /// The function's settings; unknown keys are replaced by placeholders.
    pub config: Config,
    /// The buckets.
    pub buckets: Buckets,
    /// The function's keys: the variables `s3_access_key` and `s3_secret_key`.
    pub function: Option<Credentials>,
    /// The owner's keys: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` of the environment.
    pub owner: Option<Credentials>,
    /// The manifest, if there is one.
    pub manifest: Option<Manifest>,
    /// The manifest's variables.
    pub variables: Variables,
}

impl Settings {
    /// Reads all settings; secrets other than the function's come from the environment only.
    ///
    /// # Errors
    /// Returns an error if a setting has a value that the function would reject.
    pub fn read(manifest: Option<Manifest>, sources: &Sources, bucket: &str) -> Result<Self> {
        let declared = declared(manifest.as_ref());
        let variables = Variables::resolve(&declared, sources)?;
        let text = |name: &str| variables.get(name).unwrap_or_default().trim().to_owned();
        let function = keys(
            [text("s3_access_key"), text("s3_secret_key")],
            text("s3_session_token"),
        )
        .context("s3_access_key and s3_secret_key must be set together")?;
        let config = Config::from_lookup(|name| match name {
            "s3_access_key" | "s3_secret_key" if function.is_none() => Some("unknown".into()),
            _ => variables.get(name).map(str::to_owned),
        })?;
        let ambient = |name: &str| std::env::var(name).unwrap_or_default();
        let owner = keys(
            [
                ambient("AWS_ACCESS_KEY_ID"),
                ambient("AWS_SECRET_ACCESS_KEY"),
            ],
            ambient("AWS_SESSION_TOKEN"),
        )
        .context("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together")?;
        Ok(Self {
            buckets: buckets(bucket, &config)?,
            config,
            function,
            owner,
            manifest,
            variables,
        })
    }

    /// Returns a client with these credentials.
    pub fn client(&self, credentials: &Credentials, transport: Transport) -> Client {
        Client::new(self.config.endpoint.clone(), credentials.clone(), transport)
            .with_region(&self.config.region)
    }
}

/// Names the buckets that belong to an input bucket.
///
/// # Errors
/// When one of the names cannot be a bucket's.
fn buckets(input: &str, config: &Config) -> Result<Buckets> {
    let buckets = config.buckets(input);
    for name in buckets.all() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        if !(3..=63).contains(&name.len()) || !name.chars().all(plain) {
            bail!(
                "`{name}` can't be a bucket: 3 to 63 lower-case letters, digits, `-` and `.` are allowed"
            );
        }
    }
    Ok(buckets)
}

/// Declares the variables with a default each, since these commands don't need everything that the
/// function needs.
fn declared(manifest: Option<&Manifest>) -> std::collections::BTreeMap<String, VariableDecl> {
    let with_default = |default: String| VariableDecl {
        default: Some(default),
        secret: false,
    };
    match manifest {
        Some(manifest) => {
            let all = manifest.variables.iter();
            let own = |decl: &VariableDecl| decl.default.clone().unwrap_or_default();
            all.map(|(name, decl)| (name.clone(), with_default(own(decl))))
                .collect()
        }
        None => {
            let all = DEFAULTS.iter();
            all.map(|(name, default)| ((*name).to_owned(), with_default((*default).to_owned())))
                .collect()
        }
    }
}

/// Builds keys from their two halves; `None` if both are missing, an error if only one is set.
fn keys(halves: [String; 2], token: String) -> Result<Option<Credentials>> {
    let [access_key, secret_key] = halves;
    match (access_key.is_empty(), secret_key.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => {
            let token = Some(Secret::new(token)).filter(|token| !token.is_empty());
            let credentials = Credentials::new(access_key, secret_key);
            Ok(Some(credentials.with_session_token(token)))
        }
        _ => bail!("one of them is not set"),
    }
}
