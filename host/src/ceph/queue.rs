//! The queue of a persistent topic, which no request shows.
//!
//! Before Ceph 19 its name has no tenant, so a topic that is deleted in one tenant takes the queue
//! of its namesake in another along, and there every PUT is rejected from then on.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use s3::{Client, Raw};

use super::configuration::Entry;

/// Part of the key of the trial.
const NAME: &str = "xray-queue-check";
/// A condition that holds for no object.
const NEVER: &str = "xray";

/// Reports whether the gateway rejects PUTs because the queue of a notification's topic is missing.
/// It reserves a place in the queue before it checks a condition, so a PUT with a condition that
/// never holds shows the queue and stores nothing.
///
/// # Errors
/// Returns an error if the gateway does not respond.
pub async fn is_missing(client: &Client, bucket: &str, entry: &Entry) -> Result<bool, s3::Error> {
    let key = format!("{}{NAME}{}", entry.rule("prefix"), entry.rule("suffix"));
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_MATCH, HeaderValue::from_static(NEVER));
    let put = Raw {
        method: Method::PUT,
        bucket,
        key: &key,
        headers,
        body: Bytes::new(),
        ..Raw::default()
    };
    match client.send(&put).await {
        Err(s3::Error::Refused(refusal)) => {
            Ok(refusal.status.as_u16() == 400 && refusal.code == "InvalidArgument")
        }
        Err(error) => Err(error),
        // A store that ignores conditions.
        Ok(_) => client.delete(bucket, &key).await.map(|()| false),
    }
}
