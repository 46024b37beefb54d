//! The client of the commands that work on a store.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use s3::{Client, Credentials, Retry};
use xray::config::Config;

use crate::ceph::transport;

/// Retries of a request to the store.
pub const RETRY: Retry = Retry {
    attempts: 4,
    pause: Duration::from_millis(500),
};

/// Makes a client with the function's own settings.
///
/// # Errors
/// Fails when the machine's certificates cannot be read.
pub fn of_function(config: &Config) -> Result<Client> {
    let credentials = Credentials::new(&config.access_key, config.secret_key.expose())
        .with_session_token(config.session_token.clone());
    of_user(config, credentials)
}

/// Makes a client for the function's store with another user's keys, from a file of lines
/// `AWS_ACCESS_KEY_ID=KEY`, or one as the AWS command line keeps it.
///
/// # Errors
/// Fails when the file can't be read or lacks a key, or the machine's certificates can't be read.
pub fn of_file(config: &Config, file: &Path) -> Result<Client> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("the keys in {}", file.display()))?;
    let credentials = parse(&text).with_context(|| format!("the keys in {}", file.display()))?;
    of_user(config, credentials)
}

/// Reads keys; an error quotes nothing.
fn parse(text: &str) -> Result<Credentials> {
    let value = |name: &str| {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let mut values = pairs.filter(|(own, _)| own.trim().eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
    };
    let access = value("AWS_ACCESS_KEY_ID").context("AWS_ACCESS_KEY_ID=KEY is missing")?;
    let secret = value("AWS_SECRET_ACCESS_KEY").context("AWS_SECRET_ACCESS_KEY=KEY is missing")?;
    let token = value("AWS_SESSION_TOKEN").map(s3::Secret::new);
    Ok(Credentials::new(access, secret).with_session_token(token))
}

fn of_user(config: &Config, credentials: Credentials) -> Result<Client> {
    Ok(
        Client::new(config.endpoint.clone(), credentials, transport()?)
            .with_region(&config.region)
            .with_retry(RETRY),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_both_kinds_of_file() {
        for text in [
            "AWS_ACCESS_KEY_ID=one\nAWS_SECRET_ACCESS_KEY=t=wo\n",
            "[default]\naws_access_key_id = one\naws_secret_access_key = t=wo\n",
        ] {
            assert_eq!(parse(text).unwrap(), Credentials::new("one", "t=wo"));
        }
        let error = parse("AWS_ACCESS_KEY_ID=one\nAWS_SECRET_ACCESS_KEY=\n").unwrap_err();
        assert_eq!(error.to_string(), "AWS_SECRET_ACCESS_KEY=KEY is missing");
    }
}
