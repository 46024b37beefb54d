//! Answers and bodies in XML.

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a document; what it has beyond the type is left out.
///
/// # Errors
/// When it is no such document.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // The parser's message would quote the document.
    let text = std::str::from_utf8(body).context("the answer is not UTF-8")?;
    quick_xml::de::from_str(text)
        .ok()
        .context("the answer is no XML as it is expected; is this a Ceph gateway?")
}

/// Writes a document with this root.
///
/// # Errors
/// When the value has no XML form.
pub fn write(root: &str, value: &impl Serialize) -> Result<String> {
    quick_xml::se::to_string_with_root(root, value).context("writing XML")
}
