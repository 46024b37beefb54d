//! From the model's outputs to a risk, a class and a label.

use crate::{
    error::Error,
    model::{
        checks,
        contract::{Contract, OutputKind},
        tensor::{NamedTensor, element},
    },
};

/// The limits between the classes. `normal` is at most `pneumonia`; both are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A risk under this is normal.
    pub normal: f64,
    /// A risk over this is pneumonia.
    pub pneumonia: f64,
}

/// The class of a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Class {
    /// Under the lower threshold.
    Normal,
    /// Between the thresholds, both included; or the picture fails an out-of-distribution check.
    Unsure,
    /// Over the upper threshold.
    Pneumonia,
}

impl Class {
    /// Returns the class's name as it is printed and reported.
    pub fn name(self) -> &'static str {
        match self {
            Class::Normal => "Normal",
            Class::Unsure => "Unsure",
            Class::Pneumonia => "Pneumonia",
        }
    }
}

/// The model's result for one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The risk of pneumonia, 0 to 1; meaningless where a check failed.
    pub risk: f64,
    /// The class of the risk.
    pub class: Class,
    /// The reason, in the contract's word, of the out-of-distribution check that the picture
    /// failed: nothing is claimed of it.
    pub failed_check: Option<String>,
}

impl Prediction {
    /// Classifies the risk by the thresholds.
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
            failed_check: None,
        }
    }

    /// Reads the risk and the checks from the graph's outputs. A picture that fails a check is
    /// unsure whatever its risk.
    ///
    /// # Errors
    /// [`Error::Model`] when an output of the contract is missing or too short, or the risk is not
    /// from 0 to 1.
    pub fn read(
        outputs: &[NamedTensor],
        contract: &Contract,
        thresholds: &Thresholds,
    ) -> Result<Prediction, Error> {
        let mut prediction = Prediction::new(risk(outputs, contract)?, thresholds);
        if let Some(reason) = checks::first_failure(outputs, &contract.checks)? {
            prediction.class = Class::Unsure;
            prediction.failed_check = Some(reason.to_owned());
        }
        Ok(prediction)
    }

    /// Returns the text printed on the picture, as in `Pneumonia, risk=97.25%` or
    /// `Unsure, inverted grey`.
    pub fn label(&self) -> String {
        match &self.failed_check {
            Some(reason) => format!("{}, {}", self.class.name(), reason.replace('-', " ")),
            None => format!("{}, risk={}%", self.class.name(), percent(self.risk)),
        }
    }
}

/// Formats the number as Python's `str(round(100 * x, 2))` writes it: at most two decimals, at
/// least one.
///
/// Rust's formatting rounds the exact binary value half to even, which is how Python's `round`
/// rounds a float.
pub(crate) fn percent(x: f64) -> String {
    let text = format!("{:.2}", 100.0 * x);
    match text.strip_suffix('0') {
        Some(short) => short.to_owned(),
        None => text,
    }
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
    fn percent_matches_python() {
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
    fn thresholds_themselves_are_unsure() {
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
    fn label_matches_the_original() {
        for (risk, label) in [
            (0.9725, "Pneumonia, risk=97.25%"),
            (0.031, "Normal, risk=3.1%"),
            (0.7, "Unsure, risk=70.0%"),
        ] {
            assert_eq!(Prediction::new(risk, &THRESHOLDS).label(), label);
        }
    }
}
