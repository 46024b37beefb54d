//! The settings that name a model.

use serde_json::Value;

use crate::error::Error;

/// A model by its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// Estimates the risk.
    Classifier,
    /// Finds burned-in text.
    TextDetector,
    /// Recognizes markers.
    MarkerRecognizer,
}

impl ModelKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Classifier, Self::TextDetector, Self::MarkerRecognizer];

    /// Returns the name of the setting.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Classifier => "model",
            Self::TextDetector => "text_detector",
            Self::MarkerRecognizer => "marker_recognizer",
        }
    }

    /// Reports whether the text of a contract is of such a model. One that can't be read may be;
    /// its parser says what is wrong.
    pub fn fits(self, contract: &str) -> bool {
        let Ok(contract) = serde_json::from_str::<Value>(contract) else {
            return true;
        };
        self == Self::of(&contract)
    }

    /// Returns the kind of the model that a contract is of.
    pub fn of(contract: &Value) -> Self {
        if contract.pointer("/output/classes").is_some() {
            Self::MarkerRecognizer
        } else if contract.get("thresholds").is_some() {
            Self::TextDetector
        } else {
            Self::Classifier
        }
    }

    /// Returns the error of a setting with a name that no such model has.
    pub fn unknown(self, name: &str, known: &[String]) -> Error {
        let what = match self {
            Self::Classifier => "a classifier",
            Self::TextDetector => "a text detector",
            Self::MarkerRecognizer => "a marker recognizer",
        };
        let known = match known {
            [] if self == Self::MarkerRecognizer => {
                "the application has no such model: add the folder models/markers of the release, \
                 or set it empty, and every marker is covered"
                    .to_owned()
            }
            [] => "the application has no such model".to_owned(),
            known => format!("known: {}", known.join(", ")),
        };
        Error::Config {
            name: self.setting(),
            problem: format!("`{name}` is not the name of {what} in the folder models; {known}"),
        }
    }
}
