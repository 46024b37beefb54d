//! The store as the commands reach it: over the process's own HTTP client, which knows TLS and the machine's certificates.

use anyhow::Result;
use http::StatusCode;
use s3::{Addressing, Client, Credentials, client::Refused};
use xray::config::Config;

use crate::ceph::transport;

/// A client with the function's own settings.
///
/// # Errors
/// When the machine's certificates cannot be read.
pub fn of_function(config: &Config) -> Result<Client> {
    let credentials = Credentials::new(&config.access_key, config.secret_key.expose());
    let client = Client::new(config.endpoint.url(), credentials, transport()?);
    Ok(client
        .region(&config.region)
        .session_token(config.session_token.clone())
        .virtual_host(config.endpoint.addressing() == Addressing::VirtualHost))
}

/// Whether asking again may help: no answer came, or one that says so.
pub fn may_pass(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Refused>() {
        Some(refused) => {
            refused.status.is_server_error()
                || refused.status == StatusCode::TOO_MANY_REQUESTS
                || refused.status == StatusCode::REQUEST_TIMEOUT
        }
        None => true,
    }
}

/// What to do about a refusal, in words; empty where the refusal says it all.
pub fn remedy(error: &anyhow::Error, bucket: &str) -> String {
    let Some(refused) = error.downcast_ref::<Refused>() else {
        return "; check the endpoint".into();
    };
    match (refused.status, refused.code.as_str()) {
        (_, "NoSuchBucket") => format!("; the bucket {bucket} does not exist, make it first"),
        (_, "InvalidAccessKeyId") => "; check the access key".into(),
        (_, "SignatureDoesNotMatch") => "; check the secret key and the region".into(),
        (_, "RequestTimeTooSkewed") => "; set this machine's clock".into(),
        (_, "QuotaExceeded") => "; the user's or the bucket's quota is used up".into(),
        (_, "EntityTooLarge") => "; the store takes no object this large".into(),
        // HEAD has no body that would say more.
        (StatusCode::FORBIDDEN, "") => {
            format!("; check the keys, the region, the clock and what this user may do in {bucket}")
        }
        (StatusCode::FORBIDDEN, _) => {
            format!("; this user may not do that in {bucket}, check the bucket's policy")
        }
        (StatusCode::NOT_FOUND, _) => format!("; check that the bucket {bucket} is there"),
        _ => String::new(),
    }
}
