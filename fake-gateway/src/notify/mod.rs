//! Bucket notifications as Ceph's gateway sends them, with the same content, order and delivery.
//!
//! A [`Rule`] ties a bucket to a [`Topic`]. The store prepares the notification of a [`Change`]
//! while it holds the key's lock, so that the sequencers of a key are in the order of its writes.

mod record;
mod sequencer;
mod topic;

use std::time::SystemTime;

pub use record::Record;
pub use sequencer::Sequencer;
pub use topic::{Delivery, Notice, Retry, Topic};

use crate::random;

/// Kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The object was stored in one request.
    Put,
    /// The object was copied from another.
    Copy,
    /// The object was joined from parts.
    CompleteMultipartUpload,
    /// The object was deleted.
    Delete,
}

impl Event {
    /// Returns its name in notifications, without the prefix `s3:`, which AWS writes and Ceph
    /// doesn't.
    pub fn name(self) -> &'static str {
        match self {
            Event::Put => "ObjectCreated:Put",
            Event::Copy => "ObjectCreated:Copy",
            Event::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Event::Delete => "ObjectRemoved:Delete",
        }
    }

    /// Reports whether the object exists afterward.
    pub fn is_created(self) -> bool {
        self != Event::Delete
    }
}

/// A change of one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its kind.
    pub event: Event,
    /// Bucket.
    pub bucket: String,
    /// Key, not encoded.
    pub key: String,
    /// Size of the object in bytes; of a deletion, the size of the deleted object.
    pub size: u64,
    /// ETag without quotes; empty if a deletion found no object.
    pub etag: String,
    /// User metadata; names with their prefix `x-amz-meta-`.
    pub metadata: Vec<(String, String)>,
    /// Tags of the request.
    pub tags: Vec<(String, String)>,
    /// Time of the request.
    pub started: SystemTime,
}

impl Change {
    /// Returns the PUT of an object, now, without metadata and tags.
    pub fn put(bucket: &str, key: &str, size: u64, etag: &str) -> Self {
        Self {
            event: Event::Put,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size,
            etag: etag.to_owned(),
            metadata: Vec::new(),
            tags: Vec::new(),
            started: SystemTime::now(),
        }
    }
}

/// Makes the body of a notification about a change outside any store, with the current time as its
/// sequencer.
pub fn notification(change: &Change) -> bytes::Bytes {
    Notifications::new(Vec::new()).body(change, "xray", "")
}

/// A bucket's notification: sends its changes to a topic.
#[derive(Debug, Clone)]
pub struct Rule {
    bucket: String,
    id: String,
    opaque: String,
    removals: bool,
    topic: Topic,
}

impl Rule {
    /// Notifies `topic` of every object created in `bucket`, as with `s3:ObjectCreated:*`.
    pub fn created(bucket: impl Into<String>, topic: Topic) -> Self {
        Self {
            bucket: bucket.into(),
            id: "xray".into(),
            opaque: String::new(),
            removals: false,
            topic,
        }
    }

    /// Notifies of deletions as well, as with `s3:ObjectRemoved:*`.
    pub fn and_removed(mut self) -> Self {
        self.removals = true;
        self
    }

    /// Sets the notification's id, which every record carries.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets the topic's opaque data, which every record carries.
    pub fn opaque(mut self, data: impl Into<String>) -> Self {
        self.opaque = data.into();
        self
    }

    fn matches(&self, change: &Change) -> bool {
        self.bucket == change.bucket && (change.event.is_created() || self.removals)
    }
}

/// All rules of a store, and the values that its records share.
#[derive(Debug)]
pub(crate) struct Notifications {
    rules: Vec<Rule>,
    zone: String,
    sequencer: Sequencer,
}

impl Notifications {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let id = random::hex(16);
        let zone = format!(
            "{}-{}-{}-{}-{}",
            &id[..8],
            &id[8..12],
            &id[12..16],
            &id[16..20],
            &id[20..]
        );
        Self {
            rules,
            zone,
            sequencer: Sequencer::default(),
        }
    }

    fn body(&self, change: &Change, configuration: &str, opaque: &str) -> bytes::Bytes {
        record::body(
            change,
            configuration,
            opaque,
            &self.zone,
            self.sequencer.next(),
        )
    }

    /// Prepares the notifications of a change and takes their sequencers.
    ///
    /// Call it under the key's lock and [`Pending::send`] after releasing it: a direct topic calls
    /// the receiver, which may request the same object.
    pub(crate) fn prepare(&self, change: &Change) -> Vec<Pending> {
        let prepare = |rule: &Rule| Pending {
            body: self.body(change, &rule.id, &rule.opaque),
            event: change.event,
            bucket: change.bucket.clone(),
            key: change.key.clone(),
            topic: rule.topic.clone(),
        };
        self.rules
            .iter()
            .filter(|rule| rule.matches(change))
            .map(prepare)
            .collect()
    }
}

/// A notification with a sequencer that is not sent yet.
pub(crate) struct Pending {
    body: bytes::Bytes,
    event: Event,
    bucket: String,
    key: String,
    topic: Topic,
}

impl Pending {
    /// Hands it to its topic: a persistent one queues it, a direct one pushes it now.
    pub(crate) async fn send(self) {
        self.topic
            .publish(self.event, self.bucket, self.key, self.body)
            .await;
    }
}
