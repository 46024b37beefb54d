//! Every crate that is linked in may be used under a permissive licence; `deny.toml` has the list.

use std::process::Command;

use serde_json::Value;

/// Under MPL-2.0, unchanged, linked into the component by `spin-sdk`; see `NOTICES.md`.
const EXCEPTION: &str = "smartstring";

fn allowed() -> Vec<String> {
    let deny = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let list = deny
        .split_once("allow = [")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// True when one alternative of the SPDX expression asks for allowed licences only.
fn is_permissive(expression: &str, allowed: &[String]) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    // An AND binds a part of the alternatives in brackets; what it adds must be allowed in any case.
    plain.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|l| allowed.iter().any(|a| a == l.trim()))
    })
}

#[test]
fn every_dependency_is_permissive() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed = allowed();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 200);
    for package in packages {
        let (name, licence) = (
            &package["name"],
            package["license"].as_str().unwrap_or("none"),
        );
        assert!(
            name == EXCEPTION || is_permissive(licence, &allowed),
            "{name}: {licence}"
        );
    }
}

#[test]
fn expressions_are_read() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    for (expression, fine) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR Apache-2.0) AND ISC", true),
        ("Apache-2.0/MIT", true),
    ] {
        assert_eq!(is_permissive(expression, &allowed), fine, "{expression}");
    }
}
