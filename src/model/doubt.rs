//! Whether the picture is one that the model can speak about at all.
//!
//! A risk is only a risk on an upright chest X-ray like those of the training. The graph tells, with outputs beside the risk, how far
//! the picture is from that; the contract says which values of them cast a doubt. Where there is one, nothing is claimed.

use serde::Deserialize;

use crate::{error::Error, model::predict::NamedTensor};

/// One limit on one element of an output. A value over it casts the doubt.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The output's name in the graph.
    pub output: String,
    /// Which element, in row-major order.
    #[serde(default)]
    pub index: usize,
    /// The greatest value without doubt.
    pub max: f32,
    /// The doubt, as a word for machines: lower-case letters, digits and `-`. On the picture `-` becomes a space.
    pub doubt: String,
}

impl Check {
    /// The words allowed for a doubt: short enough to be printed, and with nothing in them that could break a log line.
    pub(crate) fn is_sound(&self) -> bool {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=40).contains(&self.doubt.len())
            && self.doubt.chars().all(plain)
            && self.max.is_finite()
    }
}

/// The first doubt that the outputs cast, in the order of the contract.
///
/// # Errors
/// [`Error::Model`] when the graph has no such output or element.
pub fn first<'a>(outputs: &[NamedTensor], checks: &'a [Check]) -> Result<Option<&'a str>, Error> {
    for check in checks {
        let value = element(outputs, &check.output, check.index)?;
        // What is not a number is over every limit: a graph that can't say casts the doubt.
        if value.is_nan() || value > check.max {
            return Ok(Some(&check.doubt));
        }
    }
    Ok(None)
}

/// One element of one output.
///
/// # Errors
/// [`Error::Model`] that names what is missing, and what the graph has.
pub(crate) fn element(outputs: &[NamedTensor], name: &str, index: usize) -> Result<f32, Error> {
    let output = named(outputs, name)?;
    output
        .tensor
        .data
        .get(index)
        .copied()
        .ok_or_else(|| Error::Model(format!("output `{name}` has no element {index}")))
}

/// One output.
///
/// # Errors
/// [`Error::Model`] that says which outputs there are.
pub(crate) fn named<'a>(outputs: &'a [NamedTensor], name: &str) -> Result<&'a NamedTensor, Error> {
    outputs.iter().find(|o| o.name == name).ok_or_else(|| {
        let names: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
        Error::Model(format!(
            "no output `{name}`; the graph has {}",
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::predict::Tensor;

    fn outputs(view: [f32; 3], distance: f32) -> Vec<NamedTensor> {
        let output = |name: &str, data: Vec<f32>| NamedTensor {
            name: name.into(),
            tensor: Tensor {
                dims: vec![1, data.len() as u32],
                data,
            },
        };
        vec![
            output("view", view.to_vec()),
            output("distance", vec![distance]),
        ]
    }

    fn checks() -> Vec<Check> {
        serde_json::from_str(
            r#"[{"output":"view","index":1,"max":0.5,"doubt":"inverted-grey"},
                {"output":"distance","max":2.0,"doubt":"unfamiliar"}]"#,
        )
        .unwrap()
    }

    #[test]
    fn the_first_value_over_its_limit_is_the_doubt() {
        for (view, distance, doubt) in [
            ([1.0, 0.0, 0.0], 1.0, None),
            ([0.5, 0.5, 0.0], 2.0, None),
            ([0.4, 0.6, 0.0], 9.0, Some("inverted-grey")),
            ([1.0, 0.0, 0.0], 2.1, Some("unfamiliar")),
            ([1.0, 0.0, 0.0], f32::NAN, Some("unfamiliar")),
        ] {
            assert_eq!(first(&outputs(view, distance), &checks()).unwrap(), doubt);
        }
    }

    #[test]
    fn an_output_that_is_not_there_is_an_error_that_names_it() {
        let text = |outputs: &[NamedTensor]| first(outputs, &checks()).unwrap_err().to_string();
        let all = outputs([1.0, 0.0, 0.0], 1.0);
        assert!(text(&all[1..]).contains("no output `view`; the graph has distance"));
        let mut short = all.clone();
        short[0].tensor.data.truncate(1);
        assert!(text(&short).contains("no element 1"));
    }
}
