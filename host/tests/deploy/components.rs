//! The optional components, on the overlay that they are for.

use std::fs;

use testkit::root;

use serde_json::Value;

use crate::cluster::{self, Found, text};

/// The function's own objects in the overlay with a component.
struct With(Vec<Found>);

impl With {
    /// Renders and validates them; `None` without the tools.
    fn component(name: &str) -> Option<With> {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        // kustomize takes relative paths only.
        let here = dir.path().canonicalize().expect("a path");
        let up = "../".repeat(here.components().count() - 1);
        let deploy = root().join("deploy").canonicalize().expect("a path");
        let deploy = format!(
            "{up}{}",
            deploy.display().to_string().trim_start_matches('/')
        );
        let kustomization = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         resources: [{deploy}/overlays/openshift]\ncomponents: [{deploy}/components/{name}]\n"
        );
        fs::write(here.join("kustomization.yaml"), kustomization).expect("a file");
        let rendered = cluster::render(&here)?;
        let file = here.join("all.yaml");
        fs::write(&file, rendered).expect("a file");
        let all = cluster::validate(&[file])?;
        for found in &all {
            assert!(
                found.errors.is_empty(),
                "{}: {:?}",
                found.name(),
                found.errors
            );
        }
        Some(With(all))
    }

    fn one(&self, kind: &str) -> &Found {
        let mut own = self
            .0
            .iter()
            .filter(|found| found.is(kind) && found.name() == "xray");
        own.next().expect("the function's own")
    }

    fn variable(&self, name: &str) -> Value {
        let env = self.one("Deployment").containers()[0]["env"].clone();
        let own = env.as_array().expect("variables").iter();
        let mut own = own.filter(|own| own["name"] == name);
        own.next().unwrap_or_else(|| panic!("no {name}")).clone()
    }

    /// Returns the last way out.
    fn egress(&self) -> &Value {
        let rules = self.one("NetworkPolicy").document["spec"]["egress"].as_array();
        rules.expect("rules").last().expect("a way out")
    }
}

#[test]
fn traces_component_sets_the_collector_and_opens_the_way_to_it() {
    let Some(with) = With::component("traces") else {
        return;
    };
    let endpoint = with.variable("OTEL_EXPORTER_OTLP_ENDPOINT")["value"].clone();
    let host = text(&endpoint).strip_prefix("http://").expect("an address");
    let (host, port) = host.split_once(':').expect("a port");
    assert!(with.variable("SPIN_VARIABLE_S3_ACCESS_KEY")["valueFrom"].is_object());
    let rule = with.egress();
    let namespace = &rule["to"][0]["namespaceSelector"]["matchLabels"];
    let namespace = text(&namespace["kubernetes.io/metadata.name"]);
    assert!(host.contains(&format!(".{namespace}.")), "{host}");
    assert_eq!(rule["ports"][0]["port"].to_string(), port);
}

#[test]
fn dicomweb_component_sets_the_archive_and_opens_the_way_to_it() {
    let Some(with) = With::component("dicomweb") else {
        return;
    };
    let value = |name: &str| with.variable(name)["value"].clone();
    let (url, host) = (
        value("SPIN_VARIABLE_DICOMWEB_URL"),
        value("SPIN_VARIABLE_DICOMWEB_HOST"),
    );
    let path = text(&url)
        .strip_prefix(text(&host))
        .expect("the same origin");
    assert!(path.starts_with('/'), "{path}");
    assert!(with.variable("SPIN_VARIABLE_DICOMWEB_CREDENTIALS")["valueFrom"].is_object());
    assert!(with.variable("SPIN_VARIABLE_S3_ACCESS_KEY")["valueFrom"].is_object());
    let port = with.egress()["ports"][0]["port"].to_string();
    assert!(text(&host).ends_with(&format!(":{port}")), "{host}");
}
