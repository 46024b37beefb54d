//! What the gateway does when a picture arrives: the notification, its topic, and who receives.

use bytes::Bytes;
use http::Request;
use s3::Client;

use super::{Site, line::Finding};
use crate::ceph::{
    configuration::{self, Entry},
    stored_topic::{self, Stored},
};

/// What the probe has to know of it.
#[derive(Debug, Default)]
pub struct Found {
    /// The notifications about new objects, each with its topic.
    pub entries: Vec<(Entry, Stored)>,
}

/// Whether new objects are notified of, to topics that are there.
pub async fn notification(site: &Site, owner: &Client, found: &mut Found) -> Finding {
    let bucket = &site.settings.buckets.input;
    let all = match configuration::read(owner, bucket).await {
        Ok(all) => all.topics,
        Err(error) => {
            return Finding::failed(
                format!("the notifications of {bucket}: {error:#}"),
                "the owner's keys must be those of the bucket's owner",
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
                        "the topic {name} of a notification is gone; if it was persistent, every PUT into {bucket} is refused"
                    ),
                    "xray setup makes it again",
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
    match (found.entries.len(), count) {
        (0, 0) => Finding::failed(format!("{bucket} has none"), "xray setup makes it"),
        (0, _) => Finding::failed(
            format!("{bucket} has {count}, and none is about new objects"),
            "xray setup adds one for s3:ObjectCreated:*",
        ),
        (ours, _) => Finding::ok(format!("{ours} about new objects of {bucket}")),
    }
}

/// Whether the topic goes where the function listens, and keeps what can't be delivered.
pub fn topic(site: &Site, found: &Found) -> Finding {
    let Some((entry, stored)) = found.entries.first() else {
        return Finding::skipped("no notification");
    };
    let name = entry.topic_name();
    let address = shown(&stored.address);
    if stored.address.is_empty() {
        return Finding::failed(
            format!("{name} pushes nowhere"),
            "xray setup --push URL; parameters of CreateTopic must be in the body, those in the query are ignored",
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
                "the topic's name at the gateway is that of the Kafka topic: give --topic the same name to both",
            );
        }
    }
    if !stored.persistent {
        return Finding::warning(
            format!(
                "{name} pushes to {address} and is not persistent: what comes while the receiver is down is lost"
            ),
            "xray setup makes it persistent",
        );
    }
    Finding::ok(format!("{name} pushes to {address}, persistent"))
}

/// Whether the receiver of HTTP pushes is well, as far as this machine sees; nothing to say for other receivers.
pub async fn receiver(site: &Site, found: &Found) -> Option<Finding> {
    let (_, stored) = found.entries.first()?;
    let url = url::Url::parse(&stored.address).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let health = url.join("/.well-known/spin/health").ok()?;
    let request = Request::get(health.as_str()).body(Bytes::new()).ok()?;
    let address = shown(&stored.address);
    let remedy =
        "start the function (xray up --listen ADDRESS), on an address that the gateway reaches";
    Some(match site.transport.send(request).await {
        Ok(answer) if answer.status().is_success() => Finding::ok(format!("{address} is up")),
        Ok(answer) => Finding::failed(
            format!(
                "{address} answers {} to a question about its health",
                answer.status()
            ),
            remedy,
        ),
        Err(error) => Finding::failed(format!("{address}: {error:#}"), remedy),
    })
}

/// An address without user and password.
fn shown(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => address.to_owned(),
    }
}
