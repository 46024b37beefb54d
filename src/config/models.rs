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
}

impl ModelKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Classifier, Self::TextDetector];

    /// Returns the name of the setting.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Classifier => "model",
            Self::TextDetector => "text_detector",
        }
    }

    /// Reports whether the text of a contract is of such a model. One that can't be read may be;
    /// its parser says what is wrong.
    pub fn fits(self, contract: &str) -> bool {
        let Ok(contract) = serde_json::from_str::<Value>(contract) else {
            return true;
        };
        contract.get("thresholds").is_some() == (self == Self::TextDetector)
    }

    /// Returns the error of a setting with a name that no such model has.
    pub fn unknown(self, name: &str, known: &[String]) -> Error {
        let what = match self {
            Self::Classifier => "a classifier",
            Self::TextDetector => "a text detector",
        };
        let known = match known {
            [] => "the application has no such model".to_owned(),
            known => format!("known: {}", known.join(", ")),
        };
        Error::Config {
            name: self.setting(),
            problem: format!("`{name}` is not the name of {what} in the folder models; {known}"),
        }
    }
}
