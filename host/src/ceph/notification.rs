//! A bucket's notification: it sends the chosen events on the chosen keys to a topic.

use std::sync::{Mutex, PoisonError};

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
    /// Further events, left out where the gateway refuses them.
    pub optional: Vec<String>,
    /// Remarks on what `apply` did.
    pub remarks: Mutex<Remarks>,
    /// Prefix of the keys; empty for all.
    pub prefix: String,
    /// Suffixes of the keys, any of which matches; an empty one matches all.
    pub suffixes: Vec<String>,
}

/// Remarks on what was applied.
#[derive(Debug, Default, Clone)]
pub struct Remarks {
    /// True if the gateway refused the optional events.
    refused: bool,
    /// Topics to which the notification went before.
    earlier: Vec<String>,
}

impl Notification {
    /// Returns the desired entries, with or without the optional events.
    fn entries(&self, arn: &str, with_optional: bool) -> Vec<Entry> {
        let mut events = self.events.clone();
        if with_optional {
            events.extend(self.optional.iter().cloned());
        }
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
                events: events.clone(),
            }
        };
        self.suffixes.iter().map(entry).collect()
    }

    fn is_ours(&self, entry: &Entry) -> bool {
        has_id(entry, &self.id)
    }

    fn remarks(&self) -> std::sync::MutexGuard<'_, Remarks> {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes our entries beside those of others and returns ours, without the optional events if
    /// the gateway refuses them.
    async fn write(&self, arn: &str, others: &[Entry]) -> Result<Vec<Entry>> {
        let both = |ours: &[Entry]| Configuration {
            topics: [others, ours].concat(),
        };
        let ours = self.entries(arn, true);
        let written = write(&self.client, &self.bucket, &both(&ours)).await;
        match written {
            Ok(()) => Ok(ours),
            Err(error)
                if error.status() == Some(StatusCode::BAD_REQUEST) && !self.optional.is_empty() =>
            {
                let fewer = self.entries(arn, false);
                write(&self.client, &self.bucket, &both(&fewer)).await?;
                self.remarks().refused = true;
                Ok(fewer)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reports whether the gateway refuses the optional events: it just did, or is of Ceph 16.
    async fn is_refused(&self, arn: &str) -> Result<bool> {
        if self.remarks().refused {
            return Ok(true);
        }
        let topic = stored_topic::stored(&self.client, arn).await?;
        Ok(topic.is_some_and(|topic| topic.is_of_16()))
    }

    async fn stored(&self) -> Result<Vec<Entry>, s3::Error> {
        Ok(read(&self.client, &self.bucket).await?.topics)
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
        let all = match self.stored().await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                return Ok(State::Missing.into());
            }
            all => all?,
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
        let name = arn.as_deref().unwrap_or_default();
        let desired = |with_optional| sorted(self.entries(name, with_optional));
        let has_fewer = !self.optional.is_empty() && sorted(ours.clone()) == desired(false);
        let refuses = has_fewer && self.is_refused(name).await?;
        if refuses {
            notes.push(format!(
                "this gateway refuses {}, as those before Ceph 17 do: when a lifecycle rule removes a picture its outputs stay; give \
                 the output buckets the same rule",
                self.optional.join(", ")
            ));
        }
        for earlier in &self.remarks().earlier {
            notes.push(format!(
                "the topic {earlier}, to which it went before, stays; delete it if nothing else uses it"
            ));
        }
        let state = match (ours.is_empty(), &arn) {
            (true, _) => State::Missing,
            // Worse than a missing notification: once a persistent topic is gone, a gateway
            // before Ceph 19 rejects every PUT into the bucket.
            (false, None) => State::Drifted("its topic is gone".to_owned()),
            (false, Some(_)) if refuses || sorted(ours.clone()) == desired(true) => State::InSync,
            (false, Some(_)) if has_fewer => {
                State::Drifted(format!("{} is missing", self.optional.join(", ")))
            }
            (false, Some(_)) => State::Drifted("events, filter or topic differ".to_owned()),
        };
        Ok(Observed { state, notes })
    }

    async fn apply(&self) -> Result<()> {
        let arn = stored_topic::arn(&self.client, &self.topic)
            .await?
            .with_context(|| format!("the topic {} does not exist", self.topic))?;
        let all = self.stored().await?;
        let (ours, others): (Vec<Entry>, Vec<Entry>) =
            all.into_iter().partition(|entry| self.is_ours(entry));
        let mut earlier: Vec<String> = ours
            .iter()
            .filter(|entry| entry.topic != arn)
            .map(|entry| entry.topic_name().to_owned())
            .collect();
        earlier.sort();
        earlier.dedup();
        // The new ones first: an event that arrives twice does no harm, a lost one does.
        let desired = self.write(&arn, &others).await?;
        let is_desired = |entry: &Entry| has(&desired, entry);
        let mut stored = self.stored().await?;
        while let Some(stale) = stored.iter().find(|e| self.is_ours(e) && !is_desired(e)) {
            // Of several with one id, which may go to different topics, a request deletes any one.
            let id = stale.id.clone();
            let is_stale = |entry: &Entry| entry.id == id && !is_desired(entry);
            while stored.iter().any(is_stale) {
                let left = stored.len();
                self.delete(&id).await?;
                stored = self.stored().await?;
                if stored.len() == left {
                    bail!("the gateway does not delete single notifications; delete {id} by hand");
                }
            }
            if !desired.iter().all(|own| has(&stored, own)) {
                self.write(&arn, &others).await?;
                stored = self.stored().await?;
            }
        }
        self.remarks().earlier = earlier;
        Ok(())
    }

    async fn remove(&self) -> Result<()> {
        let all = match self.stored().await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(()),
            all => all?,
        };
        for entry in all.iter().filter(|entry| self.is_ours(entry)) {
            self.delete(&entry.id).await?;
        }
        let left = self.stored().await?;
        if left.iter().any(|entry| self.is_ours(entry)) {
            bail!("the gateway does not delete single notifications; delete them by hand");
        }
        Ok(())
    }
}

/// Reports whether an entry is one of those with this prefix of ids.
pub fn has_id(entry: &Entry, prefix: &str) -> bool {
    let rest = entry.id.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Reports whether an entry with this id and topic is stored.
fn has(stored: &[Entry], own: &Entry) -> bool {
    let mut all = stored.iter();
    all.any(|entry| entry.id == own.id && entry.topic == own.topic)
}
