//! The keys of a trigger and the forms that their values may have.
//!
//! A value from a variable is a string, so numbers and flags may be strings too, and an empty
//! string is the same as a missing key: a variable can thereby switch a setting off.

use kafka_trigger::rdkafka::{GroupProtocol, SaslMechanism, StartOffset};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny},
};
use serde_json::Value;

/// The keys of a trigger.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Table {
    pub(super) component: Text,
    pub(super) topic: List,
    pub(super) topics: List,
    pub(super) brokers: Text,
    pub(super) group: Text,
    pub(super) start: Word<StartOffset>,
    pub(super) in_flight: Number<0>,
    pub(super) timeout_ms: Number<0>,
    pub(super) retry_first_ms: Number<1>,
    pub(super) retry_longest_ms: Number<1>,
    pub(super) retry_failures: Number<0>,
    pub(super) retry_crashes: Number<0>,
    pub(super) max_waiting: Number<1>,
    pub(super) max_ahead: Number<1>,
    pub(super) dead_letter_topic: Text,
    pub(super) retry_topic: Text,
    pub(super) drain_ms: Number<0>,
    pub(super) commit_ms: Number<10>,
    pub(super) fetch_wait_ms: Number<1>,
    pub(super) protocol: Word<GroupProtocol>,
    pub(super) member: Text,
    pub(super) session_timeout_ms: Number<1000>,
    pub(super) rack: Text,
    pub(super) tls: Flag,
    pub(super) ca: Text,
    pub(super) certificate: Text,
    pub(super) private_key: Text,
    pub(super) private_key_password: Text,
    pub(super) sasl_mechanism: Word<Mechanism>,
    pub(super) username: Text,
    pub(super) password: Text,
    pub(super) oauth_token_url: Text,
    pub(super) oauth_client_id: Text,
    pub(super) oauth_client_secret: Text,
    pub(super) oauth_scope: Text,
    pub(super) oauth_audience: Text,
    pub(super) oauth_ca: Text,
    // Spin's locked applications have these two; neither changes anything here.
    #[serde(rename = "id")]
    _id: IgnoredAny,
    #[serde(rename = "executor")]
    _executor: IgnoredAny,
}

/// A string.
#[derive(Default)]
pub(super) struct Text(pub(super) Option<String>);

/// A list of strings, or one string with commas.
#[derive(Default)]
pub(super) struct List(pub(super) Vec<String>);

/// A whole number of at least `MIN`.
#[derive(Default)]
pub(super) struct Number<const MIN: u32>(Option<u32>);

/// A flag.
#[derive(Default)]
pub(super) struct Flag(pub(super) Option<bool>);

/// One of a few words, in any case.
pub(super) struct Word<T>(pub(super) Option<T>);

/// Value of `sasl_mechanism`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    None,
    Password(SaslMechanism),
    OAuthBearer,
}

/// The words of a key and their meanings.
pub(super) trait Words: Copy + 'static {
    const WORDS: &[(&str, Self)];
}

impl Words for StartOffset {
    const WORDS: &[(&str, Self)] = &[("earliest", Self::Earliest), ("latest", Self::Latest)];
}

impl Words for GroupProtocol {
    const WORDS: &[(&str, Self)] = &[("classic", Self::Classic), ("consumer", Self::Consumer)];
}

impl Words for Mechanism {
    const WORDS: &[(&str, Self)] = &[
        ("none", Self::None),
        ("PLAIN", Self::Password(SaslMechanism::Plain)),
        ("SCRAM-SHA-256", Self::Password(SaslMechanism::ScramSha256)),
        ("SCRAM-SHA-512", Self::Password(SaslMechanism::ScramSha512)),
        ("OAUTHBEARER", Self::OAuthBearer),
    ];
}

impl<const MIN: u32> Number<MIN> {
    /// Returns the number or a default.
    pub(super) fn or<T: From<u32>>(&self, default: u32) -> T {
        self.0.unwrap_or(default).into()
    }

    /// Returns the number, if there is one.
    pub(super) fn get<T: TryFrom<u32>>(&self) -> Option<T> {
        self.0.and_then(|number| number.try_into().ok())
    }

    /// Returns the number unless it is 0, which means that there is no limit.
    pub(super) fn positive<T: TryFrom<u32>>(&self) -> Option<T> {
        self.0
            .filter(|number| *number > 0)
            .and_then(|number| number.try_into().ok())
    }
}

impl<T> Default for Word<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self(None)),
            Value::String(text) => Ok(Self(Some(text).filter(|text| !text.is_empty()))),
            _ => Err(D::Error::custom("must be a string")),
        }
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let error = || D::Error::custom("must be a string or a list of strings");
        let list: Vec<String> = match Value::deserialize(deserializer)? {
            Value::Null => Vec::new(),
            Value::String(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
            Value::Array(list) => list
                .into_iter()
                .map(|entry| match entry {
                    Value::String(text) => Ok(text),
                    _ => Err(error()),
                })
                .collect::<Result<_, _>>()?,
            _ => return Err(error()),
        };
        let is_set = |text: &String| !text.is_empty();
        Ok(Self(list.into_iter().filter(is_set).collect()))
    }
}

impl<'de, const MIN: u32> Deserialize<'de> for Number<MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = match Value::deserialize(deserializer)? {
            Value::Null => return Ok(Self(None)),
            Value::String(text) if text.is_empty() => return Ok(Self(None)),
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_u64(),
            _ => None,
        };
        number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number >= MIN)
            .map(|number| Self(Some(number)))
            .ok_or_else(|| {
                D::Error::custom(format_args!("must be a whole number of at least {MIN}"))
            })
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self(None)),
            Value::Bool(flag) => Ok(Self(Some(flag))),
            Value::String(text) if text.is_empty() => Ok(Self(None)),
            Value::String(text) if text == "true" => Ok(Self(Some(true))),
            Value::String(text) if text == "false" => Ok(Self(Some(false))),
            _ => Err(D::Error::custom("must be true or false")),
        }
    }
}

impl<'de, T: Words> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Text::deserialize(deserializer)?.0 else {
            return Ok(Self::default());
        };
        let found = T::WORDS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&text));
        match found {
            Some((_, value)) => Ok(Self(Some(*value))),
            None => {
                let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
                let words = words.join(", ");
                Err(D::Error::custom(format_args!("must be one of {words}")))
            }
        }
    }
}
