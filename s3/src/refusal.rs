//! Responses other than success: what they mean and what to do.

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::xml;

/// A response other than 2xx. Holds nothing of the object, whose key may hold a patient's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// Status of the response.
    pub status: StatusCode,
    /// Text of `<Code>`; empty if the response has none, as with every HEAD.
    pub code: String,
    /// Meaning of the two.
    pub reason: Reason,
}

/// Meaning of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no such object or version, told by an S3 error document about the bucket that was
    /// asked for.
    NoSuchObject,
    /// 404 without such a document, as of every HEAD, or with a document about something else: the
    /// object may be gone, or the endpoint is not the gateway's, or the bucket is another one.
    NotFound,
    /// There is no such bucket.
    NoSuchBucket,
    /// The precondition does not hold, or another writer was faster.
    PreconditionFailed,
    /// The object is encrypted with a key that the request must carry (SSE-C).
    CustomerKey,
    /// The store can't get a key from its key service (SSE-KMS).
    KeyService,
    /// The access key is unknown.
    AccessKey,
    /// The signature does not match: the secret key or the region is wrong.
    Signature,
    /// This machine's clock is off.
    Clock,
    /// This user may not do that.
    Forbidden,
    /// Any other.
    Other,
}

impl Refusal {
    /// Reads a response; `None` if it is a success.
    pub fn of(response: &Response<Bytes>) -> Option<Refusal> {
        let status = response.status();
        if status.is_success() {
            return None;
        }
        let code = error_code(response.body());
        let reason = reason(status, &code, response.body());
        Some(Refusal {
            status,
            code,
            reason,
        })
    }

    /// Reads a response about an object in `bucket`. RGW's documents name the bucket. If one names
    /// another, the request's host or path was read as that bucket, so the document says nothing
    /// about the object.
    pub(crate) fn in_bucket(response: &Response<Bytes>, bucket: &str) -> Option<Refusal> {
        let mut refusal = Refusal::of(response)?;
        let named = xml::text(response.body(), "BucketName").filter(|name| !name.is_empty());
        if refusal.reason == Reason::NoSuchObject && named.is_some_and(|name| name != bucket) {
            refusal.reason = Reason::NotFound;
        }
        Some(refusal)
    }

    /// Passes a success on.
    ///
    /// # Errors
    /// The refusal of any other response.
    pub fn check(response: Response<Bytes>) -> Result<Response<Bytes>, Refusal> {
        match Refusal::of(&response) {
            None => Ok(response),
            Some(refusal) => Err(refusal),
        }
    }

