//! Out-of-distribution checks: reject pictures that the model was not trained for.
//!
//! A risk means something only for an upright chest X-ray like those of the training. Outputs
//! beside the risk say how far the picture is from that, and the contract limits them. Where a
//! limit is exceeded, nothing is claimed.

use crate::{
    error::Error,
    model::{
        contract::Check,
        tensor::{NamedTensor, element},
    },
};

/// Returns the reason of the first check that fails, in the order of the contract.
///
/// # Errors
/// [`Error::Model`] when the graph has no such output or element.
pub(crate) fn first_failure<'a>(
    outputs: &[NamedTensor],
    checks: &'a [Check],
) -> Result<Option<&'a str>, Error> {
    for check in checks {
        let value = element(outputs, &check.output, check.index)?;
        // NaN fails every check: a graph that computes none can't vouch for the picture.
        if value.is_nan() || value > check.max {
            return Ok(Some(&check.reason));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tensor::Tensor;

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
            r#"[{"output":"view","index":1,"max":0.5,"reason":"inverted-grey"},
                {"output":"distance","max":2.0,"reason":"unfamiliar"}]"#,
        )
        .unwrap()
    }

    #[test]
    fn first_value_over_its_limit_fails_the_picture() {
        for (view, distance, reason) in [
            ([1.0, 0.0, 0.0], 1.0, None),
            ([0.5, 0.5, 0.0], 2.0, None),
            ([0.4, 0.6, 0.0], 9.0, Some("inverted-grey")),
            ([1.0, 0.0, 0.0], 2.1, Some("unfamiliar")),
            ([1.0, 0.0, 0.0], f32::NAN, Some("unfamiliar")),
        ] {
            let checks = checks();
            let failure = first_failure(&outputs(view, distance), &checks).unwrap();
            assert_eq!(failure, reason);
        }
    }

    #[test]
    fn missing_output_is_an_error_that_names_it() {
        let text =
            |outputs: &[NamedTensor]| first_failure(outputs, &checks()).unwrap_err().to_string();
        let all = outputs([1.0, 0.0, 0.0], 1.0);
        assert!(text(&all[1..]).contains("no output `view`; the graph has distance"));
        let mut short = all.clone();
        short[0].tensor.data.truncate(1);
        assert!(text(&short).contains("no element 1"));
    }
}
