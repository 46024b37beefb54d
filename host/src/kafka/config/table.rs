//! A trigger's table, key by key. Whatever nobody asks for is an error that names it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// The keys of one trigger that are not read yet.
pub(super) struct Table(Map<String, Value>);

impl Table {
    /// Takes a table whose strings are expanded already.
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// A text. Empty is the same as not there, so that a variable can switch a setting off.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => bail!("`{key}` must be a string"),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, key: &str) -> Result<String> {
        self.text(key)?
            .with_context(|| format!("`{key}` is missing"))
    }

    /// One text or a list of them.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>> {
        let list = match self.0.remove(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => text
                .split(',')
                .map(|part| Value::String(part.trim().to_owned()))
                .collect(),
            Some(Value::Array(list)) => list,
            Some(_) => bail!("`{key}` must be a string or a list of strings"),
        };
        let mut texts = Vec::new();
        for entry in list {
            match entry {
                Value::String(text) if !text.is_empty() => texts.push(text),
                Value::String(_) => {}
                _ => bail!("`{key}` must be a list of strings"),
            }
        }
        Ok(texts)
    }

    /// A whole number, also as text, which is how one from a variable comes.
    pub(super) fn number(&mut self, key: &str, default: u32, least: u32) -> Result<u32> {
        let number = match self.0.remove(key) {
            None | Some(Value::Null) => return Ok(default),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) if text.is_empty() => return Ok(default),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number >= least)
            .with_context(|| format!("`{key}` must be a whole number from {least}"))
    }

    /// Milliseconds.
    pub(super) fn millis(&mut self, key: &str, default: u32, least: u32) -> Result<Duration> {
        let millis = self.number(key, default, least)?;
        Ok(Duration::from_millis(millis.into()))
    }

    /// True or false, also as text.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(text)) => match text.as_str() {
                "" => Ok(None),
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => bail!("`{key}` must be true or false"),
            },
            Some(_) => bail!("`{key}` must be true or false"),
        }
    }

    /// One of these words, the first if it is not there.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<T> {
        let all = || {
            words
                .iter()
                .map(|(word, _)| *word)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let Some(text) = self.text(key)? else {
            return words.first().map(|(_, value)| *value).context("no words");
        };
        let found = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&text));
        found
            .map(|(_, value)| *value)
            .with_context(|| format!("`{key}` is none of {}", all()))
    }

    /// Refuses what is left.
    pub(super) fn end(self) -> Result<()> {
        match self.0.keys().next() {
            Some(key) => bail!("unknown key `{key}`"),
            None => Ok(()),
        }
    }
}
