//! The notifications of a bucket, read and written.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use s3::{Client, xml};
use serde::{Deserialize, Serialize};

use super::{bucket::ask, user::owned};

/// All notifications of a bucket, ours and others.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// One entry per notification.
    #[serde(rename = "TopicConfiguration", default)]
    pub topics: Vec<Entry>,
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Id, unique within the bucket.
    #[serde(rename = "Id", default)]
    pub id: String,
    /// ARN of the topic.
    #[serde(rename = "Topic")]
    pub topic: String,
    /// Keys to which the notification applies.
    #[serde(rename = "Filter", default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Events that are sent; empty means all of them.
    #[serde(rename = "Event", default)]
    pub events: Vec<String>,
}

/// Keys to which a notification applies. Metadata and tags are extensions of Ceph's gateway and are
/// kept unchanged.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Rules on the key.
    #[serde(rename = "S3Key", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Rules>,
    /// Rules on user metadata.
    #[serde(
        rename = "S3Metadata",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub metadata: Option<Rules>,
    /// Rules on tags.
    #[serde(rename = "S3Tags", default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Rules>,
}

/// Rules that must all match.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The rules.
    #[serde(rename = "FilterRule", default)]
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `prefix`, `suffix`, or another name that the gateway knows.
    #[serde(rename = "Name")]
    pub name: String,
    /// The value to match.
    #[serde(rename = "Value", default)]
    pub value: String,
}

impl Entry {
    /// Returns the name of its topic.
    pub fn topic_name(&self) -> &str {
        self.topic.rsplit(':').next().unwrap_or_default()
    }

    /// Reports whether it covers creation events.
    pub fn is_about_creation(&self) -> bool {
        let creation = |event: &String| {
            let event = event.strip_prefix("s3:").unwrap_or(event);
            event.starts_with("ObjectCreated:")
        };
        self.events.is_empty() || self.events.iter().any(creation)
    }

    /// Returns the value of a rule on keys, or an empty text without such a rule.
    pub fn rule(&self, name: &str) -> &str {
        let rules = self.filter.as_ref().and_then(|f| f.key.as_ref());
        let rule = rules.and_then(|r| r.rules.iter().find(|rule| rule.name == name));
        rule.map_or("", |rule| &rule.value)
    }

    /// Sorts events and rules so that two entries can be compared.
    pub(super) fn sorted(mut self) -> Self {
        self.events.sort();
        if let Some(key) = self.filter.as_mut().and_then(|f| f.key.as_mut()) {
            key.rules.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self
    }
}

/// Reads all notifications of a bucket.
///
/// # Errors
/// Returns an error if the gateway does not return them.
pub async fn read(client: &Client, bucket: &str) -> Result<Configuration, s3::Error> {
    xml::from_slice(&ask(client, Method::GET, bucket, "notification", Bytes::new()).await?)
}

/// Writes all notifications of a bucket. Ceph's gateway (seen on 16, 18 and 20) adds them to
/// the existing ones, where an entry is the same if its id and its topic are; S3 replaces the whole
/// set. Sending the complete set is right for both.
pub(super) async fn write(
    client: &Client,
    bucket: &str,
    all: &Configuration,
) -> Result<(), s3::Error> {
    let body = xml::to_string("NotificationConfiguration", all)?;
    ask(client, Method::PUT, bucket, "notification", body.into()).await?;
    Ok(())
}

/// Writes the notifications that name a topic again, in all of the owner's buckets. Before Ceph 19
/// each notification holds a copy of the topic's endpoint from the time of its creation and keeps
/// pushing there.
///
/// # Errors
/// Returns an error if the gateway rejects the request.
pub async fn renew(client: &Client, arn: &str) -> Result<()> {
    for (bucket, all) in naming(client, arn).await? {
        write(client, &bucket, &all).await?;
    }
    Ok(())
}

/// Lists the owner's buckets with a notification that names a topic, as far as they can be read: a
/// bucket may disappear meanwhile, or its policy may deny even the owner.
///
/// # Errors
/// Returns an error if the gateway does not respond.
pub async fn naming(client: &Client, arn: &str) -> Result<Vec<(String, Configuration)>> {
    let mut found = Vec::new();
    for bucket in owned(client).await? {
        match read(client, &bucket).await {
            Ok(all) if all.topics.iter().any(|entry| entry.topic == arn) => {
                found.push((bucket, all));
            }
            Ok(_) => {}
            Err(error)
                if error
                    .status()
                    .is_some_and(|status| status.is_client_error()) => {}
            Err(error) => return Err(error).context("the bucket's notifications"),
        }
    }
    Ok(found)
}
