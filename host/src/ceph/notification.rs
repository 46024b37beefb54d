//! A bucket's notification: which events of which keys go to which topic.

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use s3::{Client, sigv4::uri_encode};

use super::{
    bucket::ask,
    configuration::{Configuration, Entry, Filter, Rule, Rules, read, write},
    part::{Found, Look, Part},
    refusal::{accept, status},
    stored_topic,
};

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
        let arn = stored_topic::arn(&self.client, &self.topic).await?;
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
        let arn = stored_topic::arn(&self.client, &self.topic)
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
