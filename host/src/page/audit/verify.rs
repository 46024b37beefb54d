//! Reading the log, and checking that it is whole.

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use s3::Client;
use serde::{Deserialize, Serialize};

use super::{
    chain::{FOLDER, HEAD, Head, key_of},
    event::{Event, Phase},
};

/// Entries that are read at a time.
const AT_A_TIME: usize = 16;

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

/// The log as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Entries in their order.
    pub entries: Vec<Entry>,
    /// Last entry.
    pub end: Head,
    /// Faults; none if the log is whole.
    pub faults: Vec<String>,
}

impl Log {
    /// Returns the number of intents without an outcome: acts that are under way, or broke off.
    pub fn open(&self) -> usize {
        let events = || self.entries.iter().flat_map(|entry| &entry.events);
        let ended = events().filter(|event| event.phase == Some(Phase::Outcome));
        let ended: HashSet<_> = ended.map(|event| &event.attempt).collect();
        let begun = events().filter(|event| event.phase == Some(Phase::Intent));
        begun
            .filter(|event| !ended.contains(&event.attempt))
            .count()
    }
}

/// Reads the whole log. `noted` is a head that was noted elsewhere, at an earlier time.
///
/// # Errors
/// When the store refuses.
pub async fn read(client: &Client, bucket: &str, noted: Option<&Head>) -> Result<Log> {
    // Read first: entries that are added meanwhile are behind it.
    let published = client.get(bucket, HEAD).await;
    let published = published.with_context(|| format!("reading the audit log in {bucket}"))?;
    let keys = keys(client, bucket).await?;
    let get = |key: String| async move {
        let object = client.get(bucket, &key).await;
        let object = object.context("reading an entry of the audit log")?;
        anyhow::Ok((key, object.map(|object| object.body)))
    };
    let bodies = stream::iter(keys).map(get).buffered(AT_A_TIME);
    let bodies: Vec<_> = bodies.try_collect().await?;

    let mut log = Log {
        entries: Vec::with_capacity(bodies.len()),
        end: Head::start(),
        faults: Vec::new(),
    };
    let mut heads = vec![Head::start()];
    for (key, body) in bodies {
        let number = log.end.number + 1;
        if key != key_of(number) {
            log.faults.push(format!(
                "entry {number} is missing, or an object beside the entries is there"
            ));
            // Further entries can't be checked against one that is gone.
            return Ok(log);
        }
        let body = body.unwrap_or_default();
        match serde_json::from_slice::<Entry>(&body) {
            Ok(entry) if entry.number == number && entry.previous == log.end.sha256 => {
                log.entries.push(entry);
            }
            Ok(entry) => {
                log.faults.push(format!(
                    "entry {number} does not follow entry {}: one of them was changed",
                    number - 1
                ));
                log.entries.push(entry);
            }
            Err(_) => log.faults.push(format!("entry {number} is not readable")),
        }
        log.end = Head::of(number, &body);
        heads.push(log.end.clone());
    }
    let published = published.map(|object| serde_json::from_slice::<Head>(&object.body));
    match published {
        Some(Ok(head)) => log.faults.extend(compare(&heads, &head, "published")),
        Some(Err(_)) => log
            .faults
            .push("the published head is not readable".to_owned()),
        None if log.end.number > 0 => log.faults.push("the published head is missing".to_owned()),
        None => {}
    }
    if let Some(noted) = noted {
        log.faults.extend(compare(&heads, noted, "noted"));
    }
    Ok(log)
}

/// Compares a head with the entry of its number.
fn compare(heads: &[Head], head: &Head, name: &str) -> Option<String> {
    let own = usize::try_from(head.number)
        .ok()
        .and_then(|at| heads.get(at));
    match own {
        None => Some(format!(
            "the end is missing: the {name} head is entry {}, and the last entry is {}",
            head.number,
            heads.len() - 1
        )),
        Some(own) if own != head => Some(format!(
            "entry {} is not the one of the {name} head: it was changed",
            head.number
        )),
        Some(_) => None,
    }
}

async fn keys(client: &Client, bucket: &str) -> Result<Vec<String>> {
    let (mut keys, mut after) = (Vec::new(), String::new());
    loop {
        let page = client.list(bucket, FOLDER, &after, 1000).await;
        let page = page.with_context(|| format!("listing {bucket}"))?;
        let is_truncated = page.is_truncated;
        keys.extend(page.objects.into_iter().map(|object| object.key));
        let last = keys.last().cloned().unwrap_or_default();
        if !is_truncated {
            return Ok(keys);
        }
        ensure!(last > after, "the listing of {bucket} does not go on");
        after = last;
    }
}