    /// Reports whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        self.status.is_server_error()
            || matches!(
                self.status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
            )
    }

    /// Returns the advice for this refusal, if there is any.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self.reason {
            Reason::NoSuchBucket => "the bucket does not exist, create it first",
            Reason::CustomerKey => "the object is encrypted with a customer's key (SSE-C)",
            Reason::KeyService => {
                "the store can't get an SSE-KMS key, check its key service and who may use the key"
            }
            Reason::AccessKey => "check the access key",
            Reason::Signature => "check the secret key and the region",
            Reason::Clock => "set this machine's clock",
            Reason::Forbidden if self.code.is_empty() => {
                "check the keys, the region, this machine's clock and the bucket's policy"
            }
            Reason::Forbidden => "this user lacks the permission, check the bucket's policy",
            Reason::NotFound => {
                "check that the bucket exists, and that the endpoint is the gateway's and names no other bucket or tenant"
            }
            _ => match self.code.as_str() {
                "BucketAlreadyExists" => "another user owns the bucket, choose another name",
                "BucketNotEmpty" => "delete its objects first",
                "EntityTooLarge" => "the store rejects objects of this size",
                "QuotaExceeded" => "the quota of the user or the bucket is used up, raise it",
                "TooManyBuckets" => "the user's limit on buckets is reached, raise it",
                _ => return None,
            },
        })
    }

    /// Returns status and code, as in `403 AccessDenied`.
    pub fn summary(&self) -> String {
        let summary = format!("{} {}", self.status.as_u16(), self.code);
        summary.trim_end().to_owned()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        match self.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

fn reason(status: StatusCode, code: &str, body: &[u8]) -> Reason {
    // The message decides, but is never repeated: it may name the object.
    let message = xml::text(body, "Message").unwrap_or_default();
    if status == StatusCode::BAD_REQUEST && message.contains("Server Side Encryption") {
        return Reason::CustomerKey;
    }
    // RGW returns 403 InvalidAccessKeyId when its key service lacks a key, as if our key were wrong
    // (seen on 16.2.15).
    if matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)
        && message.to_ascii_lowercase().contains("kms")
    {
        return Reason::KeyService;
    }
    match (status, code) {
        (StatusCode::NOT_FOUND, "NoSuchBucket") => Reason::NoSuchBucket,
        (StatusCode::NOT_FOUND, "NoSuchKey" | "NoSuchVersion") => Reason::NoSuchObject,
        // GET of a delete marker's version, by S3's specification; RGW says NoSuchKey.
        (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed") => Reason::NoSuchObject,
        (StatusCode::NOT_FOUND, _) => Reason::NotFound,
        (
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT,
            "" | "PreconditionFailed" | "ConditionalRequestConflict",
        ) => Reason::PreconditionFailed,
        (StatusCode::FORBIDDEN, "InvalidAccessKeyId") => Reason::AccessKey,
        (StatusCode::FORBIDDEN, "SignatureDoesNotMatch") => Reason::Signature,
        (StatusCode::FORBIDDEN, "RequestTimeTooSkewed") => Reason::Clock,
        (StatusCode::FORBIDDEN, _) => Reason::Forbidden,
        _ => Reason::Other,
    }
}

/// Returns the `<Code>` of an S3 error document; else an empty string.
pub fn error_code(body: &[u8]) -> String {
    // Pages of proxies may hold any element.
    let is_error = |name: &String| matches!(name.as_str(), "Error" | "ErrorResponse");
    xml::root(body)
        .filter(is_error)
        .and_then(|_| xml::text(body, "Code"))
        .filter(|code| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, reason: Reason, text: &str) {
        let response = Response::builder()
            .status(status)
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        let refusal = Refusal::of(&response).unwrap();
        assert_eq!(
            (refusal.reason, refusal.to_string().as_str()),
            (reason, text)
        );
    }

    fn error(code: &str, message: &str) -> String {
        format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn refusals_say_what_to_do() {
        check(
            403,
            &error("SignatureDoesNotMatch", ""),
            Reason::Signature,
            "403 SignatureDoesNotMatch; check the secret key and the region",
        );
        check(
            403,
            "",
            Reason::Forbidden,
            "403; check the keys, the region, this machine's clock and the bucket's policy",
        );
        check(
            404,
            &error("NoSuchBucket", ""),
            Reason::NoSuchBucket,
            "404 NoSuchBucket; the bucket does not exist, create it first",
        );
        check(
            404,
            &error("NoSuchKey", ""),
            Reason::NoSuchObject,
            "404 NoSuchKey",
        );
        check(503, &error("SlowDown", ""), Reason::Other, "503 SlowDown");
        check(412, "", Reason::PreconditionFailed, "412");
        check(405, "", Reason::Other, "405");
        check(
            405,
            &error("MethodNotAllowed", ""),
            Reason::NoSuchObject,
            "405 MethodNotAllowed",
        );
        let elsewhere = "; check that the bucket exists, and that the endpoint is the gateway's and names no other bucket or tenant";
        for (body, summary) in [
            (String::new(), "404"),
            (
                "<html><body>default backend - 404</body></html>".to_owned(),
                "404",
            ),
            ("<html><Code>NoSuchKey</Code></html>".to_owned(), "404"),
            ("NoSuchKey".to_owned(), "404"),
            (error("NoSuchTenant", ""), "404 NoSuchTenant"),
        ] {
            check(
                404,
                &body,
                Reason::NotFound,
                &format!("{summary}{elsewhere}"),
            );
        }
    }

    #[test]
    fn encryption_is_recognized_by_the_message_of_rgw_16() {
        let message = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid \
                       encryption algorithm.";
        check(
            400,
            &error("InvalidArgument", message),
            Reason::CustomerKey,
            "400 InvalidArgument; the object is encrypted with a customer's key (SSE-C)",
        );
        let message = "Failed to retrieve the actual key, kms-keyid: Jane Roe";
        check(
            403,
            &error("InvalidAccessKeyId", message),
            Reason::KeyService,
            "403 InvalidAccessKeyId; the store can't get an SSE-KMS key, check its key service and who may use the key",
        );
    }

    #[test]
    fn error_code_rejects_anything_but_a_code() {
        assert_eq!(error_code(error("NoSuchKey", "").as_bytes()), "NoSuchKey");
        for code in ["Jane Roe", "a/b.png", &"x".repeat(65)] {
            assert_eq!(error_code(error(code, "").as_bytes()), "", "{code}");
        }
        assert_eq!(error_code(b"<html>oops"), "");
    }
}
