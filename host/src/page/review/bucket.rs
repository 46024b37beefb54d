//! The requests of a review, with the reviewers' own keys.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use s3::{Client, Error, GetObject, Listed, NewObject, Object, ObjectHead, Precondition};
use sha2::{Digest, Sha256};
use xray::{
    config::Buckets,
    picture::sniff,
    store::{
        hold::{hold_key, is_hold},
        metadata,
    },
};

use super::{COVERED, COVERED_TEXT_LEFT, record::Record};
use crate::page::store::{self, is_conflict};

/// Folder of the records in the quarantine bucket.
pub const FOLDER: &str = "xray-review/";
/// Copies that are listed.
pub(super) const MOST: usize = 20_000;
/// Objects of one request.
const PAGE: u16 = 1000;

/// Effect of carrying out a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is carried out, now or before.
    Done,
    /// The function has replaced or removed the copy meanwhile, so the decision is about nothing.
    Overtaken,
    /// The same, and the released copy is among the anonymized ones: see [`Bucket::take_back`].
    TakeBack,
    /// It can't be carried out, for this reason.
    Refused(&'static str),
}

/// Result of the first half of a release.
#[derive(Debug)]
pub enum Published {
    /// The copy is among the anonymized ones, and in quarantine still: its bytes.
    Here(Bytes),
    /// There is no second half.
    Ended(Effect),
}

/// The quarantine bucket and the bucket of anonymized copies.
#[derive(Debug)]
pub struct Bucket {
    client: Client,
    quarantine: String,
    anonymized: String,
    /// Copies that are listed.
    pub(super) most: usize,
}

/// Copies in quarantine, and the ETags of their records by id.
pub type Listing = (Vec<Listed>, HashMap<String, String>);

/// Returns the name of a copy for addresses and records: a digest of its key. Keys of copies hold a
/// keyed study id, so nobody can guess one from its digest.
pub fn id_of(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Reports whether a text can be the id of a copy.
pub fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the id in a record's key. A copy in a folder of this name has another file name.
fn record_id(key: &str) -> Option<&str> {
    key.strip_prefix(FOLDER).filter(|id| is_id(id))
}

/// Reports whether a text can be an ETag: an MD5, with the number of parts behind it after a
/// multipart upload.
pub fn is_etag(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain)
}

impl Bucket {
    /// Works on the buckets of one input bucket.
    ///
    /// # Errors
    /// When copies are not kept in quarantine.
    pub fn new(client: Client, buckets: Buckets) -> Result<Self> {
        Ok(Self {
            client,
            quarantine: buckets
                .quarantine
                .context("there is no quarantine to review: quarantine_suffix is empty")?,
            anonymized: buckets.anonymized,
            most: MOST,
        })
    }

