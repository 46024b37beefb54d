//! Listing a bucket page by page (ListObjectsV2).
//!
//! Keys are requested percent-encoded, because XML can't hold every character that a key may have.
//! For the same reason the next page is requested by the last key of this one: RGW's continuation
//! tokens are keys, written without encoding.

use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Action, checked, form, request};
use crate::{Endpoint, Error, etag, xml};

/// Lists the objects of a bucket whose keys begin with a prefix, in the order of their keys' bytes.
#[derive(Debug, Clone, Copy)]
pub struct ListObjects<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Prefix of all keys listed.
    pub prefix: &'a str,
    /// Key to start after; empty for the first page.
    pub start_after: &'a str,
    /// Largest number of objects in the page; S3 returns at most 1,000.
    pub max_keys: u16,
}

/// An object in a listing. There is no `Debug`, because keys may hold patients' names.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    /// Key.
    pub key: String,
    /// ETag without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// Time of its PUT.
    pub modified: Timestamp,
}

/// A page of a listing.
pub struct Page {
    /// Objects in the order of their keys' bytes.
    pub objects: Vec<Listed>,
    /// True if more objects follow.
    pub is_truncated: bool,
}

impl Action for ListObjects<'_> {
    type Output = Page;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let max_keys = self.max_keys.to_string();
        let parameters = [
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", &max_keys),
            ("prefix", self.prefix),
            ("start-after", self.start_after),
        ];
        let query = form(
            parameters
                .into_iter()
                .filter(|(_, value)| !value.is_empty()),
        );
        let place = (self.bucket, "", query.as_str());
        request(endpoint, Method::GET, place, Bytes::new())
    }

    fn response(&self, response: Response<Bytes>) -> Result<Page, Error> {
        page(checked(response)?.body())
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

fn page(body: &[u8]) -> Result<Page, Error> {
    let result: ListBucketResult = xml::from_slice(body)?;
    let is_encoded = result.encoding_type.as_deref() == Some("url");
    let listed = |contents: Contents| {
        Ok(Listed {
            key: match is_encoded {
                true => decode(&contents.key)?,
                false => contents.key,
            },
            etag: etag(&contents.etag),
            size: contents.size,
            modified: contents
                .last_modified
                .parse()
                .map_err(|_| Error::Missing("valid time of an object"))?,
        })
    };
    Ok(Page {
        objects: result
            .contents
            .into_iter()
            .map(listed)
            .collect::<Result<_, Error>>()?,
        is_truncated: result.is_truncated,
    })
}

/// Decodes a key: RGW writes a space as `%20`, AWS as `+`, and both a plus as `%2B`.
fn decode(text: &str) -> Result<String, Error> {
    // A `=` would be encoded, so the first name of this "form" is the whole key.
    let (name, value) = form_urlencoded::parse(text.as_bytes())
        .next()
        .unwrap_or_default();
    match value.is_empty() && !name.contains('\u{FFFD}') {
        true => Ok(name.into_owned()),
        false => Err(Error::Missing("UTF-8 key")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_of_rgw_is_read_whatever_its_keys() {
        // As RGW 16.2.15 wrote it, with a token that is not valid XML.
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <EncodingType>url</EncodingType><Name>in</Name><Prefix></Prefix><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>\
            <Contents><Key>%01</Key><LastModified>2026-11-24T22:49:53.723Z</LastModified><ETag>&quot;55a5&quot;</ETag><Size>1</Size>\
            <StorageClass>STANDARD</StorageClass><Type>Normal</Type></Contents>\
            <Contents><Key>a%20b%2Bc%2520d%26e%3Df%3Fg%23h%20%C3%A9.png</Key><LastModified>2026-11-24T22:49:53Z</LastModified>\
            <ETag>&quot;807f-2&quot;</ETag><Size>30</Size></Contents>\
            <NextContinuationToken>&#x01;</NextContinuationToken><KeyCount>2</KeyCount></ListBucketResult>";
        let page = page(text.as_bytes()).unwrap();
        assert!(page.is_truncated);
        let objects: Vec<_> = page
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
            objects,
            [
                ("\u{1}", "55a5", 1, 723),
                ("a b+c%20d&e=f?g#h é.png", "807f-2", 30, 0)
            ]
        );
    }

    #[test]
    fn page_error_does_not_quote_the_document() {
        let error = page(b"<html>Jane Roe").err().unwrap();
        assert!(!error.to_string().contains("Jane"), "{error}");
        let empty = page(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
        assert!(empty.unwrap().objects.is_empty());
    }
}
