//! Signed requests to the store.

use bytes::Bytes;
use s3::{
    Action, Reason, Refusal,
    sigv4::{self, Scope},
};

use crate::{
    config::Config,
    error::Error,
    ports::{Ports, SendError},
};

/// Limit on an error body or another small response, in bytes.
const SMALL: u64 = 64 << 10;

/// Sends an action and reads its response, of up to `limit` bytes. The caller judges a refusal.
///
/// # Errors
/// [`Error::Store`] without a response, [`Error::TooLarge`] for one over `limit`.
pub async fn send<A: Action>(
    ports: &impl Ports,
    config: &Config,
    action: &A,
    limit: u64,
) -> Result<Result<A::Output, Refusal>, Error> {
    let request = action.request(&config.endpoint)?;
    let response = send_signed(ports, config, request, limit).await?;
    match action.response(response) {
        Ok(output) => Ok(Ok(output)),
        Err(s3::Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(error) => Err(error.into()),
    }
}

async fn send_signed(
    ports: &impl Ports,
    config: &Config,
    mut request: http::Request<Bytes>,
    limit: u64,
) -> Result<http::Response<Bytes>, Error> {
    let scope = Scope {
        access_key: &config.access_key,
        secret_key: &config.secret_key,
        session_token: config.session_token.as_ref(),
        region: &config.region,
        service: "s3",
    };
    sigv4::sign(&mut request, &scope, ports.now())?;
    ports
        .send(request, limit.max(SMALL))
        .await
        .map_err(|error| match error {
            SendError::Transport(kind) => {
                Error::Store(format!("no response from s3_endpoint: {kind}"))
            }
            SendError::TooLarge { limit } => Error::TooLarge {
                what: "the object, in bytes,",
                limit,
            },
        })
}

/// Describes a refusal by the names of this function's settings.
pub(crate) fn describe(refusal: &Refusal) -> String {
    let remedy = match refusal.reason {
        Reason::AccessKey => "check s3_access_key",
        Reason::Signature => "check s3_secret_key and s3_region",
        _ => return refusal.to_string(),
    };
    format!("{}; {remedy}", refusal.summary())
}
