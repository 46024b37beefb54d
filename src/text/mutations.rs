//! Mutated contracts of a text detector and of a marker recognizer: the parsers never panic and
//! accept no value out of range.

use super::{TextContract, marker_contract::MarkerContract};
use crate::mutate::{mutate_text, rounds};

const WORDS: [&str; 43] = [
    "\"version\"",
    "\"name\"",
    "\"model_sha256\"",
    "\"input\"",
    "\"multiple\"",
    "\"scale\"",
    "\"offset\"",
    "\"output\"",
    "\"stride\"",
    "\"text\"",
    "\"mark\"",
    "\"thresholds\"",
    "\"sure\"",
    "\"faint\"",
    "\"left\"",
    "\"longest\"",
    "\"low\"",
    "\"high\"",
    "\"residual\"",
    "\"max_side\"",
    "\"min_side\"",
    "\"marker\"",
    "\"type\"",
    "\"u8\"",
    "\"width\"",
    "\"height\"",
    "\"classes\"",
    "\"other\"",
    "\"upright\"",
    "\"turned\"",
    "0.5",
    "0",
    "1",
    "-1",
    "64",
    "129",
    "1e39",
    "65537",
    "null",
    "[]",
    "\"\"",
    "}",
    ",",
];

#[test]
fn text_contract_survives_mutated_files() {
    let seed = include_str!("../../models/text/contract.json");
    assert!(TextContract::parse(seed).is_ok());
    rounds(10_000, |rng| {
        match TextContract::parse(&mutate_text(rng, seed, &WORDS)) {
            Ok(contract) => {
                let (input, output) = (&contract.input, &contract.output);
                assert!(input.multiple.is_power_of_two() && input.multiple <= 128);
                assert!(output.stride.is_power_of_two() && output.stride <= input.multiple);
                assert!(input.scale.is_finite() && input.offset.is_finite());
                assert_eq!(contract.model_sha256.len(), 64);
            }
            Err(error) => assert!(error.to_string().contains("contract.json"), "{error}"),
        }
    });
}

#[test]
fn marker_contract_survives_mutated_files() {
    let seed = include_str!("../../models/markers/contract.json");
    assert!(MarkerContract::parse(seed).is_ok());
    rounds(10_000, |rng| {
        match MarkerContract::parse(&mutate_text(rng, seed, &WORDS)) {
            Ok(contract) => {
                let (input, thresholds) = (&contract.input, contract.thresholds);
                assert!((1..=512).contains(&input.width) && (1..=512).contains(&input.height));
                assert!(input.scale.is_finite() && input.offset.is_finite());
                assert!(contract.output.classes.len() > 1 && contract.output.classes[0] == "other");
                assert!(thresholds.upright > 0.5 && thresholds.turned > 0.5);
                assert_eq!(contract.model_sha256.len(), 64);
            }
            Err(error) => assert!(error.to_string().contains("contract.json"), "{error}"),
        }
    });
}
