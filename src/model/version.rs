//! The versions of `contract.json`.
//!
//! Version 2 renamed keys and added some. Files of version 1 are still read and mean the same. A
//! file uses the keys of one version only, so that no file needs both to be known to be read.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;

/// A key that version 2 renamed or added.
pub(crate) struct NewKey {
    /// The objects that hold it, as a JSON pointer to an object or to an array of objects.
    parent: &'static str,
    /// Its name in version 1, if it had one.
    old: Option<&'static str>,
    /// Its name in version 2.
    new: &'static str,
}

/// A key that version 2 renamed.
pub(crate) const fn renamed(parent: &'static str, old: &'static str, new: &'static str) -> NewKey {
    NewKey {
        parent,
        old: Some(old),
        new,
    }
}

/// A key that version 2 added.
pub(crate) const fn added(parent: &'static str, new: &'static str) -> NewKey {
    NewKey {
        parent,
        old: None,
        new,
    }
}

/// Makes the error of a contract that can't be used.
pub(crate) fn invalid(problem: String) -> Error {
    Error::Model(format!("contract.json: {problem}"))
}

/// Reads a contract of version 1 or 2. The fields of `T` are named as in version 2 and have the old
/// names as aliases.
///
/// # Errors
/// [`Error::Model`] that names the key at fault and what to write instead.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, keys: &[NewKey]) -> Result<T, Error> {
    let value: Value = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
    let version = match value.get("version") {
        Some(version) if *version == 1 => 1,
        Some(version) if *version == 2 => 2,
        Some(version) => {
            return Err(invalid(format!(
                "`version` {version} is not known; this build reads versions 1 and 2"
            )));
        }
        None => return Err(invalid("`version` is missing; write 2".into())),
    };
    for key in keys {
        for object in objects(&value, key.parent) {
            check_spelling(key, object, version)?;
        }
    }
    serde_json::from_str(text).map_err(|e| {
        let mut problem = e.to_string();
        // Errors of the fields name the keys of version 2.
        for key in keys.iter().filter(|_| version == 1) {
            if let Some(old) = key.old
                && problem.contains(&format!("missing field `{}`", key.new))
            {
                problem += &format!(" (version 1 calls it `{old}`)");
            }
        }
        invalid(problem)
    })
}

fn objects<'a>(value: &'a Value, parent: &str) -> Vec<&'a Map<String, Value>> {
    match value.pointer(parent) {
        Some(Value::Object(object)) => vec![object],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

fn check_spelling(key: &NewKey, object: &Map<String, Value>, version: u32) -> Result<(), Error> {
    let parent = key.parent.trim_start_matches('/');
    let path = |name: &str| match parent {
        "" => format!("`{name}`"),
        parent => format!("`{parent}.{name}`"),
    };
    let problem = match key.old {
        Some(old) if version == 1 && object.contains_key(key.new) => format!(
            "{} is a key of version 2; set `version` to 2 or call it {}",
            path(key.new),
            path(old)
        ),
        Some(old) if version == 2 && object.contains_key(old) => format!(
            "{} is a key of version 1; version 2 calls it {}",
            path(old),
            path(key.new)
        ),
        None if version == 1 && object.contains_key(key.new) => format!(
            "{} is a key of version 2; set `version` to 2",
            path(key.new)
        ),
        _ => return Ok(()),
    };
    Err(invalid(problem))
}

/// Checks the head of every contract: the model's name and its digest.
///
/// # Errors
/// [`Error::Model`] that names the key at fault.
pub(crate) fn check_head(name: &str, digest: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(invalid(
            "`name` must be letters, digits, `-` and `_`".into(),
        ));
    }
    if digest.len() != 64 || !digest.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
        return Err(invalid(
            "`model_sha256` must be 64 lower-case hex digits".into(),
        ));
    }
    Ok(())
}
