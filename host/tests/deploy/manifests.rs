//! No field, argument or variable is invented.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use serde_json::Value;
use testkit::root;

use crate::cluster::{self, Found, text};

/// The objects that hold what a user names, so that any name is right there.
const MAPS: [&str; 15] = [
    "annotations",
    "labels",
    "matchLabels",
    "selector",
    "limits",
    "requests",
    "data",
    "stringData",
    "parameters",
    "additionalConfig",
    // Kafka's own properties.
    "config",
    "listenerConfig",
    // Of a trigger of KEDA's, and of a Knative Service's template: the validator asks their sources
    // instead.
    "spec.triggers.[].metadata",
    "spec.template.metadata",
    // Knative leaves it to Kubernetes.
    "emptyDir",
];

#[test]
fn every_manifest_is_what_its_kind_allows() {
    let Some(all) = cluster::all() else {
        return;
    };
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for found in all {
        assert!(
            found.errors.is_empty(),
            "{} {} of {}: {:?}",
            found.kind(),
            found.name(),
            found.file,
            found.errors
        );
        let source = found.source.as_deref().expect("a schema");
        *counts.entry((source, found.kind())).or_default() += 1;
    }
    for ((source, kind), count) in &counts {
        eprintln!("{count:3} {kind:55} {source}");
    }
    assert!(counts.len() >= 30, "kinds are missing");
}

/// Deep in each manifest, not only at its top.
#[test]
fn every_object_is_closed_to_invented_fields() {
    let Some(all) = cluster::all() else {
        return;
    };
    for found in all {
        assert!(found.caught.contains(&String::new()), "{}", found.kind());
        for path in &found.open {
            let is_map = |map: &str| path == map || path.ends_with(&format!(".{map}"));
            assert!(
                MAPS.iter().any(|map| is_map(map)),
                "{} takes any field at {path}",
                found.kind()
            );
        }
    }
}

#[test]
fn an_invented_field_fails_in_each_kind() {
    let Some(all) = cluster::all() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let mut planted: BTreeMap<String, Value> = BTreeMap::new();
    for found in all {
        let mut document = found.document.clone();
        let place = if document["spec"].is_object() {
            &mut document["spec"]
        } else {
            &mut document
        };
        place["inventedField"] = "x".into();
        planted.insert(found.kind(), document);
    }
    let write = |(index, document): (usize, &Value)| {
        let file = dir.path().join(format!("{index}.yaml"));
        fs::write(&file, document.to_string()).expect("a file");
        file
    };
    let files: Vec<PathBuf> = planted.values().enumerate().map(write).collect();
    let found = cluster::validate(&files).expect("it validated a moment ago");
    assert_eq!(found.len(), planted.len());
    for found in found {
        let says = found.errors.iter().any(|e| e.contains("inventedField"));
        assert!(says, "{}: {:?}", found.kind(), found.errors);
    }
}

#[test]
fn every_file_is_in_a_kustomization() {
    for folder in cluster::folders() {
        let folder = root().join("deploy").join(folder);
        let kustomization = fs::read_to_string(folder.join("kustomization.yaml")).expect("text");
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            let is_apart = name == "kustomization.yaml" || name.ends_with(".patch.yaml");
            let is_listed = || kustomization.contains(&format!("- {name}\n"));
            assert!(
                !name.ends_with(".yaml") || is_apart || is_listed(),
                "{} is applied by nobody",
                path.display()
            );
        }
    }
}

/// Our containers' arguments, and those that SpinKube's operator gives to a `spinImage`.
#[test]
fn the_host_takes_its_arguments() {
    let Some(all) = cluster::all() else {
        return;
    };
    let mut commands = Vec::new();
    for container in all.iter().flat_map(Found::containers) {
        let arguments = container["args"].as_array().into_iter().flatten();
        commands.push(arguments.map(|a| text(a).to_owned()).collect::<Vec<_>>());
    }
    commands.retain(|arguments| !arguments.is_empty());
    assert_eq!(
        commands.len(),
        6,
        "Knative and plain, function and display; the page; the DICOM node"
    );
    for app in all.iter().filter(|found| found.is("SpinApp")) {
        let image = text(&app.document["spec"]["image"]);
        let line = ["up", "--listen", "0.0.0.0:80", "-f", image];
        let rest = ["--runtime-config-file", "/runtime-config.toml"];
        commands.push(line.iter().chain(&rest).map(|&a| a.to_owned()).collect());
    }
    for arguments in commands {
        takes(&arguments);
    }
}

/// Asserts that the binary knows these arguments: help comes only after they were read.
pub fn takes(arguments: &[String]) {
    let output = Command::new(env!("CARGO_BIN_EXE_xray"))
        .args(arguments)
        .arg("--help")
        .output()
        .expect("xray starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

/// Every variable that a manifest sets is one of the function's, and each secret one comes from a
/// secret.
#[test]
fn the_function_has_the_variables() {
    let Some(all) = cluster::all() else {
        return;
    };
    let manifest = fs::read_to_string(root().join("spin.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let variables = manifest["variables"].as_table().expect("variables");
    let is_secret = |name: &str| {
        let variable = variables.get(name);
        let variable = variable.unwrap_or_else(|| panic!("the function has no variable {name}"));
        let secret = variable.get("secret").and_then(toml::Value::as_bool);
        secret == Some(true)
    };
    let mut set = BTreeSet::new();
    let mut check = |name: &str, value: &Value| {
        let name = name.to_lowercase();
        let comes_from_secret = value["valueFrom"]["secretKeyRef"].is_object();
        assert_eq!(is_secret(&name), comes_from_secret, "{name}");
        set.insert(name);
    };
    for found in all {
        for container in found.containers() {
            for env in container["env"].as_array().into_iter().flatten() {
                if let Some(name) = text(&env["name"]).strip_prefix("SPIN_VARIABLE_") {
                    check(name, env);
                }
            }
        }
        if found.is("SpinApp") {
            for variable in found.document["spec"]["variables"]
                .as_array()
                .expect("some")
            {
                check(text(&variable["name"]), variable);
            }
        }
        if found.name() == "xray-settings" {
            for (name, value) in found.document["data"].as_object().expect("settings") {
                let name = name.strip_prefix("SPIN_VARIABLE_").expect("a variable");
                check(name, value);
            }
        }
    }
    for name in [
        "s3_endpoint",
        "s3_access_key",
        "s3_secret_key",
        "pseudonym_key",
    ] {
        assert!(set.contains(name), "{name} is never set");
    }
}
