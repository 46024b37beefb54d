//! Objects as responses describe them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

/// Prefix of the headers that carry user metadata.
pub(crate) const METADATA_PREFIX: &str = "x-amz-meta-";

/// An object's description, from the headers of HEAD or GET.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectHead {
    /// ETag without quotes; empty if the response has none.
    pub etag: String,
    /// Size of the response's body in bytes: the object's, unless a range was asked for.
    pub size: Option<u64>,
    /// Media type.
    pub content_type: Option<String>,
    /// Version, in buckets with versioning.
    pub version: Option<String>,
    /// User metadata; names in lower case, without their prefix.
    pub metadata: Vec<(String, String)>,
}

/// An object with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its description.
    pub head: ObjectHead,
    /// Its bytes.
    pub body: Bytes,
}

impl ObjectHead {
    /// Reads the headers of a response.
    pub fn of<B>(response: &Response<B>) -> ObjectHead {
        let headers = response.headers();
        let metadata = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(METADATA_PREFIX)?;
            Some((name.to_owned(), lossy(value)))
        });
        let mut metadata: Vec<_> = metadata.collect();
        // Stores send them in any order, and the same object must have the same head.
        metadata.sort_unstable();
        ObjectHead {
            etag: text(headers, header::ETAG).map_or_else(String::new, |text| etag(&text)),
            size: text(headers, header::CONTENT_LENGTH).and_then(|text| text.parse().ok()),
            content_type: text(headers, header::CONTENT_TYPE),
            version: text(headers, HeaderName::from_static("x-amz-version-id"))
                .filter(|version| !version.is_empty() && version != "null"),
            metadata,
        }
    }

    /// Returns the value of a metadata name, or an empty string.
    pub fn get(&self, name: &str) -> &str {
        self.metadata
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value)
    }
}

/// Strips quotes and the weakness mark from an ETag, which is how events carry it.
///
/// ```
/// assert_eq!(s3::etag("W/\"55a5\""), "55a5");
/// ```
pub fn etag(text: &str) -> String {
    text.trim()
        .trim_start_matches("W/")
        .trim_matches('"')
        .to_owned()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(lossy)
}

/// Stores don't keep to ASCII in metadata, so no value is refused.
fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_one_object_are_equal_in_any_order_of_its_metadata() {
        let head = |names: [&str; 3]| {
            let mut response = Response::builder().header("etag", "\"e\"");
            for name in names {
                response = response.header(name, "1");
            }
            ObjectHead::of(&response.body(()).unwrap())
        };
        let [a, b, c] = ["x-amz-meta-a", "x-amz-meta-b", "x-amz-meta-c"];
        assert_eq!(head([a, b, c]), head([c, a, b]));
        assert_eq!(head([b, a, c]).get("b"), "1");
    }
}
