//! Whether the picture is one that the model can speak about at all.
//!
//! A risk is only a risk on an upright chest X-ray like those of the training. The graph tells, with outputs beside the risk, how far
//! the picture is from that; the contract says which values of them cast a doubt. Where there is one, nothing is claimed.

use crate::{
    error::Error,
    model::{
        contract::Check,
        tensor::{NamedTensor, element},
    },
};

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
