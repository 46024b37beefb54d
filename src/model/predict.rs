//! From the picture to the model's tensor, and from its score to a class and a label.

use image::DynamicImage;

use crate::{
    error::Error,
    model::contract::{Channels, Contract, Layout, OutputKind},
    model::doubt::{self, element},
    picture::resize,
};

/// A dense f32 tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The size of each axis.
    pub dims: Vec<u32>,
    /// As many values as the product of `dims`.
    pub data: Vec<f32>,
}

/// An output of the graph with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// The name in the graph.
    pub name: String,
    /// The values.
    pub tensor: Tensor,
}

/// Where the classes part. `normal` is at most `pneumonia`; both are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A risk under this is normal.
    pub normal: f64,
    /// A risk over this is pneumonia.
    pub pneumonia: f64,
}

/// What the risk is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Class {
    /// Under the lower threshold.
    Normal,
    /// Between the thresholds, both included; or the picture is not one the model can speak about.
    Unsure,
    /// Over the upper threshold.
    Pneumonia,
}

impl Class {
    /// The class's name as it is printed and reported.
    pub fn name(self) -> &'static str {
        match self {
            Class::Normal => "Normal",
            Class::Unsure => "Unsure",
            Class::Pneumonia => "Pneumonia",
        }
    }
}

/// The model's word on one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The risk of pneumonia, 0 to 1; it means nothing where there is a doubt.
    pub risk: f64,
    /// What it is called.
    pub class: Class,
    /// Why nothing is claimed: the contract's word for what is wrong with the picture.
    pub doubt: Option<String>,
}

impl Prediction {
    /// Names the risk by the thresholds.
    pub fn new(risk: f64, thresholds: &Thresholds) -> Prediction {
        let class = if risk > thresholds.pneumonia {
            Class::Pneumonia
        } else if risk < thresholds.normal {
            Class::Normal
        } else {
            Class::Unsure
        };
        Prediction {
            risk,
            class,
            doubt: None,
        }
    }

    /// Reads the risk and what casts a doubt on it from the graph's outputs. A doubtful picture is unsure whatever its risk.
    ///
    /// # Errors
    /// [`Error::Model`] when an output of the contract is missing or too short, or the risk is not from 0 to 1.
    pub fn read(
        outputs: &[NamedTensor],
        contract: &Contract,
        thresholds: &Thresholds,
    ) -> Result<Prediction, Error> {
        let mut prediction = Prediction::new(risk(outputs, contract)?, thresholds);
        if let Some(doubt) = doubt::first(outputs, &contract.checks)? {
            prediction.class = Class::Unsure;
            prediction.doubt = Some(doubt.to_owned());
        }
        Ok(prediction)
    }

    /// The text printed on the picture, as in `Pneumonia, risk=97.25%` or `Unsure, inverted grey`.
    pub fn label(&self) -> String {
        match &self.doubt {
            Some(doubt) => format!("{}, {}", self.class.name(), doubt.replace('-', " ")),
            None => format!("{}, risk={}%", self.class.name(), percent(self.risk)),
        }
    }
}

/// The number as Python's `str(round(100 * x, 2))` writes it: at most two decimals, at least one.
///
/// Rust's formatting rounds the exact binary value half to even, which is how Python's `round` rounds a float.
fn percent(x: f64) -> String {
    let text = format!("{:.2}", 100.0 * x);
    match text.strip_suffix('0') {
        Some(short) => short.to_owned(),
        None => text,
    }
}

/// The picture as the model wants it: the whole picture resized, scaled and laid out by the contract.
pub fn tensor(pixels: &DynamicImage, contract: &Contract) -> Tensor {
    let input = &contract.input;
    let levels = match input.channels {
        Channels::Grey => resize::grey(pixels, input.width, input.height, input.resize),
        Channels::Rgb | Channels::Bgr => {
            resize::rgb(pixels, input.width, input.height, input.resize)
        }
    };
    lay_out(&levels, contract)
}

/// Levels of the model's size, one a pixel or red, green and blue, scaled and laid out by the contract.
pub(crate) fn lay_out(levels: &[u8], contract: &Contract) -> Tensor {
    let input = &contract.input;
    let (width, height) = (input.width, input.height);
    let channels = input.channels.count();
    let value = |pixel: usize, c: usize| {
        let source = if input.channels == Channels::Bgr {
            channels - 1 - c
        } else {
            c
        };
        f32::from(levels[pixel * channels + source]) * input.scale.of(c) + input.offset.of(c)
    };
    let pixels = width as usize * height as usize;
    let mut data = Vec::with_capacity(pixels * channels);
    let dims = match input.layout {
        Layout::Nhwc => {
            for p in 0..pixels {
                data.extend((0..channels).map(|c| value(p, c)));
            }
            vec![1, height, width, channels as u32]
        }
        Layout::Nchw => {
            for c in 0..channels {
                data.extend((0..pixels).map(|p| value(p, c)));
            }
            vec![1, channels as u32, height, width]
        }
    };
    Tensor { dims, data }
}

fn risk(outputs: &[NamedTensor], contract: &Contract) -> Result<f64, Error> {
    let want = &contract.output;
    let raw = f64::from(element(outputs, &want.name, want.index)?);
    let risk = match want.kind {
        OutputKind::Probability => raw,
        OutputKind::Logit => 1.0 / (1.0 + (-raw).exp()),
    };
    if !(0.0..=1.0).contains(&risk) {
        return Err(Error::Model(format!(
            "the risk is {risk}, not from 0 to 1; check the contract's `output.kind` and scaling"
        )));
    }
    Ok(risk)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        normal: 0.6,
        pneumonia: 0.8,
    };

    #[test]
    fn percent_is_pythons() {
        // Made with Python 3.11: str(round(100 * x, 2)).
        for (x, text) in [
            (0.0, "0.0"),
            (1.0, "100.0"),
            (0.031, "3.1"),
            (0.9725, "97.25"),
            (0.5, "50.0"),
            (0.00005, "0.01"),
            (0.00004, "0.0"),
            (0.999999, "100.0"),
            (0.12345, "12.35"),
            (0.12355, "12.35"),
            (0.123, "12.3"),
            (0.1005, "10.05"),
            (0.10125, "10.12"),
            (0.800000011920929, "80.0"),
            (0.6000000238418579, "60.0"),
        ] {
            assert_eq!(percent(x), text, "{x}");
        }
    }

    #[test]
    fn classes_part_strictly() {
        for (risk, class) in [
            (0.0, Class::Normal),
            (0.5999, Class::Normal),
            (0.6, Class::Unsure),
            (0.8, Class::Unsure),
            (0.8001, Class::Pneumonia),
            (1.0, Class::Pneumonia),
        ] {
            assert_eq!(Prediction::new(risk, &THRESHOLDS).class, class, "{risk}");
        }
    }

    #[test]
    fn label_reads_as_the_original_prints_it() {
        for (risk, label) in [
            (0.9725, "Pneumonia, risk=97.25%"),
            (0.031, "Normal, risk=3.1%"),
            (0.7, "Unsure, risk=70.0%"),
        ] {
            assert_eq!(Prediction::new(risk, &THRESHOLDS).label(), label);
        }
    }
}
