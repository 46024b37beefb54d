//! The text contract in both versions.

use super::*;
use crate::model::tensor::ElementType;

/// The same contract as [`contract`] in version 1.
fn version_1() -> Value {
    json!({
        "version": 1, "name": "text", "model_sha256": "0".repeat(64),
        "input": { "name": "gray", "multiple": 64, "scale": 1.0, "offset": 0.0 },
        "output": { "name": "cells", "stride": 8, "text": 1, "mark": 2 },
        "thresholds": { "sure": 0.5, "faint": 0.2, "left": 0.3, "mark": 0.6 },
        "longest": 2560,
    })
}

/// Puts a value at a JSON pointer.
fn put(contract: &mut Value, place: &str, value: &Value) {
    let (parent, key) = place.rsplit_once('/').unwrap();
    contract.pointer_mut(parent).unwrap()[key] = value.clone();
}

#[test]
fn versions_1_and_2_mean_the_same() {
    let old = TextContract::parse(&version_1().to_string()).unwrap();
    let new = TextContract {
        version: 1,
        ..contract()
    };
    assert_eq!(old, new);
    assert_eq!(old.input.element_type, ElementType::F32);
    assert_eq!(old.min_side, None);
}

#[test]
fn output_mark_is_read_in_version_2() {
    let mark = contract_with(|contract| {
        contract["output"] = json!({ "name": "cells", "stride": 8, "text": 1, "mark": 2 });
    });
    assert_eq!(mark.unwrap(), contract());
}

#[test]
fn new_keys_of_version_2_are_read() {
    let contract = contract_with(|contract| {
        contract["min_side"] = 1024.into();
        contract["input"]["type"] = "u8".into();
    })
    .unwrap();
    assert_eq!(contract.min_side, Some(1024));
    assert_eq!(contract.input.element_type, ElementType::U8);
}

#[test]
fn unusable_values_are_refused() {
    let refused: [(&str, Value, &str); 26] = [
        ("/version", 3.into(), "`version` 3"),
        ("/version", "2".into(), "`version` \"2\""),
        ("/name", "a/b".into(), "`name`"),
        ("/model_sha256", "AB".into(), "`model_sha256`"),
        ("/input/multiple", 96.into(), "`input.multiple`"),
        ("/input/multiple", 256.into(), "`input.multiple`"),
        ("/input/scale", Value::Null, "f32"),
        ("/input/layout", "NHWC".into(), "`layout`"),
        ("/input/type", "f16".into(), "`f32`, `u8` or `i16`"),
        ("/input/type", "coefficients".into(), "reserved"),
        ("/output/stride", 0.into(), "`output.stride`"),
        ("/output/stride", 128.into(), "`output.stride`"),
        ("/output/text", 2.into(), "`output.text`"),
        ("/output/marker", 99.into(), "`output.marker`"),
        ("/thresholds/low", 0.6.into(), "`low` not over `high`"),
        ("/thresholds/residual", 0.0.into(), "`thresholds`"),
        ("/thresholds/marker", 1.5.into(), "`thresholds`"),
        ("/max_side", 10.into(), "`max_side`"),
        ("/min_side", 0.into(), "`min_side`"),
        ("/min_side", 2561.into(), "`min_side`"),
        ("/min_side", (-1).into(), "usize"),
        ("/field", 0.into(), "`field`"),
        ("/field", 4097.into(), "`field`"),
        ("/checks", json!([]), "`checks`"),
        // Keys of version 1, each with its new name.
        ("/longest", 2560.into(), "version 2 calls it `max_side`"),
        (
            "/thresholds/left",
            0.3.into(),
            "version 2 calls it `thresholds.residual`",
        ),
    ];
    for (place, value, expect) in refused {
        let error = contract_with(|contract| put(contract, place, &value)).unwrap_err();
        assert!(matches!(error, Error::Model(_)), "{place} = {value}");
        let text = error.to_string();
        assert!(text.contains(expect), "{place} = {value}: {text}");
    }
}

#[test]
fn keys_of_version_2_are_refused_in_version_1() {
    for (place, value, expect) in [
        ("/max_side", 2560.into(), "call it `longest`"),
        ("/thresholds/low", 0.2.into(), "call it `thresholds.faint`"),
        ("/min_side", 100.into(), "set `version` to 2"),
        ("/input/type", "f32".into(), "set `version` to 2"),
    ] {
        let mut contract = version_1();
        put(&mut contract, place, &value);
        let error = TextContract::parse(&contract.to_string()).unwrap_err();
        assert!(error.to_string().contains(expect), "{place}: {error}");
    }
}

#[test]
fn missing_key_is_named_as_in_its_version() {
    let mut contract = version_1();
    contract.as_object_mut().unwrap().remove("longest");
    let error = TextContract::parse(&contract.to_string()).unwrap_err();
    assert!(
        error.to_string().contains("(version 1 calls it `longest`)"),
        "{error}"
    );
    contract.as_object_mut().unwrap().remove("version");
    let error = TextContract::parse(&contract.to_string()).unwrap_err();
    assert!(
        error.to_string().contains("`version` is missing"),
        "{error}"
    );
}

#[test]
fn values_beyond_the_element_type_are_refused() {
    for (ty, scale, fits) in [
        ("u8", 1.0, true),
        ("u8", 1.01, false),
        ("i16", 128.0, true),
        ("i16", 129.0, false),
        ("f32", 1e9, true),
    ] {
        let contract = contract_with(|contract| {
            contract["input"]["type"] = ty.into();
            contract["input"]["scale"] = scale.into();
        });
        assert_eq!(contract.is_ok(), fits, "{ty} {scale}: {contract:?}");
    }
}
