//! Mutated contracts of a text detector: the parser never panics and accepts no value out of range.

use super::TextContract;
use crate::mutate::{mutate_text, rounds};

const WORDS: [&str; 36] = [
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
