//! The contract in both versions.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{contract::Contract, tensor::ElementType};
use crate::error::Error;

fn version_2() -> Value {
    json!({
        "version": 2, "name": "m", "model_sha256": "0".repeat(64),
        "input": { "name": "x", "layout": "NHWC", "width": 8, "height": 8, "channels": "rgb",
                   "resize": "nearest", "scale": 1, "offset": [0, 1, 2] },
        "output": { "name": "y", "kind": "logit" },
        "checks": [{ "output": "view", "max": 0.5, "reason": "inverted-grey" },
                   { "output": "distance", "index": 1, "max": 2, "reason": "unfamiliar" }],
    })
}

fn parse(contract: &Value) -> Result<Contract, Error> {
    Contract::parse(&contract.to_string())
}

/// Changes [`version_2`] and parses it.
fn parse_with(change: impl FnOnce(&mut Value)) -> Result<Contract, Error> {
    let mut contract = version_2();
    change(&mut contract);
    parse(&contract)
}

#[test]
fn versions_1_and_2_mean_the_same() {
    let old = parse_with(|contract| {
        contract["version"] = 1.into();
        contract["checks"] = json!([
            { "output": "view", "max": 0.5, "doubt": "inverted-grey" },
            { "output": "distance", "index": 1, "max": 2, "doubt": "unfamiliar" },
        ]);
    });
    let new = Contract {
        version: 1,
        ..parse(&version_2()).unwrap()
    };
    assert_eq!(old.unwrap(), new);
    assert_eq!(new.input.element_type, ElementType::F32);
}

#[test]
fn element_types_are_read() {
    for (name, ty) in [
        ("f32", ElementType::F32),
        ("i16", ElementType::I16),
        ("u8", ElementType::U8),
    ] {
        let contract = parse_with(|contract| {
            contract["input"]["type"] = name.into();
            contract["input"]["offset"] = 0.into();
        });
        assert_eq!(contract.unwrap().input.element_type, ty);
    }
}

#[test]
fn prevalence_is_optional() {
    assert_eq!(parse(&version_2()).unwrap().output.prevalence, None);
    let stated = parse_with(|contract| contract["output"]["prevalence"] = json!(0.6667));
    assert_eq!(stated.unwrap().output.prevalence, Some(0.6667));
}

#[test]
fn unusable_values_are_refused() {
    let refused: [(&str, Value, &str); 17] = [
        (
            "/version",
            0.into(),
            "`version` 0 is not known; this build reads versions 1 and 2",
        ),
        ("/name", "".into(), "`name`"),
        ("/model_sha256", "0".into(), "`model_sha256`"),
        ("/input/width", 0.into(), "`input.width`"),
        ("/input/height", 4097.into(), "`input.height`"),
        ("/input/scale", json!([1, 2]), "`input.scale`"),
        ("/input/type", "f64".into(), "use `f32`, `u8` or `i16`"),
        (
            "/input/type",
            "coefficients".into(),
            "`coefficients` is reserved",
        ),
        // White becomes 257.
        ("/input/type", "u8".into(), "`input.type` can't hold"),
        ("/input/depth", 1.into(), "`depth`"),
        ("/output/prevalence", 0.into(), "`output.prevalence`"),
        ("/output/prevalence", 1.into(), "`output.prevalence`"),
        ("/output/prevalence", json!(-0.1), "`output.prevalence`"),
        ("/checks/0/reason", "Two words".into(), "`checks`"),
        ("/checks/0/reason", "".into(), "`checks`"),
        (
            "/checks/1/doubt",
            "unfamiliar".into(),
            "version 2 calls it `checks.reason`",
        ),
        ("/output", Value::Null, "null"),
    ];
    for (place, value, expect) in refused {
        let (parent, key) = place.rsplit_once('/').unwrap();
        let error = parse_with(|contract| match contract.pointer_mut(parent).unwrap() {
            Value::Object(object) => {
                object.insert(key.into(), value.clone());
            }
            other => panic!("{other}"),
        })
        .unwrap_err();
        assert!(matches!(error, Error::Model(_)), "{place} = {value}");
        let text = error.to_string();
        assert!(text.contains(expect), "{place} = {value}: {text}");
    }
}

#[test]
fn keys_of_version_2_are_refused_in_version_1() {
    let error = parse_with(|contract| contract["version"] = 1.into()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("set `version` to 2 or call it `checks.doubt`"),
        "{text}"
    );
    let error = parse_with(|contract| {
        contract["version"] = 1.into();
        contract["checks"] = json!([]);
        contract["input"]["type"] = "f32".into();
    });
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("`input.type` is a key of version 2; set `version` to 2"),
        "{text}"
    );
}

#[test]
fn duplicate_keys_are_refused() {
    let text = version_2().to_string();
    let twice = text.replacen("\"name\":\"m\"", "\"name\":\"m\",\"name\":\"n\"", 1);
    assert_ne!(text, twice);
    assert!(Contract::parse(&twice).is_err());
}

proptest! {
    #[test]
    fn contract_parser_never_panics(text in ".{0,60}") {
        let _ = Contract::parse(&text);
    }
}
