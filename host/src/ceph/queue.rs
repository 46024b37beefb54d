//! The queue of a persistent topic, which no request shows.
//!
//! Before Ceph 19 its name has no tenant, so a topic that is deleted in one tenant takes the queue
//! of its namesake in another along, and there every PUT is rejected from then on.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use s3::{Client, Raw};

use super::configuration::Entry;

/// Part of the key of the trial.
const NAME: &str = "xray-queue-check";
/// Content of the trial, and the MD5 of nothing, which is not its own.
const BODY: &[u8] = b"x";
const WRONG_MD5: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";

/// Reports whether the gateway rejects PUTs because the queue of a notification's topic is missing.
/// It reserves a place in the queue before it reads the body, so a PUT with a wrong MD5 shows the
/// queue and stores nothing. A condition that never holds would do so too, but the gateway sends an
/// event about that PUT.
///
/// # Errors
/// Returns an error if the gateway does not respond.
pub async fn is_missing(client: &Client, bucket: &str, entry: &Entry) -> Result<bool, s3::Error> {
    let key = format!("{}{NAME}{}", entry.rule("prefix"), entry.rule("suffix"));
    let mut headers = HeaderMap::new();
    let digest = HeaderName::from_static("content-md5");
    headers.insert(digest, HeaderValue::from_static(WRONG_MD5));
    let put = Raw {
        method: Method::PUT,
        bucket,
        key: &key,
        headers,
        body: Bytes::from_static(BODY),
        ..Raw::default()
    };
    match client.send(&put).await {
        Err(s3::Error::Refused(refusal)) => {
            Ok(refusal.status.as_u16() == 400 && refusal.code == "InvalidArgument")
        }
        Err(error) => Err(error),
        // A store that ignores digests.
        Ok(_) => client.delete(bucket, &key).await.map(|()| false),
    }
}
