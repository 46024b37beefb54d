use std::fmt;

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Declares the reasons with their words.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Reason for the outcome of a record: a word in kebab case for machines.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)*
            /// A word this version does not know, from a newer function.
            Other(String),
        }

        impl Reason {
            /// Returns the word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Reason::$name => $word,)*
                    Reason::Other(word) => word,
                }
            }
        }

        impl From<&str> for Reason {
            fn from(word: &str) -> Reason {
                match word {
                    $($word => Reason::$name,)*
                    other => Reason::Other(other.to_owned()),
                }
            }
        }
    };
}

reasons! {
    /// A setting is missing or has an unusable value.
    Misconfigured = "misconfigured",
    /// The request or record is not an event.
    NotAnEvent = "not-an-event",
    /// The request's method is not POST.
    MethodNotAllowed = "method-not-allowed",
    /// The request's content type cannot hold an event.
    UnsupportedMediaType = "unsupported-media-type",
    /// The bucket's name or the key is unusable.
    UnusableKey = "unusable-key",
    /// The object or picture is over a limit.
    TooLarge = "too-large",
    /// The object is neither JPEG nor PNG.
    NotAnImage = "not-an-image",
    /// The source is encrypted with a key that only its owner has.
    Encrypted = "encrypted",
    /// The picture is damaged.
    Damaged = "damaged",
    /// The model or its contract is missing, does not fit, or failed to run.
    Model = "model",
    /// The store refused or could not be reached.
    Store = "store",
    /// An archive refused an instance or could not be reached.
    Archive = "archive",
    /// An output could not be encoded.
    Encode = "encode",
    /// The function crashed with this event before; its host reports it.
    Crashed = "crashed",

    /// The event is about something other than a new object.
    NotACreation = "not-a-creation",
    /// The object is an output of this function.
    OwnOutput = "own-output",
    /// The object is an empty one that consoles create as a "folder".
    FolderMarker = "folder-marker",
    /// The stored outputs were made from the same source, by the same model, under the same
    /// settings.
    Duplicate = "duplicate",
    /// The stored outputs were made for a later event.
    Stale = "stale",
    /// The source no longer exists.
    Gone = "gone",
    /// The source has been overwritten; its own event is still to come or has come.
    Changed = "changed",
    /// The event is a removal, but the source exists.
    SourceExists = "source-exists",
    /// A removed source had no outputs.
    NoOutputs = "no-outputs",

    /// An anonymized copy is due, but there is no key to derive its name from.
    NoPseudonymKey = "no-pseudonym-key",
    /// None of the configured boxes lies on the picture.
    NothingCovered = "nothing-covered",
    /// The redacted copy may still contain text.
    ResidualText = "text-left",
    /// Detected text would cover more of the picture than allowed.
    TooMuchText = "too-much-text",
    /// The redacted copy seems clean, but a person has rejected an earlier one, or covered more of
    /// it.
    Held = "held",
}

/// Longest word that is read.
const MAX_WORD: usize = 40;

impl Reason {
    /// Returns the HTTP status of a failure with this reason alone, for a caller that acts on
    /// statuses.
    pub fn status(&self) -> StatusCode {
        match self {
            Reason::Misconfigured | Reason::Model | Reason::Store | Reason::Archive => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Reason::NotAnEvent => StatusCode::BAD_REQUEST,
            Reason::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Reason::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    /// Accepts short plain words only: reasons become metric labels, each of which costs memory
    /// until the process ends.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
        let word = String::deserialize(deserializer)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if word.len() > MAX_WORD || !word.bytes().all(plain) {
            return Err(de::Error::custom("a reason is a short plain word"));
        }
        Ok(Reason::from(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_keeps_words_of_newer_versions() {
        for (json, reason) in [
            (r#""duplicate""#, Some(Reason::Duplicate)),
            (r#""text-left""#, Some(Reason::ResidualText)),
            (r#""brand-new""#, Some(Reason::Other("brand-new".into()))),
            (r#""DOE JANE 1960""#, None),
        ] {
            let read = serde_json::from_str::<Reason>(json).ok();
            assert_eq!(read, reason);
            if let Some(reason) = reason {
                assert_eq!(serde_json::to_string(&reason).unwrap(), json);
            }
        }
    }
}
