//! An accepted contract has a digest and an input within limits.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(contract) = xray::model::contract::Contract::parse(text) {
        assert!((1..=4096).contains(&contract.input.width) && contract.model_sha256.len() == 64);
    }
    if let Ok(contract) = xray::text::contract::TextContract::parse(text) {
        assert!(contract.input.multiple.is_power_of_two() && contract.model_sha256.len() == 64);
    }
    if let Ok(contract) = xray::text::marker_contract::MarkerContract::parse(text) {
        assert!(contract.output.classes.len() > 1 && contract.model_sha256.len() == 64);
    }
});
