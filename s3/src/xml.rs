//! Reading and writing XML documents: the only place that knows the parser.
//!
//! Error bodies are read by [`text`], which takes a document of any shape and adds little to a
//! WebAssembly module. Documents with structure are read and written by serde.

use quick_xml::{Reader, escape::unescape, events::Event};
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

/// Returns the text of the first element with this local name, at any depth.
///
/// ```
/// let body = b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>";
/// assert_eq!(s3::xml::text(body, "Code").as_deref(), Some("Throttling"));
/// ```
pub fn text(document: &[u8], element: &str) -> Option<String> {
    let mut reader = Reader::from_reader(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == element.as_bytes() => {
                let text = reader.read_text(start.name()).ok()?;
                let text = text.decode().ok()?;
                return Some(unescape(&text).ok()?.into_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Returns the local name of the root element.
pub fn root(document: &[u8]) -> Option<String> {
    let mut reader = Reader::from_reader(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) => {
                return String::from_utf8(start.local_name().as_ref().to_vec()).ok();
            }
            // Text may not stand before the root.
            Event::Text(text) if !text.iter().all(u8::is_ascii_whitespace) => return None,
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Reads a document; elements that the type doesn't have are ignored.
///
/// # Errors
/// [`Error::Document`] without the parser's message, which would quote the document.
pub fn from_slice<T: DeserializeOwned>(document: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(document).map_err(|_| Error::Document)?;
    quick_xml::de::from_str(text).map_err(|_| Error::Document)
}

/// Writes a document with this root element.
///
/// # Errors
/// [`Error::Document`] when the value has no XML form.
pub fn to_string<T: Serialize>(root: &str, value: &T) -> Result<String, Error> {
    quick_xml::se::to_string_with_root(root, value).map_err(|_| Error::Document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(document: &str, element: &str, expect: Option<&str>) {
        let found = text(document.as_bytes(), element);
        assert_eq!(found.as_deref(), expect, "{document}");
    }

    #[test]
    fn text_finds_elements_at_any_depth() {
        check("<Error><Code>A</Code></Error>", "Code", Some("A"));
        check("<a><b><Code>A</Code></b></a>", "Code", Some("A"));
        check("<r:Error><r:Code>A</r:Code></r:Error>", "Code", Some("A"));
        check("<Error><Code></Code></Error>", "Code", Some(""));
        check("<Error><Code/></Error>", "Code", None);
        check("<Error/>", "Code", None);
    }

    #[test]
    fn text_resolves_escapes() {
        check(
            "<a><ETag>&quot;5-2&quot;</ETag></a>",
            "ETag",
            Some("\"5-2\""),
        );
        check("<a><Id>&lt;&#x41;&amp;</Id></a>", "Id", Some("<A&"));
    }

    #[test]
    fn text_survives_broken_documents() {
        check("", "Code", None);
        check("not XML <", "Code", None);
        check("<Error><Code>A", "Code", None);
        check("<Error><Code>A</Code>", "Code", Some("A"));
        check("<a><Code>&nosuch;</Code></a>", "Code", None);
    }
}
