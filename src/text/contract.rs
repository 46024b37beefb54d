//! The contract of the model that finds burned-in text: what the graph wants, what its map says, and from where on it counts.
//!
//! `models/README.md` explains each key.

use serde::Deserialize;

use crate::{
    error::Error,
    model::contract::{check_head, wrong},
};

/// What the model wants and gives. A value made by [`TextContract::parse`] is consistent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextContract {
    /// The form of the file; 1.
    pub version: u32,
    /// The model's name, the name of its folder.
    pub name: String,
    /// SHA-256 of `model.onnx`, 64 lower-case hex digits.
    pub model_sha256: String,
    /// What goes in.
    pub input: TextInput,
    /// What comes out.
    pub output: TextOutput,
    /// From where on it counts.
    pub thresholds: TextThresholds,
    /// Larger pictures are searched at a half, a quarter and so on too, until the longer side is at most this.
    pub longest: usize,
}

/// The input tensor: grey levels, f32, batch, channel, height, width; of any size.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextInput {
    /// The name of the graph's input.
    pub name: String,
    /// Height and width are multiples of this.
    pub multiple: usize,
    /// value = level * scale + offset, the level from 0 to 255.
    pub scale: f32,
    /// See `scale`.
    pub offset: f32,
}

/// The output tensor: probabilities, f32, batch, class, rows, columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextOutput {
    /// The name of the graph's output.
    pub name: String,
    /// Pixels of a cell, across and down.
    pub stride: usize,
    /// The class that is text.
    pub text: usize,
    /// The class that is a side or view mark.
    pub mark: usize,
}

/// Probabilities from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextThresholds {
    /// A cell is found from here on.
    pub sure: f32,
    /// Cells that hang together with a found one belong to it from here on.
    pub faint: f32,
    /// On the covered picture nothing may be left from here on.
    pub left: f32,
    /// From this share of it on, what was found is a mark.
    pub mark: f32,
}

/// The greatest `input.multiple`: the tiles' length and overlap are multiples of it.
const MAX_MULTIPLE: usize = 128;
/// Classes beyond this are a mistake.
const MAX_CLASSES: usize = 16;

impl TextContract {
    /// Reads the text of a `contract.json`.
    ///
    /// # Errors
    /// [`Error::Model`] that names the key at fault: an unknown or missing one, or a value out of range.
    pub fn parse(text: &str) -> Result<TextContract, Error> {
        let contract: TextContract =
            serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        check_head(contract.version, &contract.name, &contract.model_sha256)?;
        let (input, output) = (&contract.input, &contract.output);
        if !(input.scale.is_finite() && input.offset.is_finite()) {
            return Err(wrong(
                "`input.scale` and `input.offset` must be finite".into(),
            ));
        }
        let tiles = |n: usize| n.is_power_of_two() && n <= MAX_MULTIPLE;
        if !(tiles(input.multiple) && tiles(output.stride) && output.stride <= input.multiple) {
            return Err(wrong(format!(
                "`input.multiple` and `output.stride` must be powers of two up to {MAX_MULTIPLE}, the stride not over the multiple"
            )));
        }
        if output.text == output.mark || output.text.max(output.mark) >= MAX_CLASSES {
            return Err(wrong(format!(
                "`output.text` and `output.mark` must differ and be under {MAX_CLASSES}"
            )));
        }
        let t = &contract.thresholds;
        if ![t.sure, t.faint, t.left, t.mark]
            .iter()
            .all(|v| *v > 0.0 && *v <= 1.0)
            || t.faint > t.sure
        {
            return Err(wrong(
                "`thresholds` must be over 0 and at most 1, and `faint` not over `sure`".into(),
            ));
        }
        if !(256..=65_536).contains(&contract.longest) {
            return Err(wrong("`longest` must be from 256 to 65536".into()));
        }
        Ok(contract)
    }
}
