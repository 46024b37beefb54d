//! The model's contract: the graph's input and outputs, read from one small file beside it.
//!
//! `models/README.md` explains each key to people who swap the model.

use serde::Deserialize;

use crate::{
    error::Error,
    model::{
        scaling::{PerChannel, check_range},
        tensor::ElementType,
        version::{self, NewKey, added, invalid, renamed},
    },
};

/// The contract of a model. A value made by [`Contract::parse`] is consistent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The version of the file, 1 or 2.
    pub version: u32,
    /// The model's name, the name of its folder.
    pub name: String,
    /// SHA-256 of `model.onnx`, 64 lower-case hex digits.
    pub model_sha256: String,
    /// The input tensor.
    pub input: Input,
    /// The output that is the risk.
    pub output: Output,
    /// The out-of-distribution checks; empty if the graph has no outputs for them.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// The output that locates the risk on the picture, if the graph has one.
    #[serde(default)]
    pub heatmap: Option<MapOutput>,
    /// The ages of the patients that the model knows. Where an object gives another age, nothing is
    /// claimed.
    #[serde(default)]
    pub age: Option<AgeRange>,
}

/// A range of ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgeRange {
    /// The youngest, in completed years.
    pub min_years: u16,
    /// The oldest, in completed years.
    pub max_years: u16,
}

impl AgeRange {
    /// Reports whether an age in years is in the range.
    pub fn contains(&self, years: f64) -> bool {
        years >= f64::from(self.min_years) && years < f64::from(self.max_years) + 1.0
    }
}

/// The keys that version 2 changed.
const NEW_KEYS: [NewKey; 4] = [
    renamed("/checks", "doubt", "reason"),
    added("/input", "type"),
    added("/output", "prevalence"),
    added("", "age"),
];

/// The input tensor: one picture.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name of the graph's input.
    pub name: String,
    /// The type of its elements.
    #[serde(default, rename = "type")]
    pub element_type: ElementType,
    /// The order of the axes.
    pub layout: Layout,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The channels of a pixel.
    pub channels: Channels,
    /// The rule by which the whole picture becomes `width` x `height`.
    pub resize: Resize,
    /// value = level * scale + offset, the level from 0 to 255; rounded where the elements are
    /// integers.
    pub scale: PerChannel,
    /// See `scale`.
    pub offset: PerChannel,
}

/// The output tensor, f32.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The name of the graph's output.
    pub name: String,
    /// The meaning of the number.
    pub kind: OutputKind,
    /// The element that is the risk, in row-major order.
    #[serde(default)]
    pub index: usize,
    /// The share of ill patients for which the risk is calibrated, for people; the function does
    /// not use it.
    #[serde(default)]
    pub prevalence: Option<f64>,
}

/// One limit on one element of an output. A value over it fails the check.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The output's name in the graph.
    pub output: String,
    /// The element, in row-major order.
    #[serde(default)]
    pub index: usize,
    /// The greatest value that passes.
    pub max: f32,
    /// The reason of a failure, as a word for machines: lower-case letters, digits and `-`. On the
    /// picture `-` becomes a space.
    #[serde(alias = "doubt")]
    pub reason: String,
}

impl Check {
    /// Reports whether the limit is a number and the reason is short enough to be printed, with
    /// nothing in it that could break a log line.
    fn is_sound(&self) -> bool {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=40).contains(&self.reason.len())
            && self.reason.chars().all(plain)
            && self.max.is_finite()
    }
}

/// The graph's output that holds the class-activation map: one logit a cell, rows from the top.
/// Cells without a vote are far below all others.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapOutput {
    /// The output's name in the graph.
    pub output: String,
    /// Cells across.
    pub width: usize,
    /// Cells down.
    pub height: usize,
}

/// The order of a tensor's axes, batch first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Layout {
    /// Batch, height, width, channels.
    #[serde(rename = "NHWC")]
    Nhwc,
    /// Batch, channels, height, width.
    #[serde(rename = "NCHW")]
    Nchw,
}

/// The channels of a pixel, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One gray level.
    #[serde(rename = "grey", alias = "gray")]
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl Channels {
    /// Returns how many numbers a pixel has.
    pub fn count(self) -> usize {
        match self {
            Channels::Gray => 1,
            Channels::Rgb | Channels::Bgr => 3,
        }
    }
}

/// A rule by which the picture is reduced to the model's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Box averages by 8, 4, 2 or 1, then an antialiased triangle filter.
    BoxThenBilinear,
    /// The pixel under the center, as Pillow's NEAREST.
    Nearest,
}

/// The meaning of the output's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// The risk, 0 to 1.
    Probability,
    /// The risk is 1 / (1 + e^-x).
    Logit,
}

impl Input {
    fn check(&self) -> Result<(), Error> {
        for (key, side) in [("width", self.width), ("height", self.height)] {
            if !(1..=4096).contains(&side) {
                return Err(invalid(format!("`input.{key}` must be from 1 to 4096")));
            }
        }
        let channels = self.channels.count();
        self.scale.check("scale", channels)?;
        self.offset.check("offset", channels)?;
        (0..channels)
            .try_for_each(|c| check_range(self.element_type, self.scale.of(c), self.offset.of(c)))
    }
}

impl Contract {
    /// Reads the text of a `contract.json`.
    ///
    /// # Errors
    /// [`Error::Model`] that names the key at fault: an unknown or missing one, one of another
    /// version, or a value out of range.
    pub fn parse(text: &str) -> Result<Contract, Error> {
        let contract: Contract = version::parse(text, &NEW_KEYS)?;
        version::check_head(&contract.name, &contract.model_sha256)?;
        contract.input.check()?;
        if !contract
            .output
            .prevalence
            .is_none_or(|p| 0.0 < p && p < 1.0)
        {
            return Err(invalid(
                "`output.prevalence` must be over 0 and under 1".into(),
            ));
        }
        if contract
            .age
            .is_some_and(|age| age.min_years > age.max_years)
        {
            return Err(invalid(
                "`age.min_years` must not be over `age.max_years`".into(),
            ));
        }
        if !contract.checks.iter().all(Check::is_sound) {
            return Err(invalid(
                "`checks` must each have a finite `max` and a `reason` of 1 to 40 lower-case letters, digits and `-`".into(),
            ));
        }
        Ok(contract)
    }
}
