//! The contract of the model that finds burned-in text: the graph's input, the meaning of its map,
//! and the thresholds on it.
//!
//! `models/README.md` explains each key.

use serde::Deserialize;

use crate::{
    error::Error,
    model::{
        scaling::check_range,
        tensor::ElementType,
        version::{self, NewKey, added, invalid, renamed},
    },
};

/// The contract of a text model. A value made by [`TextContract::parse`] is consistent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextContract {
    /// The version of the file, 1 or 2.
    pub version: u32,
    /// The model's name, the name of its folder.
    pub name: String,
    /// SHA-256 of `model.onnx`, 64 lower-case hex digits.
    pub model_sha256: String,
    /// The input tensor.
    pub input: TextInput,
    /// The output tensor.
    pub output: TextOutput,
    /// The thresholds on the output.
    pub thresholds: TextThresholds,
    /// Pictures whose longer side is over this are also searched at a half, a quarter and so on,
    /// until it is at most this.
    #[serde(alias = "longest")]
    pub max_side: usize,
    /// Pictures whose longer side is under this are enlarged to it before they are searched.
    #[serde(default)]
    pub min_side: Option<usize>,
    /// A change of the picture moves probabilities up to half as many pixels from it. A redacted
    /// copy is searched again this far around its covers, or as a whole without this key.
    #[serde(default)]
    pub field: Option<usize>,
}

/// The input tensor: gray levels of a picture of any size; batch, channel, height, width.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextInput {
    /// The name of the graph's input.
    pub name: String,
    /// The type of its elements.
    #[serde(default, rename = "type")]
    pub element_type: ElementType,
    /// Height and width are multiples of this.
    pub multiple: usize,
    /// value = level * scale + offset, the level from 0 to 255; rounded where the elements are
    /// integers.
    pub scale: f32,
    /// See `scale`.
    pub offset: f32,
}

/// The output tensor: probabilities, f32; batch, class, rows, columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextOutput {
    /// The name of the graph's output.
    pub name: String,
    /// Pixels of a cell, across and down.
    pub stride: usize,
    /// The class that is text.
    pub text: usize,
    /// The class that is a side or view marker; `mark` is read in both versions.
    #[serde(alias = "mark")]
    pub marker: usize,
}

/// Probabilities from 0 to 1. `low` and `high` are the hysteresis thresholds on the sum of text and
/// marker probability.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextThresholds {
    /// Cells that score at least this belong to a component.
    #[serde(alias = "faint")]
    pub low: f32,
    /// A component is kept if any of its cells scores at least this.
    #[serde(alias = "sure")]
    pub high: f32,
    /// A redacted picture is clean if no cell scores this or more.
    #[serde(alias = "left")]
    pub residual: f32,
    /// Components whose mean marker share is at least this are side markers.
    #[serde(alias = "mark")]
    pub marker: f32,
}

/// The keys that version 2 changed.
const NEW_KEYS: [NewKey; 8] = [
    renamed("/thresholds", "faint", "low"),
    renamed("/thresholds", "sure", "high"),
    renamed("/thresholds", "left", "residual"),
    renamed("/thresholds", "mark", "marker"),
    renamed("", "longest", "max_side"),
    added("", "min_side"),
    added("", "field"),
    added("/input", "type"),
];

/// The greatest `input.multiple`: the tiles' length and overlap are multiples of it.
const MAX_MULTIPLE: usize = 128;
/// Classes beyond this are a mistake.
const MAX_CLASSES: usize = 16;
/// The greatest `min_side`: enlarged pictures have to fit into the function's memory.
const GREATEST_MIN_SIDE: usize = 4096;
/// The greatest `field`: no piece is larger, so a larger one makes no difference.
const GREATEST_FIELD: usize = 4096;

impl TextContract {
    /// Reads the text of a `contract.json`.
    ///
    /// # Errors
    /// [`Error::Model`] that names the key at fault: an unknown or missing one, one of another
    /// version, or a value out of range.
    pub fn parse(text: &str) -> Result<TextContract, Error> {
        let contract: TextContract = version::parse(text, &NEW_KEYS)?;
        version::check_head(&contract.name, &contract.model_sha256)?;
        contract.input.check()?;
        contract.output.check(contract.input.multiple)?;
        contract.thresholds.check(contract.version)?;
        contract.check_sides()?;
        Ok(contract)
    }

    fn check_sides(&self) -> Result<(), Error> {
        if !(256..=65_536).contains(&self.max_side) {
            let key = if self.version == 1 {
                "longest"
            } else {
                "max_side"
            };
            return Err(invalid(format!("`{key}` must be from 256 to 65536")));
        }
        let greatest = self.max_side.min(GREATEST_MIN_SIDE);
        if self
            .min_side
            .is_some_and(|side| !(1..=greatest).contains(&side))
        {
            return Err(invalid(format!(
                "`min_side` must be from 1 to {GREATEST_MIN_SIDE} and at most `max_side`; leave it out to enlarge no picture"
            )));
        }
        if self
            .field
            .is_some_and(|field| !(1..=GREATEST_FIELD).contains(&field))
        {
            return Err(invalid(format!(
                "`field` must be from 1 to {GREATEST_FIELD}; leave it out to search every copy as a whole"
            )));
        }
        Ok(())
    }
}

impl TextInput {
    fn check(&self) -> Result<(), Error> {
        if !(self.scale.is_finite() && self.offset.is_finite()) {
            return Err(invalid(
                "`input.scale` and `input.offset` must be finite".into(),
            ));
        }
        check_range(self.element_type, self.scale, self.offset)
    }
}

impl TextOutput {
    /// Reports whether these are the dimensions of a map for an input of this height and width.
    pub(crate) fn fits(&self, map: &[u32], (height, width): (usize, usize)) -> bool {
        let [1, classes, rows, columns] = *map else {
            return false;
        };
        classes as usize > self.text.max(self.marker)
            && (rows as usize, columns as usize) == (height / self.stride, width / self.stride)
    }

    fn check(&self, multiple: usize) -> Result<(), Error> {
        let tiles = |n: usize| n.is_power_of_two() && n <= MAX_MULTIPLE;
        if !(tiles(multiple) && tiles(self.stride) && self.stride <= multiple) {
            return Err(invalid(format!(
                "`input.multiple` and `output.stride` must be powers of two up to {MAX_MULTIPLE}, the stride not over the multiple"
            )));
        }
        if self.text == self.marker || self.text.max(self.marker) >= MAX_CLASSES {
            return Err(invalid(format!(
                "`output.text` and `output.marker` must differ and be under {MAX_CLASSES}"
            )));
        }
        Ok(())
    }
}

impl TextThresholds {
    fn check(&self, version: u32) -> Result<(), Error> {
        let all = [self.low, self.high, self.residual, self.marker];
        if all.iter().all(|v| *v > 0.0 && *v <= 1.0) && self.low <= self.high {
            return Ok(());
        }
        let (low, high) = if version == 1 {
            ("faint", "sure")
        } else {
            ("low", "high")
        };
        Err(invalid(format!(
            "`thresholds` must be over 0 and at most 1, and `{low}` not over `{high}`"
        )))
    }
}
