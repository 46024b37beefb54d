//! A bucket's notification: which events of which keys go to which topic.

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use xray::sigv4::uri_encode;
use xray_demo::Client;

use super::{
    bucket::{ask, owned},
    part::{Found, Look, Part},
    refusal::{accept, status},
    topic, xml,
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

    fn sorted(mut self) -> Self {
        self.events.sort();
        if let Some(key) = self.filter.as_mut().and_then(|f| f.key.as_mut()) {
            key.rules.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self
    }
}

/// Our notifications of one bucket: one for each suffix, since a notification takes only one.
pub struct Notification {
    /// The owner.
    pub client: Client,
    /// The bucket.
    pub bucket: String,
    /// The topic's name.
    pub topic: String,
    /// What our ids begin with.
    pub id: String,
    /// Which events, as `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// What keys begin with; empty for all.
    pub prefix: String,
    /// What keys end with, one of these; an empty one is for all.
    pub suffixes: Vec<String>,
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
async fn write(client: &Client, bucket: &str, all: &Configuration) -> Result<()> {
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
    for bucket in owned(client).await? {
        let all = read(client, &bucket).await?;
        if all.topics.iter().any(|entry| entry.topic == arn) {
            write(client, &bucket, &all).await?;
        }
    }
    Ok(())
}

impl Notification {
    /// What should be there.
    fn entries(&self, arn: &str) -> Vec<Entry> {
        let entry = |suffix: &String| {
            let rule = |name: &str, value: &str| Rule {
                name: name.to_owned(),
                value: value.to_owned(),
            };
            let mut rules = vec![rule("prefix", &self.prefix), rule("suffix", suffix)];
            rules.retain(|rule| !rule.value.is_empty());
            Entry {
                id: format!("{}{}", self.id, suffix.replace('.', "-")),
                topic: arn.to_owned(),
                filter: (!rules.is_empty()).then(|| Filter {
                    key: Some(Rules { rules }),
                    ..Filter::default()
                }),
                events: self.events.clone(),
            }
        };
        self.suffixes.iter().map(entry).collect()
    }

    /// Whether an entry is one of ours: by its id, and whatever else it says.
    fn is_ours(&self, entry: &Entry) -> bool {
        let rest = entry.id.strip_prefix(&self.id);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    async fn delete(&self, id: &str) -> Result<()> {
        // An extension of Ceph's gateway: one notification by its id.
        let query = format!("notification={}", uri_encode(id.as_bytes(), true));
        let answer = ask(
            &self.client,
            Method::DELETE,
            &self.bucket,
            &query,
            Bytes::new(),
        )
        .await?;
        accept(answer).map(drop)
    }
}

#[async_trait]
impl Part for Notification {
    fn name(&self) -> String {
        format!("notification of {}", self.bucket)
    }

    fn wanted(&self) -> String {
        let mut line = format!("{} to {}", self.events.join(", "), self.topic);
        if !self.prefix.is_empty() {
            // Not printed: a prefix is the beginning of keys.
            line.push_str(", with a prefix");
        }
        let suffixes: Vec<&str> = self.suffixes.iter().map(String::as_str).collect();
        if suffixes != [""] {
            line.push_str(&format!(", keys on {}", suffixes.join(" ")));
        }
        line
    }

    async fn look(&self) -> Result<Look> {
        let all = match read(&self.client, &self.bucket).await {
            Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => {
                return Ok(Found::Missing.into());
            }
            all => all?.topics,
        };
        let arn = topic::arn(&self.client, &self.topic).await?;
        let ours: Vec<Entry> = all.iter().filter(|e| self.is_ours(e)).cloned().collect();
        let others = all.len() - ours.len();
        let mut notes = Vec::new();
        let double = |e: &&Entry| !self.is_ours(e) && e.topic_name() == self.topic;
        if all.iter().any(|e| double(&e)) {
            notes.push(
                "another notification goes to the same topic, so that events may come twice"
                    .to_owned(),
            );
        } else if others > 0 {
            notes.push(format!("{others} other notifications are left as they are"));
        }
        let sorted = |entries: Vec<Entry>| {
            let mut entries: Vec<Entry> = entries.into_iter().map(Entry::sorted).collect();
            entries.sort_by(|a, b| a.id.cmp(&b.id));
            entries
        };
        let wanted = sorted(self.entries(arn.as_deref().unwrap_or_default()));
        let found = match (ours.is_empty(), &arn) {
            (true, _) => Found::Missing,
            // Worse than none: with a persistent topic gone the gateway refuses every PUT into the bucket.
            (false, None) => Found::Differs("its topic is gone".to_owned()),
            (false, Some(_)) if sorted(ours) == wanted => Found::Same,
            (false, Some(_)) => Found::Differs("events, filter or topic are others".to_owned()),
        };
        Ok(Look { found, notes })
    }

    async fn make(&self) -> Result<()> {
        let arn = topic::arn(&self.client, &self.topic)
            .await?
            .with_context(|| format!("the topic {} is not there", self.topic))?;
        let wanted = self.entries(&arn);
        let mut all = read(&self.client, &self.bucket).await?.topics;
        for stale in all.iter().filter(|entry| self.is_ours(entry)) {
            if !wanted.iter().any(|entry| entry.id == stale.id) {
                self.delete(&stale.id).await?;
            }
        }
        all.retain(|entry| !self.is_ours(entry));
        all.extend(wanted);
        write(&self.client, &self.bucket, &Configuration { topics: all }).await
    }

    async fn remove(&self) -> Result<()> {
        let all = match read(&self.client, &self.bucket).await {
            Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => return Ok(()),
            all => all?.topics,
        };
        for entry in all.iter().filter(|entry| self.is_ours(entry)) {
            self.delete(&entry.id).await?;
        }
        let left = read(&self.client, &self.bucket).await?.topics;
        if left.iter().any(|entry| self.is_ours(entry)) {
            bail!("the gateway does not delete single notifications; delete them by hand");
        }
        Ok(())
    }
}
