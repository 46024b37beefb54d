//! XML documents in requests and responses.

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a document; elements that the type does not have are ignored.
///
/// # Errors
/// Returns an error if it is not a document of this type.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // The parser's message would quote the document.
    let text = std::str::from_utf8(body).context("the response is not UTF-8")?;
    quick_xml::de::from_str(text)
        .ok()
        .context("the response is not the expected XML; check that this is a Ceph gateway")
}

/// Writes a document with this root element.
///
/// # Errors
/// Returns an error if the value has no XML form.
pub fn write(root: &str, value: &impl Serialize) -> Result<String> {
    quick_xml::se::to_string_with_root(root, value).context("writing XML")
}
