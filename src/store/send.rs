//! Signed requests to the store.

use bytes::Bytes;
use s3::sigv4::{self, Scope};

use crate::{
    config::Config,
    error::Error,
    ports::{Ports, SendError},
};

/// Limit on an error body or another small response, in bytes.
const SMALL: u64 = 64 << 10;

/// Signs a request, sends it, and reads up to `limit` bytes of the response.
///
/// # Errors
/// [`Error::Store`] without a response, [`Error::TooLarge`] for one over `limit`.
pub async fn send_signed(
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
    let payload = request.body().clone();
    sigv4::sign(&mut request, &payload, &scope, ports.now())?;
    if !payload.is_empty() {
        // Set after signing, because hosts may set it themselves; without it the body would be sent
        // in chunks, which S3 refuses.
        request
            .headers_mut()
            .insert(http::header::CONTENT_LENGTH, payload.len().into());
    }
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
