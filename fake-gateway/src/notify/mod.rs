//! Bucket notifications as Ceph's gateway sends them: the shape, the moment and the retries.
//!
//! A [`Rule`] ties a bucket to a [`Topic`]; the store publishes a [`Change`] while it holds the key's lock, so that
//! the sequencers of one key are in the order of its writes.

mod record;
mod sequencer;
mod topic;

use std::time::SystemTime;

pub use record::Record;
pub use sequencer::Sequencer;
pub use topic::{Delivery, Notice, Retry, Topic};

use s3::random_hex;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// It was put in one request.
    Put,
    /// It was copied from another.
    Copy,
    /// It was put together from parts.
    CompleteMultipartUpload,
    /// It was deleted.
    Delete,
}

impl Event {
    /// The name in the notification, without the `s3:` that Amazon puts before it and Ceph does not.
    pub fn name(self) -> &'static str {
        match self {
            Event::Put => "ObjectCreated:Put",
            Event::Copy => "ObjectCreated:Copy",
            Event::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Event::Delete => "ObjectRemoved:Delete",
        }
    }

    /// Whether the object exists after it.
    pub fn is_created(self) -> bool {
        self != Event::Delete
    }
}

/// One change of one object, as the store saw it.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened.
    pub event: Event,
    /// The bucket's name.
    pub bucket: String,
    /// The key as the client named it, in plain UTF-8.
    pub key: String,
    /// The object's size in bytes; for a deletion that of what was deleted.
    pub size: u64,
    /// The ETag without quotes, empty where nothing was there.
    pub etag: String,
    /// User metadata with its `x-amz-meta-` names.
    pub metadata: Vec<(String, String)>,
    /// Tags that came with the request.
    pub tags: Vec<(String, String)>,
    /// When the request came in.
    pub started: SystemTime,
}

/// The body of a notification about a change that no store made, with a sequencer of now.
pub fn notification(change: &Change) -> bytes::Bytes {
    Notifications::new(Vec::new()).body(change, "xray", "")
}

/// Which changes of a bucket go to which topic.
#[derive(Debug, Clone)]
pub struct Rule {
    bucket: String,
    id: String,
    opaque: String,
    removals: bool,
    topic: Topic,
}

impl Rule {
    /// Every object created in `bucket` goes to `topic`, as with `s3:ObjectCreated:*`.
    pub fn created(bucket: impl Into<String>, topic: Topic) -> Self {
        Self {
            bucket: bucket.into(),
            id: "xray".into(),
            opaque: String::new(),
            removals: false,
            topic,
        }
    }

    /// Deletions go there as well, as with `s3:ObjectRemoved:*`.
    pub fn and_removed(mut self) -> Self {
        self.removals = true;
        self
    }

    /// The name of the notification, which each record carries.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// The topic's opaque data, which each record carries.
    pub fn opaque(mut self, data: impl Into<String>) -> Self {
        self.opaque = data.into();
        self
    }

    fn wants(&self, change: &Change) -> bool {
        self.bucket == change.bucket && (change.event.is_created() || self.removals)
    }
}

/// All rules of one store, with what its records have in common.
#[derive(Debug)]
pub(crate) struct Notifications {
    rules: Vec<Rule>,
    zone: String,
    sequencer: Sequencer,
}

impl Notifications {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let id = random_hex(16);
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

    /// The notifications that a change makes, with their sequencers taken now.
    ///
    /// Call it under the key's lock and [`Pending::send`] after it: a direct topic calls the receiver, which may
    /// want the very object.
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
            .filter(|rule| rule.wants(change))
            .map(prepare)
            .collect()
    }
}

/// A notification that has its place in the order but is not sent yet.
pub(crate) struct Pending {
    body: bytes::Bytes,
    event: Event,
    bucket: String,
    key: String,
    topic: Topic,
}

impl Pending {
    /// Hands it to its topic: queued at once if that is persistent, pushed now if not.
    pub(crate) async fn send(self) {
        self.topic
            .publish(self.event, self.bucket, self.key, self.body)
            .await;
    }
}
