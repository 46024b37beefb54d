//! Registry errors as one line that says what to do.

use anyhow::{Error, anyhow};
use oci_client::{
    Reference,
    errors::{OciDistributionError, OciErrorCode},
};

/// Reports whether the registry was unreachable, in contrast to an error response.
pub fn is_unreachable(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RequestError(error) => error.is_connect() || error.is_timeout(),
        OciDistributionError::ServerError { code, .. } => *code >= 500,
        _ => false,
    }
}

/// Converts an error to a message for users. `origin` names the source of the credentials.
pub fn explain(
    error: OciDistributionError,
    reference: &Reference,
    origin: &str,
    insecure: bool,
) -> Error {
    let registry = reference.resolve_registry();
    let refused = || {
        anyhow!(
            "{registry} denies access to {}: {origin}",
            reference.repository()
        )
    };
    let absent = || anyhow!("{registry} has no such repository, tag or content");
    match error {
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError {
            code: 401 | 403, ..
        } => refused(),
        OciDistributionError::ServerError { code: 404, .. }
        | OciDistributionError::ImageManifestNotFoundError(_) => absent(),
        OciDistributionError::RegistryError { envelope, .. } => {
            let has =
                |codes: &[OciErrorCode]| envelope.errors.iter().any(|e| codes.contains(&e.code));
            if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                refused()
            } else if has(&[
                OciErrorCode::ManifestUnknown,
                OciErrorCode::NameUnknown,
                OciErrorCode::BlobUnknown,
                OciErrorCode::NotFound,
            ]) {
                absent()
            } else {
                let said: Vec<_> = envelope.errors.iter().map(|e| e.message.as_str()).collect();
                anyhow!("{registry} reports: {}", said.join("; "))
            }
        }
        OciDistributionError::ServerError { code, .. } => {
            anyhow!("{registry} responded with status {code}")
        }
        OciDistributionError::DigestError(error) => {
            anyhow!("{registry} sent content that does not match its digest: {error}")
        }
        OciDistributionError::RequestError(error) => {
            let hint = match (error.is_connect(), insecure) {
                (true, false) => " (use --insecure if it speaks HTTP without TLS)",
                _ => "",
            };
            Error::from(error).context(format!("cannot talk to {registry}{hint}"))
        }
        other => Error::from(other).context(format!("request to {registry}")),
    }
}
