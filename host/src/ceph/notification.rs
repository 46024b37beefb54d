//! A bucket's notification: it sends the chosen events on the chosen keys to a topic.

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use s3::{Client, form};

use super::{
    bucket::ask,
    configuration::{Configuration, Entry, Filter, Rule, Rules, read, write},
    resource::{Observed, Resource, State},
    stored_topic,
};

/// Our notifications of one bucket: one for each suffix, since a notification accepts only one.
pub struct Notification {
    /// Client with the owner's keys.
    pub client: Client,
    /// The bucket.
    pub bucket: String,
    /// Name of the topic.
    pub topic: String,
    /// Prefix of our notification ids.
    pub id: String,
    /// Events, such as `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Prefix of the keys; empty for all.
    pub prefix: String,
    /// Suffixes of the keys, any of which matches; an empty one matches all.
    pub suffixes: Vec<String>,
}

impl Notification {
    /// Returns the desired entries.
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

    /// Reports whether an entry is ours, going by its id alone.
    fn is_ours(&self, entry: &Entry) -> bool {
        let rest = entry.id.strip_prefix(&self.id);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    async fn delete(&self, id: &str) -> Result<()> {
        // Deleting a single notification by its id is an extension of Ceph's gateway.
        let query = form([("notification", id)]);
        let none = Bytes::new();
        ask(&self.client, Method::DELETE, &self.bucket, &query, none).await?;
        Ok(())
    }
}

#[async_trait]
impl Resource for Notification {
    fn name(&self) -> String {
        format!("notification of {}", self.bucket)
    }

    fn desired(&self) -> String {
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

    async fn read(&self) -> Result<Observed> {
        let all = match read(&self.client, &self.bucket).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                return Ok(State::Missing.into());
            }
            all => all?.topics,
        };
        let arn = stored_topic::arn(&self.client, &self.topic).await?;
        let ours: Vec<Entry> = all.iter().filter(|e| self.is_ours(e)).cloned().collect();
        let others = all.len() - ours.len();
        let mut notes = Vec::new();
        let double = |e: &&Entry| !self.is_ours(e) && e.topic_name() == self.topic;
        if all.iter().any(|e| double(&e)) {
            notes.push(
                "another notification goes to the same topic, so events may arrive twice"
                    .to_owned(),
            );
        } else if others > 0 {
            notes.push(format!("{others} other notifications stay unchanged"));
        }
        let sorted = |entries: Vec<Entry>| {
            let mut entries: Vec<Entry> = entries.into_iter().map(Entry::sorted).collect();
            entries.sort_by(|a, b| a.id.cmp(&b.id));
            entries
        };
        let desired = sorted(self.entries(arn.as_deref().unwrap_or_default()));
        let state = match (ours.is_empty(), &arn) {
            (true, _) => State::Missing,
            // Worse than a missing notification: once a persistent topic is gone, the gateway
            // rejects every PUT into the bucket.
            (false, None) => State::Drifted("its topic is gone".to_owned()),
            (false, Some(_)) if sorted(ours) == desired => State::InSync,
            (false, Some(_)) => State::Drifted("events, filter or topic differ".to_owned()),
        };
        Ok(Observed { state, notes })
    }

    async fn apply(&self) -> Result<()> {
        let arn = stored_topic::arn(&self.client, &self.topic)
            .await?
            .with_context(|| format!("the topic {} does not exist", self.topic))?;
        let desired = self.entries(&arn);
        let mut all = read(&self.client, &self.bucket).await?.topics;
        for stale in all.iter().filter(|entry| self.is_ours(entry)) {
            if !desired.iter().any(|entry| entry.id == stale.id) {
                self.delete(&stale.id).await?;
            }
        }
        all.retain(|entry| !self.is_ours(entry));
        all.extend(desired);
        write(&self.client, &self.bucket, &Configuration { topics: all }).await
    }

    async fn remove(&self) -> Result<()> {
        let all = match read(&self.client, &self.bucket).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(()),
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
