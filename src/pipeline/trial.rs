//! A trial run of a model on a black picture, by which a host sees at its start whether the model
//! fits its contract: its input's name, type and shape, and its outputs. Otherwise every event
//! would fail.

use image::DynamicImage;

use crate::{
    error::Error,
    model::contract::Contract,
    model::tensor::{Elements, InputTensor, NamedTensor, element, named},
    picture::{heatmap::Heatmap, input},
    text::{contract::TextContract, marker_contract::MarkerContract},
};

/// Tries a classifier.
///
/// # Errors
/// Those of `infer`, and [`Error::Model`] that names the output at fault.
pub fn classifier(
    contract: &Contract,
    infer: impl FnOnce(&InputTensor) -> Result<Vec<NamedTensor>, Error>,
) -> Result<(), Error> {
    let black = DynamicImage::new_luma8(contract.input.width, contract.input.height);
    let outputs = infer(&input::tensor(&black, contract))?;
    element(&outputs, &contract.output.name, contract.output.index)?;
    for check in &contract.checks {
        element(&outputs, &check.output, check.index)?;
    }
    if contract.heatmap.is_some() {
        Heatmap::read(&outputs, contract.heatmap.as_ref())?;
    }
    Ok(())
}

/// Tries a text detector, on a picture whose sides differ.
///
/// # Errors
/// As [`classifier`].
pub fn text_detector(
    contract: &TextContract,
    infer: impl FnOnce(&InputTensor) -> Result<Vec<NamedTensor>, Error>,
) -> Result<(), Error> {
    let (input, output) = (&contract.input, &contract.output);
    let (height, width) = (2 * input.multiple, 3 * input.multiple);
    let black = std::iter::repeat_n(input.offset, height * width);
    let outputs = infer(&InputTensor {
        dims: vec![1, 1, height as u32, width as u32],
        data: Elements::collect(input.element_type, black),
    })?;
    let map = &named(&outputs, &output.name)?.tensor;
    let (rows, columns) = (height / output.stride, width / output.stride);
    let least = output.text.max(output.marker) + 1;
    if output.fits(&map.dims, (height, width)) {
        return Ok(());
    }
    Err(Error::Model(format!(
        "output `{}` has the dimensions {:?} for a picture of {width} x {height} pixels, not [1, {least} or more, {rows}, \
         {columns}]; check the contract's `output`",
        output.name, map.dims
    )))
}

/// Tries a marker recognizer.
///
/// # Errors
/// As [`classifier`].
pub fn marker_recognizer(
    contract: &MarkerContract,
    infer: impl FnOnce(&InputTensor) -> Result<Vec<NamedTensor>, Error>,
) -> Result<(), Error> {
    let (input, output) = (&contract.input, &contract.output);
    let black = std::iter::repeat_n(input.offset, input.height * input.width);
    let outputs = infer(&InputTensor {
        dims: vec![1, 1, input.height as u32, input.width as u32],
        data: Elements::collect(input.element_type, black),
    })?;
    let chances = &named(&outputs, &output.name)?.tensor;
    if contract.fits(&chances.dims) {
        return Ok(());
    }
    Err(Error::Model(format!(
        "output `{}` has the dimensions {:?}, not [1, {}]; check the contract's `output`",
        output.name,
        chances.dims,
        output.classes.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tensor::Tensor;

    const CLASSIFIER: &str = include_str!("../../models/pneumonia/contract.json");
    const TEXT: &str = include_str!("../../models/text/contract.json");
    const MARKERS: &str = include_str!("../../models/markers/contract.json");

    fn output(name: &str, dims: &[u32]) -> NamedTensor {
        let length = dims.iter().product::<u32>() as usize;
        NamedTensor {
            name: name.into(),
            tensor: Tensor {
                dims: dims.to_vec(),
                data: vec![0.0; length],
            },
        }
    }

    /// Checks the outputs of a classifier; `expect` is a part of the error.
    fn check(outputs: &[(&str, u32)], expect: Option<&str>) {
        let contract = Contract::parse(CLASSIFIER).unwrap();
        let result = classifier(&contract, |input| {
            assert_eq!(input.dims, [1, 160, 160, 1]);
            Ok(outputs
                .iter()
                .map(|(name, n)| output(name, &[1, *n]))
                .collect())
        });
        match (result, expect) {
            (Ok(()), None) => {}
            (Err(error), Some(text)) => assert!(error.to_string().contains(text), "{error}"),
            (result, expect) => panic!("{result:?}, not {expect:?}"),
        }
    }

    #[test]
    fn classifier_needs_every_output_of_its_contract() {
        let all = [("risk", 1), ("view", 3), ("distance", 1), ("map", 100)];
        let without = |left_out: usize| {
            let mut some = all.to_vec();
            some.remove(left_out);
            some
        };
        check(&all, None);
        check(&without(0), Some("no output `risk`"));
        check(&without(1), Some("no output `view`"));
        // A black picture fails the check of `view`; the later ones are tried all the same.
        check(&without(2), Some("no output `distance`"));
        check(&without(3), Some("no output `map`"));
        let short = [("risk", 1), ("view", 2), ("distance", 1), ("map", 100)];
        check(&short, Some("output `view` has no element 2"));
        let small = [("risk", 1), ("view", 3), ("distance", 1), ("map", 81)];
        check(&small, Some("81 cells, not 10 x 10"));
    }

    #[test]
    fn text_detector_needs_a_map_of_its_stride_and_classes() {
        let contract = TextContract::parse(TEXT).unwrap();
        for (dims, fits) in [
            (&[1, 2, 16, 24][..], true),
            (&[1, 4, 16, 24], true),
            (&[1, 1, 16, 24], false),
            (&[1, 2, 24, 16], false),
            (&[1, 2, 8, 12], false),
            (&[2, 16, 24], false),
            (&[2, 2, 16, 24], false),
        ] {
            let result = text_detector(&contract, |input| {
                assert_eq!(input.dims, [1, 1, 128, 192]);
                Ok(vec![output("map", dims)])
            });
            assert_eq!(result.is_ok(), fits, "{dims:?}: {result:?}");
        }
        let missing = text_detector(&contract, |_| Ok(Vec::new())).unwrap_err();
        assert!(missing.to_string().contains("no output `map`"), "{missing}");
    }

    #[test]
    fn marker_recognizer_needs_a_probability_for_each_class() {
        let contract = MarkerContract::parse(MARKERS).unwrap();
        let (name, classes) = (
            &contract.output.name[..],
            contract.output.classes.len() as u32,
        );
        let (height, width) = (contract.input.height as u32, contract.input.width as u32);
        for (dims, fits) in [
            (&[1, classes][..], true),
            (&[1, classes + 1], false),
            (&[1, classes - 1], false),
            (&[classes], false),
            (&[1, classes, 1], false),
        ] {
            let result = marker_recognizer(&contract, |input| {
                assert_eq!(input.dims, [1, 1, height, width]);
                Ok(vec![output(name, dims)])
            });
            assert_eq!(result.is_ok(), fits, "{dims:?}: {result:?}");
        }
        let missing = marker_recognizer(&contract, |_| Ok(Vec::new())).unwrap_err();
        assert!(missing.to_string().contains("no output"), "{missing}");
    }
}
