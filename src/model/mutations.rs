//! Mutated contracts of a model: the parser never panics, and accepts no value out of range.

use super::contract::Contract;
use crate::mutate::{mutate_text, rounds};

const WORDS: [&str; 47] = [
    "\"version\"",
    "\"name\"",
    "\"model_sha256\"",
    "\"input\"",
    "\"layout\"",
    "\"width\"",
    "\"height\"",
    "\"channels\"",
    "\"resize\"",
    "\"scale\"",
    "\"offset\"",
    "\"output\"",
    "\"kind\"",
    "\"index\"",
    "\"prevalence\"",
    "\"checks\"",
    "\"max\"",
    "\"doubt\"",
    "\"reason\"",
    "\"heatmap\"",
    "NHWC",
    "NCHW",
    "grey",
    "rgb",
    "nearest",
    "probability",
    "logit",
    "0",
    "1",
    "2",
    "-1",
    "4097",
    "160",
    "160",
    "224",
    "5000",
    "5000",
    "0",
    "1e39",
    "1e-46",
    "[1, 2, 3]",
    "[]",
    "null",
    "\"\"",
    "../",
    "}",
    ",",
];

#[test]
fn contract_survives_mutated_files() {
    let seed = include_str!("../../models/pneumonia/contract.json");
    assert!(Contract::parse(seed).is_ok());
    rounds(20_000, |rng| {
        match Contract::parse(&mutate_text(rng, seed, &WORDS)) {
            Ok(contract) => {
                let input = &contract.input;
                assert!((1..=4096).contains(&input.width) && (1..=4096).contains(&input.height));
                assert_eq!(contract.model_sha256.len(), 64);
                assert!(
                    contract
                        .output
                        .prevalence
                        .is_none_or(|p| 0.0 < p && p < 1.0)
                );
                for channel in 0..input.channels.count() {
                    assert!(input.scale.of(channel).is_finite());
                    assert!(input.offset.of(channel).is_finite());
                }
            }
            Err(error) => assert!(error.to_string().contains("contract.json"), "{error}"),
        }
    });
}