    /// Lists the copies, and all records.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn list(&self) -> Result<Listing> {
        let (mut copies, mut records) = (Vec::new(), HashMap::new());
        // The folder of the records is listed by itself: there may be more copies before it than
        // are shown.
        let mut after = Some(String::new());
        while let Some(last) = after.take_if(|_| copies.len() < self.most) {
            let (page, next) = self.page("", &last).await?;
            after = match next {
                // Behind all ids.
                Some(next) if next.starts_with(FOLDER) => Some(format!("{FOLDER}~")),
                next => next,
            };
            let is_copy =
                |object: &Listed| !object.key.starts_with(FOLDER) && !is_hold(&object.key);
            copies.extend(page.into_iter().filter(is_copy));
        }
        if copies.len() >= self.most {
            let most = self.most;
            tracing::warn!("more than {most} copies are in quarantine; the review shows the first");
        }
        let mut after = Some(String::new());
        while let Some(last) = after.take() {
            let page;
            (page, after) = self.page(FOLDER, &last).await?;
            for object in page {
                match record_id(&object.key) {
                    Some(id) => _ = records.insert(id.to_owned(), object.etag),
                    None => copies.push(object),
                }
            }
        }
        Ok((copies, records))
    }

    /// Lists the objects of a folder after a key; returns the key after which it goes on.
    async fn page(&self, folder: &str, after: &str) -> Result<(Vec<Listed>, Option<String>)> {
        let listed = self.client.list(&self.quarantine, folder, after, PAGE);
        let listed = listed.await;
        let listed = listed.with_context(|| format!("listing {}", self.quarantine))?;
        let last = listed.objects.last().filter(|_| listed.is_truncated);
        let next = last.map(|last| last.key.clone());
        Ok((listed.objects, next))
    }

    /// Reads a record and its ETag.
    ///
    /// # Errors
    /// When the store refuses, or the record is not one.
    pub async fn record(&self, id: &str) -> Result<Option<(Record, String)>> {
        let key = format!("{FOLDER}{id}");
        let Some(object) = self.client.get(&self.quarantine, &key).await? else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&object.body)
            .map_err(|_| anyhow::anyhow!("the record of a review is not readable"))?;
        Ok(Some((record, object.head.etag)))
    }

    /// Stores a record if the stored one is still the one with the ETag `seen`; returns its ETag,
    /// or `None` if somebody was first.
    ///
    /// # Errors
    /// When the store refuses, or can't check the condition.
    pub async fn write(
        &self,
        id: &str,
        record: &Record,
        seen: Option<&str>,
    ) -> Result<Option<String>> {
        let object = NewObject {
            body: serde_json::to_vec(record)?.into(),
            content_type: "application/json",
            metadata: Vec::new(),
            precondition: match seen {
                Some(etag) => Precondition::Unchanged(etag.to_owned()),
                None => Precondition::Absent,
            },
        };
        let key = format!("{FOLDER}{id}");
        match self.put(&self.quarantine, &key, &object).await {
            Ok(etag) => return Ok(Some(etag)),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(error).context("storing the record of a review"),
        }
        let get = GetObject {
            bucket: &self.quarantine,
            key: &key,
            ..GetObject::default()
        };
        let Some(stored) = self.client.send(&get).await? else {
            return Ok(None);
        };
        // An earlier attempt was stored, and its response was lost.
        if stored.body == *object.body {
            return Ok(Some(stored.head.etag));
        }
        if seen == Some(&stored.head.etag) && stored.head.version.is_some() {
            bail!(
                "{} is versioned, and this gateway can't check conditions there: reviews need a bucket without \
                 versioning",
                self.quarantine
            );
        }
        Ok(None)
    }

    /// Reads a copy.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn copy(&self, key: &str) -> Result<Option<Object>> {
        let object = self.client.get(&self.quarantine, key).await;
        object.context("reading a copy in quarantine")
    }

    /// Replaces a copy if it is still the one of the condition; returns its ETag, or `None` if it
    /// is not.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn replace(&self, key: &str, object: &NewObject) -> Result<Option<String>> {
        match self.put(&self.quarantine, key, object).await {
            Ok(etag) => return Ok(Some(etag)),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(error).context("replacing a copy in quarantine"),
        }
        // An earlier attempt was stored, and its response was lost.
        let stored = self.copy(key).await?;
        let stored = stored.filter(|stored| stored.body == *object.body);
        Ok(stored.map(|stored| stored.head.etag))
    }

    /// Reads a copy's description. A GET, because a 404 to HEAD may mean something else.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectHead>> {
        self.probe(&self.quarantine, key).await
    }

    async fn probe(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>> {
        let get = GetObject {
            bucket,
            key,
            first_bytes: Some(1),
            ..GetObject::default()
        };
        let object = self.client.send(&get).await;
        let object = object.with_context(|| format!("looking for a copy in {bucket}"))?;
        Ok(object.map(|object| object.head))
    }

    async fn put(&self, bucket: &str, key: &str, object: &NewObject) -> Result<String, Error> {
        store::put(&self.client, bucket, key, object).await
    }

    /// Copies a copy to the anonymized ones, the first half of a release. Both may be repeated
    /// after a crash at any point.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn publish(&self, key: &str, record: &Record) -> Result<Published> {
        let Some(object) = self.copy(key).await? else {
            // It was released before a crash, or removed by the function.
            return Ok(Published::Ended(
                match self.probe(&self.anonymized, key).await? {
                    Some(stored) if is_same(&stored, record) => Effect::Done,
                    _ => Effect::Overtaken,
                },
            ));
        };
        if !is_same(&object.head, record) {
            return Ok(Published::Ended(Effect::Overtaken));
        }
        let body = Bytes::clone(&object.body);
        let Some(new) = released(object) else {
            let effect = Effect::Refused("the copy is not a picture");
            return Ok(Published::Ended(effect));
        };
        match self.put(&self.anonymized, key, &new).await {
            Ok(_) => {}
            Err(error) if is_conflict(&error) => {
                match self.probe(&self.anonymized, key).await? {
                    Some(stored) if is_same(&stored, record) => {}
                    Some(_) => {
                        let problem = "an anonymized copy with other bytes has this name";
                        return Ok(Published::Ended(Effect::Refused(problem)));
                    }
                    // A delete marker keeps the name.
                    None => {
                        let mut new = new;
                        new.precondition = Precondition::Marked;
                        self.put(&self.anonymized, key, &new).await?;
                    }
                }
            }
            Err(error) => return Err(error).context("storing the released copy"),
        }
        match self.probe(&self.anonymized, key).await? {
            Some(stored) if is_same(&stored, record) => {}
            _ => bail!("the released copy is not among the anonymized ones"),
        }
        // If the source was removed or overwritten meanwhile, the function has removed or replaced
        // the copy in quarantine, and has not seen the released one.
        Ok(match self.head(key).await? {
            Some(head) if is_same(&head, record) => Published::Here(body),
            _ => Published::Ended(Effect::TakeBack),
        })
    }

    /// Removes a published copy from quarantine, the second half of a release.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn leave(&self, key: &str, record: &Record) -> Result<Effect> {
        match self.head(key).await? {
            Some(head) if is_same(&head, record) => {
                // Before the copy is gone, so that a crash between the two is repeated.
                self.end_hold(&head).await?;
                self.client.delete(&self.quarantine, key).await?;
                Ok(Effect::Done)
            }
            _ => Ok(Effect::TakeBack),
        }
    }

    /// Removes a released copy again. The caller has renewed its lease: otherwise another process
    /// may have completed the release, and removed the copy from quarantine.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn take_back(&self, key: &str, record: &Record) -> Result<()> {
        match self.probe(&self.anonymized, key).await? {
            Some(stored) if is_same(&stored, record) => {}
            _ => return Ok(()),
        }
        let removed = self.client.delete(&self.anonymized, key).await;
        removed.context("taking a released copy back")
    }

    /// Removes a copy from quarantine, and holds later ones of its source there. May be repeated.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn reject(&self, key: &str, record: &Record) -> Result<Effect> {
        match self.head(key).await? {
            Some(head) if is_same(&head, record) => {}
            // It was removed before a crash, or by the function.
            None if self.is_held(&record.source).await? => return Ok(Effect::Done),
            _ => return Ok(Effect::Overtaken),
        }
        self.hold(&record.source, "rejected").await?;
        // If the function has removed the copy meanwhile, it may not have seen the hold.
        match self.head(key).await? {
            Some(head) if is_same(&head, record) => {
                self.client.delete(&self.quarantine, key).await?;
                Ok(Effect::Done)
            }
            _ => Ok(Effect::Overtaken),
        }
    }

    /// Holds later copies of a source in quarantine, until a person releases one.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn hold(&self, source: &str, word: &'static str) -> Result<()> {
        if source.is_empty() {
            return Ok(());
        }
        let (key, body) = (hold_key(source), Bytes::from_static(word.as_bytes()));
        let put = self.client.put(&self.quarantine, &key, "text/plain", body);
        put.await.context("storing a hold in quarantine")?;
        Ok(())
    }

    async fn is_held(&self, source: &str) -> Result<bool> {
        let found = self.probe(&self.quarantine, &hold_key(source)).await?;
        Ok(found.is_some())
    }

    /// Ends the hold after the release of a copy that is as the function made it. A copy that a
    /// person has covered further would be made without those boxes again.
    async fn end_hold(&self, released: &ObjectHead) -> Result<()> {
        let source = metadata::source_of(released);
        let is_covered = [COVERED, COVERED_TEXT_LEFT].contains(&released.get(metadata::REASON));
        if is_covered || source.is_empty() || !self.is_held(source).await? {
            return Ok(());
        }
        let key = hold_key(source);
        let removed = self.client.delete(&self.quarantine, &key).await;
        removed.context("ending a hold in quarantine")
    }
}

fn is_same(head: &ObjectHead, record: &Record) -> bool {
    record.is_about(&head.etag, metadata::source_of(head))
}

/// Returns the metadata by which the function knows its own copies.
pub(super) fn known(head: &ObjectHead) -> Vec<(&'static str, String)> {
    let known = metadata::OF_COPIES.into_iter();
    let known = known.map(|name| (name, head.get(name).to_owned()));
    known.filter(|(_, value)| !value.is_empty()).collect()
}

/// Returns a released copy: the same bytes, and the metadata by which the function knows its own.
fn released(object: Object) -> Option<NewObject> {
    let content_type = sniff::sniff(&object.body).ok()?.content_type();
    Some(NewObject {
        content_type,
        metadata: known(&object.head),
        precondition: Precondition::Absent,
        body: Bytes::clone(&object.body).into(),
    })
}
