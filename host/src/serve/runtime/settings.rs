//! Settings of the function that only show at its first event, checked at the start.
//!
//! The host runs other components too: one counts as the function if it has the variables that name
//! models and the pseudonym key.

use std::{fs, path::PathBuf};

use anyhow::Result;
use xray::config::{Config, DEFAULTS, ModelKind};

use crate::app::variables::Variables;

/// Checks that the models of a component, given with their folders, have the names that its
/// settings give, and returns a remark on the pseudonym key, if there is one.
///
/// # Errors
/// Names the setting, its value, and the known names.
pub fn check(variables: &Variables, models: &[(String, PathBuf)]) -> Result<Option<String>> {
    // Applications from before the marker recognizer lack its variable; the function has a default.
    let own = ["model", "text_detector", "pseudonym_key"];
    if !own.iter().all(|name| variables.get(name).is_some()) {
        return Ok(None);
    }
    for kind in ModelKind::ALL {
        let default = DEFAULTS.iter().find(|(name, _)| *name == kind.setting());
        let default = default.map(|(_, value)| *value).unwrap_or_default();
        let name = variables.get(kind.setting()).unwrap_or(default).trim();
        let is_one = |folder: &PathBuf| {
            let contract = fs::read_to_string(folder.join("contract.json"));
            contract.is_ok_and(|text| kind.fits(&text))
        };
        let known: Vec<String> = models
            .iter()
            .filter(|(_, folder)| is_one(folder))
            .map(|(name, _)| name.clone())
            .collect();
        // Empty is a choice of its own, or an error of its own.
        if !name.is_empty() && !known.iter().any(|known| known == name) {
            return Err(kind.unknown(name, &known).into());
        }
    }
    Ok(config(variables).and_then(|config| config.key_remark()))
}

/// Reads the settings, whether or not the store's keys are set; `None` if one is unusable, which
/// each event reports.
fn config(variables: &Variables) -> Option<Config> {
    let lookup = |name: &str| {
        let value = variables.get(name).map(str::to_owned);
        match name {
            "s3_access_key" | "s3_secret_key" => {
                value.filter(|value| !value.is_empty()).or(Some("-".into()))
            }
            _ => value,
        }
    };
    Config::from_lookup(lookup).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two models, and the function's variables.
    fn check_with(set: &[(&str, &str)]) -> Result<Option<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let mut models = Vec::new();
        for (name, contract) in [
            ("chest", "{}"),
            ("letters", r#"{"thresholds": {}}"#),
            (
                "markers",
                r#"{"output": {"classes": []}, "thresholds": {}}"#,
            ),
        ] {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("contract.json"), contract).unwrap();
            models.push((name.to_owned(), folder));
        }
        let mut variables = Variables::default();
        for (name, value) in [
            ("model", "chest"),
            ("text_detector", "letters"),
            ("pseudonym_key", "sixteen letters!"),
        ]
        .iter()
        .chain(set)
        {
            variables.set(name, (*value).to_owned());
        }
        check(&variables, &models).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn unknown_model_is_an_error_with_the_known_names() {
        assert_eq!(check_with(&[]), Ok(None));
        assert_eq!(check_with(&[("text_detector", "")]), Ok(None));
        assert_eq!(check_with(&[("marker_recognizer", "")]), Ok(None));
        for (setting, value, expected) in [
            (
                "model",
                "chst",
                "setting `model`: `chst` is not the name of a classifier in the folder models; known: chest",
            ),
            // A model of the other kind.
            (
                "model",
                "letters",
                "setting `model`: `letters` is not the name of a classifier in the folder models; known: chest",
            ),
            (
                "marker_recognizer",
                "letters",
                "setting `marker_recognizer`: `letters` is not the name of a marker recognizer in the folder models; known: markers",
            ),
            (
                "text_detector",
                "chest",
                "setting `text_detector`: `chest` is not the name of a text detector in the folder models; known: letters",
            ),
        ] {
            assert_eq!(check_with(&[(setting, value)]), Err(expected.to_owned()));
        }
    }

    #[test]
    fn missing_and_short_keys_are_remarked_on() {
        let remark = |set: &[(&str, &str)]| check_with(set).unwrap().unwrap_or_default();
        assert_eq!(
            remark(&[("pseudonym_key", "")]),
            "without pseudonym_key nothing is anonymized"
        );
        let short = remark(&[("pseudonym_key", "REPLACE-ME")]);
        assert!(
            short.starts_with("pseudonym_key has fewer than 16"),
            "{short}"
        );
        assert!(!short.contains("REPLACE"));
        // Where no copy is made there is nothing to remark.
        assert_eq!(remark(&[("pseudonym_key", ""), ("anonymize", "none")]), "");
    }

    #[test]
    fn other_components_are_not_checked() {
        let mut variables = Variables::default();
        variables.set("model", "whatever".to_owned());
        assert!(check(&variables, &[]).unwrap().is_none());
    }
}
