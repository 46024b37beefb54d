//! The manifests in the API types of the projects that define their kinds: decoded strictly, and
//! encoded again as a mutating webhook sends them back.

use std::{fs, path::PathBuf, process::Command};

use serde::Deserialize;
use serde_json::Value;

use crate::cluster::{self, Found};

/// A manifest after its project's types have read it.
#[derive(Debug, Deserialize)]
struct Decoded {
    kind: String,
    errors: Vec<String>,
    /// The object as those types encode it; null if they can't read it.
    document: Value,
}

/// Groups whose kinds a mutating webhook sends back. The others are only checked.
const MUTATED: [&str; 2] = ["core.spinkube.dev/", "serving.knative.dev/"];

fn decode(documents: &[Value]) -> Option<Vec<Decoded>> {
    let dir = tempfile::tempdir().expect("a folder");
    let output = Command::new(cluster::fetched()?.join("types"))
        .args(write(dir.path().to_owned(), documents))
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).expect("its findings"))
}

/// Writes each document to a file of its own.
fn write(dir: PathBuf, documents: &[Value]) -> Vec<PathBuf> {
    let write = |(index, document): (usize, &Value)| {
        let file = dir.join(format!("{index}.yaml"));
        fs::write(&file, document.to_string()).expect("a file");
        file
    };
    documents.iter().enumerate().map(write).collect()
}

/// Validates the objects that webhooks send back, as the cluster does then.
fn validate_returned(decoded: Vec<Decoded>) -> Vec<Found> {
    let is_mutated = |one: &Decoded| MUTATED.iter().any(|group| one.kind.starts_with(group));
    let returned = decoded.into_iter().filter(is_mutated).map(|mut one| {
        // A subresource: the cluster ignores it here.
        one.document
            .as_object_mut()
            .expect("an object")
            .remove("status");
        one.document
    });
    let returned: Vec<Value> = returned.collect();
    let dir = tempfile::tempdir().expect("a folder");
    cluster::validate(&write(dir.path().to_owned(), &returned)).expect("the types are there")
}

fn documents() -> Option<Vec<Value>> {
    let all = cluster::all()?.iter();
    Some(all.map(|found| found.document.clone()).collect())
}

#[test]
fn manifests_decode_strictly_and_are_valid() {
    let Some(decoded) = documents().and_then(|all| decode(&all)) else {
        return;
    };
    let mut kinds: Vec<&str> = decoded.iter().map(|one| one.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    for one in &decoded {
        assert!(one.errors.is_empty(), "{}: {:?}", one.kind, one.errors);
    }
    let returned = validate_returned(decoded);
    assert!(returned.len() >= 6, "only {} are returned", returned.len());
    for found in returned {
        assert!(
            found.errors.is_empty(),
            "a webhook makes {} of {} invalid: {:?}",
            found.kind(),
            found.file,
            found.errors
        );
    }
}

/// Without them, SpinKube's types write `null`, which its CRD rejects.
#[test]
fn probe_without_headers_is_rejected_after_the_webhook() {
    let Some(mut all) = documents() else {
        return;
    };
    all.retain(|document| document["kind"] == "SpinApp");
    for document in &mut all {
        for probe in ["readiness", "liveness"] {
            let probe = &mut document["spec"]["checks"][probe]["httpGet"];
            let removed = probe
                .as_object_mut()
                .expect("a probe")
                .remove("httpHeaders");
            assert_eq!(removed, Some(Value::Array(Vec::new())));
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let before = cluster::validate(&write(dir.path().to_owned(), &all));
    for found in before.expect("a validator") {
        assert!(found.errors.is_empty(), "no schema finds it");
    }
    let decoded = decode(&all).expect("the types are there");
    for found in validate_returned(decoded) {
        let rejected = |probe: &str| {
            let path = format!("spec.checks.{probe}.httpGet.httpHeaders: None is not of type");
            found.errors.iter().any(|error| error.starts_with(&path))
        };
        assert!(
            rejected("readiness") && rejected("liveness"),
            "{:?}",
            found.errors
        );
    }
}

#[test]
fn unknown_fields_and_impossible_services_are_found() {
    let Some(all) = documents() else {
        return;
    };
    let mut documents = Vec::new();
    for kind in ["SpinApp", "ScaledObject", "ServiceMonitor", "Route"] {
        let document = all.iter().find(|document| document["kind"] == kind);
        let mut document = document.expect("one of this kind").clone();
        document["spec"]["inventedField"] = "x".into();
        documents.push(document);
    }
    let service = |document: &&Value| document["apiVersion"] == "serving.knative.dev/v1";
    let mut service = all.iter().find(service).expect("a Service").clone();
    service["spec"]["template"]["spec"]["containerConcurrency"] = (-1).into();
    documents.push(service);
    let errors: Vec<_> = decode(&documents)
        .expect("the types are there")
        .into_iter()
        .map(|one| one.errors.join("\n"))
        .collect();
    let (service, others) = errors.split_last().expect("errors");
    for error in others {
        assert!(
            error.contains("unknown field \"inventedField\""),
            "{errors:?}"
        );
    }
    assert!(service.contains("containerConcurrency"), "{service}");
}
