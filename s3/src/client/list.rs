//! Listing a bucket, page by page (ListObjectsV2).
//!
//! Keys come percent-encoded, because XML can't hold every character that a key may have. For the same reason the next page
//! begins after the last key of this one: RGW writes its continuation tokens, which are keys, as they are.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Client, check};
use crate::sigv4::uri_encode;

/// An object as a listing has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key. There is no `Debug`, because keys hold names.
    pub key: String,
    /// Its ETag without quotes.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored.
    pub modified: Timestamp,
}

/// A part of a listing.
pub struct Page {
    /// The objects, in the order of their keys' bytes.
    pub objects: Vec<Listed>,
    /// Whether there are more after them.
    pub is_truncated: bool,
}

impl Client {
    /// Lists at most `max` objects whose keys begin with `prefix`, from the first key after `after`.
    ///
    /// # Errors
    /// When the store does not list, or not in a way that can be read.
    pub async fn list(&self, bucket: &str, prefix: &str, after: &str, max: u16) -> Result<Page> {
        let mut query = format!("encoding-type=url&list-type=2&max-keys={max}");
        for (name, value) in [("prefix", prefix), ("start-after", after)] {
            if !value.is_empty() {
                query += &format!("&{name}={}", uri_encode(value.as_bytes(), true));
            }
        }
        let none = HeaderMap::new();
        let answer = self.send(Method::GET, bucket, "", &query, none, Bytes::new());
        let answer = answer.await?;
        check(&answer)?;
        page(answer.body())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketResult {
    encoding_type: Option<String>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    contents: Vec<Contents>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: String,
    size: u64,
}

fn page(body: &[u8]) -> Result<Page> {
    let text = std::str::from_utf8(body).context("the listing is not UTF-8")?;
    // What the parser says of a fault may hold a key.
    let read: ListBucketResult = quick_xml::de::from_str(text)
        .ok()
        .context("the listing is not one: check that the endpoint is an S3 gateway's")?;
    let is_encoded = read.encoding_type.as_deref() == Some("url");
    let objects: Result<Vec<Listed>> = read
        .contents
        .into_iter()
        .map(|one| {
            let key = match is_encoded {
                true => decode(&one.key).context("the listing has a key that is not UTF-8")?,
                false => one.key,
            };
            let modified = one.last_modified.parse();
            Ok(Listed {
                key,
                etag: crate::etag(&one.etag),
                size: one.size,
                modified: modified.context("the listing has a time that is none")?,
            })
        })
        .collect();
    Ok(Page {
        objects: objects?,
        is_truncated: read.is_truncated,
    })
}

/// Undoes the encoding of keys: RGW writes a space as `%20`, AWS as `+`, and both a plus as `%2B`.
fn decode(text: &str) -> Option<String> {
    let name = form_urlencoded::parse(text.as_bytes()).next();
    let (name, value) = name.unwrap_or_default();
    // An `=` would be encoded, so all is in the name.
    (value.is_empty() && !name.contains('\u{FFFD}')).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateways_page_is_read_whatever_the_keys() {
        // As RGW 16.2.15 wrote it, with a token that is no XML.
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <EncodingType>url</EncodingType><Name>in</Name><Prefix></Prefix><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>\
            <Contents><Key>%01</Key><LastModified>2026-11-24T22:49:53.723Z</LastModified><ETag>&quot;55a5&quot;</ETag><Size>1</Size>\
            <StorageClass>STANDARD</StorageClass><Type>Normal</Type></Contents>\
            <Contents><Key>a%20b%2Bc%2520d%26e%3Df%3Fg%23h%20%C3%A9.png</Key><LastModified>2026-11-24T22:49:53Z</LastModified>\
            <ETag>&quot;807f-2&quot;</ETag><Size>30</Size></Contents>\
            <NextContinuationToken>&#x01;</NextContinuationToken><KeyCount>2</KeyCount></ListBucketResult>";
        let page = page(text.as_bytes()).unwrap();
        assert!(page.is_truncated);
        let read: Vec<_> = page
            .objects
            .iter()
            .map(|o| {
                (
                    &*o.key,
                    &*o.etag,
                    o.size,
                    o.modified.as_millisecond() % 1000,
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                ("\u{1}", "55a5", 1, 723),
                ("a b+c%20d&e=f?g#h é.png", "807f-2", 30, 0)
            ]
        );
    }

    #[test]
    fn what_is_no_listing_is_said_without_its_text() {
        let error = page(b"<html>Jane Roe").err().unwrap();
        assert!(!format!("{error:#}").contains("Jane"), "{error:#}");
        let empty = page(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
        assert!(empty.unwrap().objects.is_empty());
    }
}
