//! The contract of the model that recognizes markers: the graph's input, its classes, and the
//! thresholds from which on a class is sure.
//!
//! `models/README.md` explains each key.

use serde::Deserialize;

use crate::{
    error::Error,
    model::{
        scaling::check_range,
        tensor::ElementType,
        version::{self, NewKey, added, invalid},
    },
};

/// The class of everything that is covered.
pub(super) const OTHER: &str = "other";
/// The greatest side of the input.
const MAX_SIDE: usize = 512;
/// More classes than this are a mistake.
const MAX_CLASSES: usize = 256;

/// The contract of a marker recognizer. A value made by [`MarkerContract::parse`] is consistent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerContract {
    /// The version of the file, 2.
    pub version: u32,
    /// The model's name, the name of its folder.
    pub name: String,
    /// SHA-256 of `model.onnx`, 64 lower-case hex digits.
    pub model_sha256: String,
    /// The input tensor.
    pub input: MarkerInput,
    /// The output tensor.
    pub output: MarkerOutput,
    /// The thresholds on the output.
    pub thresholds: MarkerThresholds,
}

/// The input tensor: gray levels of a window; batch, channel, height, width.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerInput {
    /// The name of the graph's input.
    pub name: String,
    /// The type of its elements.
    #[serde(default, rename = "type")]
    pub element_type: ElementType,
    /// The width of the window.
    pub width: usize,
    /// The height of the window.
    pub height: usize,
    /// value = level * scale + offset, the level from 0 to 255; rounded where the elements are
    /// integers.
    pub scale: f32,
    /// See `scale`.
    pub offset: f32,
}

/// The output tensor: a probability for each class, f32; batch, class.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerOutput {
    /// The name of the graph's output.
    pub name: String,
    /// The names of the classes, in order. The first one is `other`; all others stay.
    pub classes: Vec<String>,
}

/// Probabilities over 0.5 from which on a marker is recognized.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerThresholds {
    /// As the picture is shown.
    pub upright: f32,
    /// On a window that is turned by a right angle.
    pub turned: f32,
}

const NEW_KEYS: [NewKey; 1] = [added("/input", "type")];

impl MarkerContract {
    /// Reads the text of a `contract.json`.
    ///
    /// # Errors
    /// [`Error::Model`] that names the key at fault: an unknown or missing one, or a value out of
    /// range.
    pub fn parse(text: &str) -> Result<MarkerContract, Error> {
        let contract: MarkerContract = version::parse(text, &NEW_KEYS)?;
        version::check_head(&contract.name, &contract.model_sha256)?;
        if contract.version != 2 {
            return Err(invalid("a marker recognizer has `version` 2".into()));
        }
        let MarkerInput {
            width,
            height,
            scale,
            offset,
            element_type,
            ..
        } = contract.input;
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(invalid(format!(
                "`input.width` and `input.height` must be from 1 to {MAX_SIDE}"
            )));
        }
        if !(scale.is_finite() && offset.is_finite()) {
            return Err(invalid(
                "`input.scale` and `input.offset` must be finite".into(),
            ));
        }
        check_range(element_type, scale, offset)?;
        let classes = &contract.output.classes;
        let others = classes.iter().filter(|name| *name == OTHER).count();
        if !(2..=MAX_CLASSES).contains(&classes.len()) || classes[0] != OTHER || others != 1 {
            return Err(invalid(format!(
                "`output.classes` must be from 2 to {MAX_CLASSES} names, the first and no other one `{OTHER}`"
            )));
        }
        let MarkerThresholds { upright, turned } = contract.thresholds;
        // At a half or less two classes could be over it.
        if ![upright, turned].iter().all(|v| *v > 0.5 && *v <= 1.0) {
            return Err(invalid(
                "`thresholds` must be over 0.5 and at most 1".into(),
            ));
        }
        Ok(contract)
    }

    /// Returns the recognizer's part of the settings digest: its SHA-256 and thresholds.
    pub fn digest_text(&self) -> String {
        let MarkerThresholds { upright, turned } = self.thresholds;
        format!("{} {upright} {turned}", self.model_sha256)
    }

    /// Reports whether these are the dimensions of the output.
    pub(crate) fn fits(&self, dims: &[u32]) -> bool {
        *dims == [1, self.output.classes.len() as u32]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(pointer: &str, value: Value) -> Result<MarkerContract, Error> {
        let mut contract = json!({
            "version": 2, "name": "markers", "model_sha256": "0".repeat(64),
            "input": { "name": "x", "type": "u8", "width": 128, "height": 48, "scale": 1, "offset": 0 },
            "output": { "name": "y", "classes": ["other", "L"] },
            "thresholds": { "upright": 0.9, "turned": 1.0 },
        });
        *contract.pointer_mut(pointer).unwrap() = value;
        MarkerContract::parse(&contract.to_string())
    }

    #[test]
    fn contract_of_markers_is_checked() {
        assert!(parsed("/name", json!("markers")).is_ok());
        for (pointer, value, expect) in [
            ("/version", json!(1), "version"),
            ("/model_sha256", json!("0"), "model_sha256"),
            ("/input/width", json!(0), "input.width"),
            ("/input/height", json!(513), "input.height"),
            ("/input/scale", json!(2), "input"),
            ("/output/classes", json!(["other"]), "output.classes"),
            ("/output/classes", json!(["L", "other"]), "output.classes"),
            (
                "/output/classes",
                json!(["other", "other"]),
                "output.classes",
            ),
            ("/thresholds/upright", json!(0.5), "thresholds"),
            ("/thresholds/turned", json!(1.1), "thresholds"),
            ("/thresholds", json!({"upright": 0.9}), "turned"),
        ] {
            let error = parsed(pointer, value).unwrap_err().to_string();
            assert!(error.contains(expect), "{pointer}: {error}");
        }
    }

    #[test]
    fn thresholds_are_part_of_the_digest() {
        let digest = |pointer, value| parsed(pointer, value).unwrap().digest_text();
        let plain = digest("/name", json!("markers"));
        for (pointer, value) in [
            ("/thresholds/upright", json!(0.91)),
            ("/thresholds/turned", json!(0.99)),
            ("/model_sha256", json!("1".repeat(64))),
        ] {
            assert!(digest(pointer, value) != plain, "{pointer}");
        }
    }
}
