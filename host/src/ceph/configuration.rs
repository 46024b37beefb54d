//! The notifications of a bucket, as they are read and written.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use s3::Client;
use serde::{Deserialize, Serialize};

use super::{
    bucket::{ask, owned},
    refusal::{accept, status},
    xml,
};

/// A bucket's notifications, ours and others.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Each a topic with events and a filter.
    #[serde(rename = "TopicConfiguration", default)]
    pub topics: Vec<Entry>,
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id, unique in the bucket.
    #[serde(rename = "Id", default)]
    pub id: String,
    /// The topic's ARN.
    #[serde(rename = "Topic")]
    pub topic: String,
    /// Which keys.
    #[serde(rename = "Filter", default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Which events; none means all.
    #[serde(rename = "Event", default)]
    pub events: Vec<String>,
}

/// Which keys; metadata and tags are extensions of Ceph's gateway, kept as they are.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// By the key.
    #[serde(rename = "S3Key", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Rules>,
    /// By user metadata.
    #[serde(
        rename = "S3Metadata",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub metadata: Option<Rules>,
    /// By tags.
    #[serde(rename = "S3Tags", default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Rules>,
}

/// Rules that must all hold.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The rules.
    #[serde(rename = "FilterRule", default)]
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `prefix`, `suffix`, or what else the gateway knows.
    #[serde(rename = "Name")]
    pub name: String,
    /// Its value.
    #[serde(rename = "Value", default)]
    pub value: String,
}

impl Entry {
    /// The name of its topic.
    pub fn topic_name(&self) -> &str {
        self.topic.rsplit(':').next().unwrap_or_default()
    }

    /// Whether it says anything of new objects.
    pub fn is_about_creation(&self) -> bool {
        let creation = |event: &String| {
            let event = event.strip_prefix("s3:").unwrap_or(event);
            event.starts_with("ObjectCreated:")
        };
        self.events.is_empty() || self.events.iter().any(creation)
    }

    /// The value of a rule about keys, empty if there is none.
    pub fn rule(&self, name: &str) -> &str {
        let rules = self.filter.as_ref().and_then(|f| f.key.as_ref());
        let rule = rules.and_then(|r| r.rules.iter().find(|rule| rule.name == name));
        rule.map_or("", |rule| &rule.value)
    }

    /// With events and rules in an order that can be compared.
    pub(super) fn sorted(mut self) -> Self {
        self.events.sort();
        if let Some(key) = self.filter.as_mut().and_then(|f| f.key.as_mut()) {
            key.rules.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self
    }
}

/// All notifications of a bucket.
///
/// # Errors
/// When the gateway does not show them.
pub async fn read(client: &Client, bucket: &str) -> Result<Configuration> {
    let answer = ask(client, Method::GET, bucket, "notification", Bytes::new()).await?;
    xml::read(&accept(answer)?).context("the bucket's notifications")
}

/// Writes all notifications of a bucket: a gateway before Ceph 19 adds to what is there, later ones and S3 replace it, and all of
/// it is right for both.
pub(super) async fn write(client: &Client, bucket: &str, all: &Configuration) -> Result<()> {
    let body = xml::write("NotificationConfiguration", all)?;
    let answer = ask(client, Method::PUT, bucket, "notification", body.into()).await?;
    accept(answer).map(drop)
}

/// Writes the notifications that name a topic again, in all of the owner's buckets: before Ceph 19 each keeps a copy of where
/// the topic pushed to when it was made, and goes on pushing there.
///
/// # Errors
/// When the gateway refuses.
pub async fn renew(client: &Client, arn: &str) -> Result<()> {
    for (bucket, all) in naming(client, arn).await? {
        write(client, &bucket, &all).await?;
    }
    Ok(())
}

/// The owner's buckets with a notification that names a topic, as far as they can be read: one may go meanwhile, or its policy
/// deny even the owner.
///
/// # Errors
/// When the gateway does not answer.
pub async fn naming(client: &Client, arn: &str) -> Result<Vec<(String, Configuration)>> {
    let mut found = Vec::new();
    for bucket in owned(client).await? {
        match read(client, &bucket).await {
            Ok(all) if all.topics.iter().any(|entry| entry.topic == arn) => {
                found.push((bucket, all));
            }
            Ok(_) => {}
            Err(error) if status(&error).is_some_and(|status| status.is_client_error()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
