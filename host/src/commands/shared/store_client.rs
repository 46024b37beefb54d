//! The client of the commands that work on a store.

use std::time::Duration;

use anyhow::Result;
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
    Ok(
        Client::new(config.endpoint.clone(), credentials, transport()?)
            .with_region(&config.region)
            .with_retry(RETRY),
    )
}
