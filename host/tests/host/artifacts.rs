//! The components run on stock Spin since 3.6.3: it imports nothing that Spin lacks, and is as
//! small as promised.

use std::collections::BTreeSet;

use testkit::{function_is_built, root};
use xray_host::app::{
    compose::{Interfaces, compose, interfaces},
    manifest::Manifest,
};

const NN: &str = "wasi:nn@0.2.0-rc-2024-10-28";

/// Interfaces of Spin 3.6.3 that these components may use: WASI up to 0.2.6 and Spin's variables.
/// No key-value stores, no databases, no WASI 0.3.
fn is_in_spin(import: &str) -> bool {
    const WASI: [&str; 7] = [
        "cli",
        "clocks",
        "filesystem",
        "http",
        "io",
        "random",
        "sockets",
    ];
    if import == "fermyon:spin/variables@2.0.0" {
        return true;
    }
    let Some((package, version)) = import
        .strip_prefix("wasi:")
        .and_then(|rest| rest.split_once('@'))
    else {
        return false;
    };
    let package = package.split('/').next().unwrap_or_default();
    let patch = version
        .strip_prefix("0.2.")
        .and_then(|patch| patch.parse::<u32>().ok());
    WASI.contains(&package) && patch.is_some_and(|patch| patch <= 6)
}

fn is_nn(name: &str) -> bool {
    let (package, version) = NN.split_once('@').unwrap();
    let rest = name
        .strip_prefix(package)
        .and_then(|rest| rest.strip_prefix('/'));
    rest.is_some_and(|rest| rest.split_once('@').is_some_and(|(_, own)| own == version))
}

fn check(what: &str, wasm: Vec<u8>, may_import_nn: bool, exports: &[&str]) {
    let names: Interfaces = interfaces(wasm).unwrap();
    println!(
        "{what} imports {:?}\n{what} exports {:?}",
        names.imports, names.exports
    );
    let foreign: Vec<_> = names
        .imports
        .iter()
        .filter(|import| !(is_in_spin(import) || may_import_nn && is_nn(import)))
        .collect();
    assert!(foreign.is_empty(), "{what} imports {foreign:?}");
    assert_eq!(
        names.imports.iter().any(|import| is_nn(import)),
        may_import_nn
    );
    let found: BTreeSet<_> = names.exports.iter().map(String::as_str).collect();
    assert_eq!(found, exports.iter().copied().collect(), "{what}");
}

#[test]
fn nothing_is_imported_that_spin_lacks() {
    if !function_is_built() {
        return;
    }
    let built = root().join("target/wasm32-wasip2/release");
    let read = |name: &str| std::fs::read(built.join(name)).unwrap();
    let handler = ["wasi:http/incoming-handler@0.2.0"];
    check("the function", read("xray.wasm"), true, &handler);
    let nn = ["tensor", "errors", "graph", "inference"]
        .map(|name| format!("wasi:nn/{name}@0.2.0-rc-2024-10-28"));
    check(
        "the inference component",
        read("xray_nn.wasm"),
        false,
        &nn.each_ref().map(String::as_str),
    );
    let manifest = Manifest::load(&root()).unwrap();
    let composed = compose(&manifest.components["xray"]).unwrap();
    check("the composed component", composed, false, &handler);
}

#[test]
fn the_list_refuses_what_spin_lacks() {
    for import in [
        "wasi:cli/environment@0.2.0",
        "wasi:http/types@0.2.6",
        "wasi:filesystem/preopens@0.2.3",
        "fermyon:spin/variables@2.0.0",
    ] {
        assert!(is_in_spin(import), "{import}");
    }
    for import in [
        "wasi:http/types@0.2.7",
        "wasi:http/types@0.3.0",
        "wasi:http/types@0.3.0-rc-2025-09-16",
        "wasi:keyvalue/store@0.2.0-draft2",
        "wasi:nn/graph@0.2.0-rc-2024-10-28",
        "fermyon:spin/variables@3.0.0",
        "fermyon:spin/key-value@2.0.0",
        "wasi:http/types",
    ] {
        assert!(!is_in_spin(import), "{import}");
    }
}

#[test]
fn the_inference_component_is_small() {
    if !function_is_built() {
        return;
    }
    let size = |path: &str| std::fs::metadata(root().join(path)).unwrap().len();
    let models: u64 = std::fs::read_dir(root().join("models"))
        .unwrap()
        .filter_map(|folder| std::fs::metadata(folder.unwrap().path().join("model.onnx")).ok())
        .map(|model| model.len())
        .sum();
    let whole = size("target/wasm32-wasip2/release/xray_nn.wasm");
    println!("{whole} bytes, {models} of them the models that are built in");
    assert!(whole > models, "the models are built in");
    assert!(whole - models <= 3_000_000, "{}", whole - models);
}

#[test]
fn compose_explains_failures() {
    if !function_is_built() {
        return;
    }
    let manifest = Manifest::load(&root()).unwrap();
    let function = &manifest.components["xray"];
    let said = |change: fn(&mut xray_host::app::manifest::Component)| {
        let mut function = function.clone();
        change(&mut function);
        format!(
            "{:#}",
            compose(&function).expect_err("this can't be composed")
        )
    };
    let alone = said(|function| function.dependencies.clear());
    assert!(
        alone.contains("imports wasi:nn/") && alone.contains("no dependency"),
        "{alone}"
    );
    let itself = said(|function| function.dependencies[0].source = Ok(function.source.clone()));
    assert!(itself.contains("does not export wasi:nn/"), "{itself}");
    let elsewhere = said(|function| function.dependencies[0].source = Err("it is elsewhere"));
    assert!(
        elsewhere.contains(NN) && elsewhere.contains("it is elsewhere"),
        "{elsewhere}"
    );
    let absent = said(|function| function.dependencies[0].source = Ok("nowhere.wasm".into()));
    assert!(
        absent.contains("nowhere.wasm") && absent.contains("has it been built?"),
        "{absent}"
    );
    let none = said(|function| function.dependencies[0].name = "wasi:nn@0.2.0".into());
    assert!(
        none.contains("wasi:nn@0.2.0") && none.contains("matches no import"),
        "{none}"
    );
}
