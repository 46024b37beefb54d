//! A notification's JSON, field by field as Ceph 18 writes it.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::{Change, sequencer::Instant};

/// The only record of a notification.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    event_version: &'static str,
    event_source: &'static str,
    aws_region: &'static str,
    event_time: String,
    event_name: &'static str,
    user_identity: Principal,
    request_parameters: RequestParameters,
    response_elements: ResponseElements,
    s3: S3<'a>,
    event_id: String,
    opaque_data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Principal {
    principal_id: &'static str,
}

#[derive(Debug, Serialize)]
struct RequestParameters {
    #[serde(rename = "sourceIPAddress")]
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct ResponseElements {
    #[serde(rename = "x-amz-request-id")]
    request: String,
    #[serde(rename = "x-amz-id-2")]
    host: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct S3<'a> {
    #[serde(rename = "s3SchemaVersion")]
    version: &'static str,
    configuration_id: &'a str,
    bucket: Bucket<'a>,
    object: Object<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Bucket<'a> {
    name: &'a str,
    owner_identity: Principal,
    arn: String,
    id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    key: &'a str,
    size: u64,
    e_tag: &'a str,
    version_id: &'static str,
    sequencer: String,
    metadata: Vec<Pair<'a>>,
    tags: Vec<Pair<'a>>,
}

#[derive(Debug, Serialize)]
struct Pair<'a> {
    key: &'a str,
    val: &'a str,
}

/// The store's only user.
const USER: &str = "xray";

/// Makes the body of a notification about `change`.
pub(super) fn body(
    change: &Change,
    configuration: &str,
    opaque: &str,
    zone: &str,
    at: Instant,
) -> Bytes {
    #[derive(Serialize)]
    struct Notification<'a> {
        #[serde(rename = "Records")]
        records: [Record<'a>; 1],
    }
    let records = [record(change, configuration, opaque, zone, at)];
    Bytes::from(
        serde_json::to_vec(&Notification { records }).expect("texts and numbers always serialize"),
    )
}

fn record<'a>(
    change: &'a Change,
    configuration_id: &'a str,
    opaque_data: &'a str,
    zone: &str,
    at: Instant,
) -> Record<'a> {
    let started = Timestamp::try_from(change.started).unwrap_or_default();
    Record {
        event_version: "2.2",
        event_source: "ceph:s3",
        aws_region: "default",
        event_time: started.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        event_name: change.event.name(),
        user_identity: Principal { principal_id: USER },
        request_parameters: RequestParameters { source: "" },
        response_elements: ResponseElements {
            request: format!("{zone}.4104.{}", rand::random::<u64>()),
            host: "1008-default-default",
        },
        s3: S3 {
            version: "1.0",
            configuration_id,
            bucket: Bucket {
                name: &change.bucket,
                owner_identity: Principal { principal_id: USER },
                arn: format!("arn:aws:s3:default::{}", change.bucket),
                id: format!("{zone}.4106.1"),
            },
            object: Object {
                key: &change.key,
                size: change.size,
                e_tag: &change.etag,
                version_id: "",
                sequencer: at.hex(),
                metadata: pairs(&change.metadata),
                tags: pairs(&change.tags),
            },
        },
        event_id: format!(
            "{}.{:06}.{}",
            at.seconds(),
            at.nanoseconds() / 1000,
            change.etag
        ),
        opaque_data,
    }
}

fn pairs(of: &[(String, String)]) -> Vec<Pair<'_>> {
    of.iter().map(|(key, val)| Pair { key, val }).collect()
}
