//! Checks of the path from an arriving picture to the receiver: the notification, its topic, and
//! the receiver.

use bytes::Bytes;
use http::{Request, StatusCode};
use s3::Client;

use super::{Site, line::Finding, rights::MISSING_BUCKET};
use crate::ceph::{
    configuration::{self, Entry},
    queue,
    stored_topic::{self, Stored},
};

/// Findings that the probe needs.
#[derive(Debug, Default)]
pub struct Found {
    /// The notifications of new objects, each with its topic.
    pub entries: Vec<(Entry, Stored)>,
}

/// Checks that new objects trigger notifications to existing topics.
pub async fn notification(site: &Site, owner: &Client, found: &mut Found) -> Finding {
    let bucket = &site.settings.buckets.input;
    let all = match configuration::read(owner, bucket).await {
        Ok(all) => all.topics,
        Err(error) => {
            return Finding::failed(
                format!("the notifications of {bucket}: {error:#}"),
                match error.status() {
                    Some(StatusCode::NOT_FOUND) => MISSING_BUCKET,
                    Some(StatusCode::FORBIDDEN) => "use the keys of the bucket's owner",
                    _ => "try again",
                },
            );
        }
    };
    let count = all.len();
    for entry in all {
        let name = entry.topic_name().to_owned();
        match stored_topic::stored(owner, &entry.topic).await {
            Ok(Some(stored)) if entry.is_about_creation() => found.entries.push((entry, stored)),
            Ok(Some(_)) => {}
            Ok(None) => {
                return Finding::failed(
                    format!(
                        "the topic {name} of a notification is gone, and its events with it; if it was persistent, a gateway before Ceph 19 \
                         rejects every PUT into {bucket}"
                    ),
                    "create it again with xray setup",
                );
            }
            Err(error) => {
                return Finding::failed(
                    format!("the topic {name}: {error:#}"),
                    "a gateway shows a topic with a password only over HTTPS; and the owner's keys must be those of the topic's \
                     owner",
                );
            }
        }
    }
    for (entry, stored) in &found.entries {
        if stored.persistent
            && queue::is_missing(owner, bucket, entry)
                .await
                .unwrap_or(false)
        {
            let name = entry.topic_name();
            return Finding::failed(
                format!(
                    "the queue of the topic {name} is missing, so every PUT into {bucket} is rejected"
                ),
                "make it again with xray setup; before Ceph 19 deleting a topic of this name in another tenant removes it, so use a \
                 name of your own (--topic)",
            );
        }
    }
    match (found.entries.len(), count) {
        (0, 0) => Finding::failed(
            format!("{bucket} has no notification"),
            "create it with xray setup",
        ),
        (0, _) => Finding::failed(
            format!("{bucket} has {count}, but none for new objects"),
            "add one for s3:ObjectCreated:* with xray setup",
        ),
        (ours, _) => {
            let suffixes = found.entries.iter().map(|(entry, _)| entry.rule("suffix"));
            let remark = remark_on_dicom(suffixes);
            Finding::ok(format!("{ours} for new objects of {bucket}{remark}"))
        }
    }
}

/// Remarks on DICOM objects without notifications, which a bucket of pictures may well lack.
fn remark_on_dicom<'a>(mut suffixes: impl Iterator<Item = &'a str>) -> &'static str {
    match suffixes.any(|suffix| ".dcm".ends_with(&suffix.to_ascii_lowercase())) {
        true => "",
        false => ", but for none ending in .dcm: xray setup adds DICOM",
    }
}

/// Checks that the topic pushes to the function's address, and keeps events that can't be
/// delivered.
pub fn topic(site: &Site, found: &Found) -> Finding {
    let Some((entry, stored)) = found.entries.first() else {
        return Finding::skipped("no notification");
    };
    let name = entry.topic_name();
    let address = shown(&stored.address);
    if stored.address.is_empty() {
        return Finding::failed(
            format!("{name} pushes nowhere"),
            "xray setup --push URL; send the parameters of CreateTopic in the body, since those in the query are ignored",
        );
    }
    if let Some(kafka) = &site.kafka {
        if !stored.address.starts_with("kafka://") {
            return Finding::failed(
                format!("{name} pushes to {address}, and the function reads Kafka"),
                "xray setup --push kafka://BROKER:9092; or run xray up without Kafka",
            );
        }
        if !kafka.topics.iter().any(|topic| topic == name) {
            let read = kafka.topics.join(", ");
            return Finding::failed(
                format!("the gateway writes to {name}, and the function reads {read}"),
                "give both the same --topic: the topic's name at the gateway is that of the Kafka topic",
            );
        }
    }
    if !stored.persistent {
        return Finding::warning(
            format!(
                "{name} pushes to {address} and is not persistent: events that arrive while the receiver is down are lost"
            ),
            "make it persistent with xray setup",
        );
    }
    Finding::ok(format!("{name} pushes to {address}, persistent"))
}

/// Checks the receiver of HTTP pushes, as seen from this machine; returns nothing for other
/// receivers.
pub async fn receiver(site: &Site, found: &Found) -> Option<Finding> {
    let (_, stored) = found.entries.first()?;
    let url = url::Url::parse(&stored.address).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let health = url.join("/.well-known/spin/health").ok()?;
    let request = Request::get(health.as_str()).body(Bytes::new()).ok()?;
    let address = shown(&stored.address);
    let mut remedy =
        "start the function (xray up --listen ADDRESS), on an address that the gateway reaches"
            .to_owned();
    if stored.persistent && !stored.knows_limits() {
        remedy.push_str(
            "; before Ceph 19 a queue whose receiver refused connections for some seconds may stall until radosgw is restarted",
        );
    }
    Some(match site.transport.send(request).await {
        Ok(answer) if answer.status().is_success() => Finding::ok(format!("{address} is up")),
        Ok(answer) => Finding::failed(
            format!(
                "{address} responds with {} to a health check",
                answer.status()
            ),
            remedy,
        ),
        Err(error) => Finding::failed(format!("{address}: {error:#}"), remedy),
    })
}

/// Returns an address without user and password.
fn shown(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remark_on_dicom_needs_rules_without_it() {
        for (suffixes, is_remarked) in [
            (&[".jpg", ".png"][..], true),
            (&[".jpg", ".dcm"], false),
            (&[".DCM"], false),
            // All keys.
            (&[""], false),
        ] {
            let remark = remark_on_dicom(suffixes.iter().copied());
            assert_eq!(!remark.is_empty(), is_remarked, "{suffixes:?}");
        }
    }
}
