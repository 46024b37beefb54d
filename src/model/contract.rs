//! The model's contract: what the graph wants and gives, read from one small file beside it.
//!
//! `models/README.md` explains each key to whoever swaps the model.

use serde::Deserialize;

use crate::{error::Error, model::doubt::Check, picture::heatmap::MapOutput};

/// What a model wants and gives. A value made by [`Contract::parse`] is consistent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The form of the file; 1.
    pub version: u32,
    /// The model's name, the name of its folder.
    pub name: String,
    /// SHA-256 of `model.onnx`, 64 lower-case hex digits.
    pub model_sha256: String,
    /// What goes in.
    pub input: Input,
    /// What comes out.
    pub output: Output,
    /// What casts a doubt on the picture; none where the graph can't tell.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Where the graph says where the risk comes from, if it does.
    #[serde(default)]
    pub heatmap: Option<MapOutput>,
}

/// The input tensor: one picture, f32.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name of the graph's input.
    pub name: String,
    /// The order of the axes.
    pub layout: Layout,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What a pixel is.
    pub channels: Channels,
    /// How the whole picture becomes `width` x `height`.
    pub resize: Resize,
    /// value = level * scale + offset, the level from 0 to 255.
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
    /// What the number means.
    pub kind: OutputKind,
    /// Which element, in row-major order.
    #[serde(default)]
    pub index: usize,
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

/// What a pixel is made of, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One grey level.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl Channels {
    /// How many numbers a pixel has.
    pub fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::Rgb | Channels::Bgr => 3,
        }
    }
}

/// How the picture is made as small as the model wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Box averages by 8, 4, 2 or 1, then an antialiased triangle filter.
    BoxThenBilinear,
    /// The pixel under the centre, as Pillow's NEAREST.
    Nearest,
}

/// What the output's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// The risk, 0 to 1.
    Probability,
    /// The risk is 1 / (1 + e^-x).
    Logit,
}

/// One number for all channels or one for each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum PerChannel {
    /// The same for all.
    All(f32),
    /// One for each, in the order of the channels.
    Each(Vec<f32>),
}

impl PerChannel {
    /// The number of one channel; a contract that was parsed has one for each.
    pub fn of(&self, channel: usize) -> f32 {
        match self {
            PerChannel::All(v) => *v,
            PerChannel::Each(v) => v.get(channel).copied().unwrap_or(0.0),
        }
    }

    fn check(&self, what: &str, channels: usize) -> Result<(), Error> {
        let (values, right) = match self {
            PerChannel::All(v) => (std::slice::from_ref(v), true),
            PerChannel::Each(v) => (v.as_slice(), v.len() == channels),
        };
        if !right {
            return Err(wrong(format!(
                "`input.{what}` must be one number or {channels}"
            )));
        }
        if !values.iter().all(|v| v.is_finite()) {
            return Err(wrong(format!("`input.{what}` must be finite")));
        }
        Ok(())
    }
}

pub(crate) fn wrong(problem: String) -> Error {
    Error::Model(format!("contract.json: {problem}"))
}

/// What every contract begins with: the form of the file, the model's name and its digest.
///
/// # Errors
/// [`Error::Model`] that names the key at fault.
pub(crate) fn check_head(version: u32, name: &str, digest: &str) -> Result<(), Error> {
    if version != 1 {
        return Err(wrong(format!(
            "`version` {version} is not known; this build reads version 1"
        )));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(wrong("`name` must be letters, digits, `-` and `_`".into()));
    }
    if digest.len() != 64 || !digest.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
        return Err(wrong(
            "`model_sha256` must be 64 lower-case hex digits".into(),
        ));
    }
    Ok(())
}

impl Contract {
    /// Reads the text of a `contract.json`.
    ///
    /// # Errors
    /// [`Error::Model`] that names the key at fault: an unknown or missing one, or a value out of range.
    pub fn parse(text: &str) -> Result<Contract, Error> {
        let contract: Contract = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        check_head(contract.version, &contract.name, &contract.model_sha256)?;
        let input = &contract.input;
        for (what, side) in [("width", input.width), ("height", input.height)] {
            if !(1..=4096).contains(&side) {
                return Err(wrong(format!("`input.{what}` must be from 1 to 4096")));
            }
        }
        input.scale.check("scale", input.channels.count())?;
        input.offset.check("offset", input.channels.count())?;
        if !contract.checks.iter().all(Check::is_sound) {
            return Err(wrong(
                "`checks` must each have a finite `max` and a `doubt` of 1 to 40 lower-case letters, digits and `-`".into(),
            ));
        }
        Ok(contract)
    }
}
