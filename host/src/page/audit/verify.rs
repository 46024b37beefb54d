//! Reading the log, and checking that it is whole.

use std::{collections::HashSet, pin::pin};

use anyhow::{Context, Result, ensure};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use s3::Client;
use serde::{Deserialize, Serialize};

use super::{
    chain::{FOLDER, HEAD, Head, has_begun, key_of},
    event::{Event, Phase},
};

/// Entries that are read at a time.
const AT_A_TIME: usize = 16;
/// Faults that are told.
const MOST_FAULTS: usize = 100;

/// An entry: one object of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number, from 1.
    pub number: u64,
    /// SHA-256 of the entry before; zeros in the first.
    pub previous: String,
    /// Random, so that no two entries are equal.
    pub nonce: String,
    /// Events, the oldest first.
    pub events: Vec<Event>,
}

/// Result of reading the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Number of entries that are readable.
    pub entries: u64,
    /// Number of events.
    pub events: u64,
    /// Number of intents without an outcome: acts that are under way, or broke off.
    pub open: usize,
    /// Last entry.
    pub end: Head,
    /// Faults; none if the log is whole.
    pub faults: Vec<String>,
}

/// Reads the whole log and hands each entry over; only those that are being read are in memory.
/// `noted` is a head that was noted elsewhere, at an earlier time.
///
/// # Errors
/// When the store refuses, or `each` fails.
pub async fn read(
    client: &Client,
    bucket: &str,
    noted: Option<&Head>,
    each: impl FnMut(&Entry) -> Result<()>,
) -> Result<Log> {
    read_after(client, bucket, Head::start(), noted, each).await
}

/// Does the same with the entries after one that was read before.
pub(super) async fn read_after(
    client: &Client,
    bucket: &str,
    after: Head,
    noted: Option<&Head>,
    mut each: impl FnMut(&Entry) -> Result<()>,
) -> Result<Log> {
    let first = after.number;
    let mut log = Log {
        entries: 0,
        events: 0,
        open: 0,
        end: after,
        faults: Vec::new(),
    };
    // Read first: entries that are added meanwhile are behind it.
    let published = client.get(bucket, HEAD).await;
    let published = published.with_context(|| format!("reading the audit log in {bucket}"))?;
    let published = published.map(|object| serde_json::from_slice::<Head>(&object.body));
    let mut wanted: Vec<_> = noted
        .map(|head| (head.clone(), "noted"))
        .into_iter()
        .collect();
    match published {
        Some(Ok(head)) => wanted.insert(0, (head, "published")),
        Some(Err(_)) => log.fault("the published head is not readable".to_owned()),
        None if has_begun(client, bucket).await? => {
            log.fault("the published head is missing".to_owned());
        }
        None => {}
    }
    log.compare(&wanted);
    if first > 0 {
        let last = client.get(bucket, &key_of(first)).await;
        let last = last.context("reading an entry of the audit log")?;
        if last.is_none_or(|last| Head::of(first, &last.body) != log.end) {
            log.fault(format!(
                "entry {first} was changed or removed after it was read"
            ));
        }
    }

    let get = |key: String| async move {
        let object = client.get(bucket, &key).await;
        let object = object.context("reading an entry of the audit log")?;
        anyhow::Ok((key, object.map(|object| object.body)))
    };
    let bodies = keys(client, bucket, first)
        .map_ok(get)
        .try_buffered(AT_A_TIME);
    let mut bodies = pin!(bodies);
    let mut open = HashSet::new();
    while let Some((key, body)) = bodies.try_next().await? {
        let number = log.end.number + 1;
        if key != key_of(number) {
            // Further entries can't be checked against one that is gone.
            log.fault(format!(
                "entry {number} is missing, or an object beside the entries is there"
            ));
            return Ok(log);
        }
        let body = body.unwrap_or_default();
        let entry = serde_json::from_slice::<Entry>(&body).ok();
        let follows = |entry: &Entry| entry.number == number && entry.previous == log.end.sha256;
        match &entry {
            Some(entry) if follows(entry) => {}
            Some(_) => log.fault(format!(
                "entry {number} does not follow entry {}: one of them was changed",
                number - 1
            )),
            None => log.fault(format!("entry {number} is not readable")),
        }
        if let Some(entry) = entry {
            log.count(&entry, &mut open);
            each(&entry)?;
        }
        log.end = Head::of(number, &body);
        log.compare(&wanted);
    }
    log.open = open.len();
    for (head, name) in wanted {
        if head.number > log.end.number {
            log.fault(format!(
                "the end is missing: the {name} head is entry {}, and the last entry is {}",
                head.number, log.end.number
            ));
        }
    }
    Ok(log)
}

impl Log {
    fn fault(&mut self, text: String) {
        // One changed entry makes one or two.
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(text);
        }
    }

    fn count(&mut self, entry: &Entry, open: &mut HashSet<Option<String>>) {
        self.entries += 1;
        for event in &entry.events {
            self.events += 1;
            match event.phase {
                Some(Phase::Intent) => _ = open.insert(event.attempt.clone()),
                Some(Phase::Outcome) => _ = open.remove(&event.attempt),
                None => {}
            }
        }
    }

    /// Compares the entry that was read last with the heads of its number.
    fn compare(&mut self, wanted: &[(Head, &str)]) {
        for (head, name) in wanted {
            if head.number == self.end.number && *head != self.end {
                self.fault(format!(
                    "entry {} is not the one of the {name} head: it was changed",
                    head.number
                ));
            }
        }
    }
}

/// Lists the entries after a number.
fn keys<'a>(
    client: &'a Client,
    bucket: &'a str,
    first: u64,
) -> impl Stream<Item = Result<String>> + 'a {
    let before = match first {
        0 => String::new(),
        number => key_of(number),
    };
    let pages = stream::try_unfold(Some(before), move |after| async move {
        let Some(after) = after else {
            return Ok(None);
        };
        let page = client.list(bucket, FOLDER, &after, 1000).await;
        let page = page.with_context(|| format!("listing {bucket}"))?;
        let keys: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
        let next = keys.last().filter(|_| page.is_truncated).cloned();
        if let Some(next) = &next {
            ensure!(*next > after, "the listing of {bucket} does not go on");
        }
        Ok(Some((stream::iter(keys).map(anyhow::Ok), next)))
    });
    pages.try_flatten()
}
