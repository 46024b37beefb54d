//! The store as the commands reach it: over the process's own HTTP client, which knows TLS and the machine's certificates.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use http::StatusCode;
use http_body_util::BodyExt;
use wasmtime_wasi_http::RequestOptions;
use xray::{config::Config, s3::Addressing};
use xray_demo::{Client, Credentials, Transport, client::Refused};

use crate::egress::client::{self, full};

/// Bytes a second that even a slow line carries; what is longer than this under way has got stuck.
const SLOWEST: u64 = 50_000;
/// What an answer may take beyond that.
const ANSWER: Duration = Duration::from_secs(60);

/// Sends over HTTP and HTTPS.
///
/// # Errors
/// When the machine's certificates cannot be read.
pub fn transport() -> Result<Transport> {
    let client = client::Client::new()?;
    Ok(Transport::call(move |request| {
        let client = client.clone();
        let length = request.body().len() as u64;
        let options = RequestOptions {
            connect_timeout: None,
            first_byte_timeout: Some(ANSWER + Duration::from_secs(length / SLOWEST)),
            between_bytes_timeout: None,
        };
        async move {
            let answer = client.send(request.map(full), Some(options)).await;
            // Its text could hold a URL, and with it a key.
            let answer = answer.map_err(|error| anyhow!("no answer from the store: {error:?}"))?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.ok();
            let body = body.context("the store's answer broke off")?.to_bytes();
            Ok(http::Response::from_parts(head, body))
        }
    }))
}

/// A client with the function's own settings.
///
/// # Errors
/// As [`transport`].
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
