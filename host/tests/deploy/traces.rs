//! The component with the collector of traces, on the overlay that it is for.

use std::fs;

use testkit::root;

use crate::cluster::{self, Found, text};

#[test]
fn traces_component_sets_the_collector_and_opens_the_way_to_it() {
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
         resources: [{deploy}/overlays/openshift]\ncomponents: [{deploy}/components/traces]\n"
    );
    fs::write(here.join("kustomization.yaml"), kustomization).expect("a file");
    let Some(rendered) = cluster::render(&here) else {
        return;
    };
    let file = here.join("all.yaml");
    fs::write(&file, rendered).expect("a file");
    let Some(all) = cluster::validate(&[file]) else {
        return;
    };
    for found in &all {
        assert!(
            found.errors.is_empty(),
            "{}: {:?}",
            found.name(),
            found.errors
        );
    }
    let one = |kind: &str| {
        let mut own = all
            .iter()
            .filter(|found| found.is(kind) && found.name() == "xray");
        own.next().expect("the function's own")
    };
    let deployment: &Found = one("Deployment");
    let env = deployment.containers()[0]["env"]
        .as_array()
        .expect("variables");
    let value = |name: &str| {
        let own = env.iter().find(|own| own["name"] == name);
        own.unwrap_or_else(|| panic!("no {name}"))
    };
    let endpoint = text(&value("OTEL_EXPORTER_OTLP_ENDPOINT")["value"]);
    let host = endpoint.strip_prefix("http://").expect("an address");
    let (host, port) = host.split_once(':').expect("a port");
    assert!(value("SPIN_VARIABLE_S3_ACCESS_KEY")["valueFrom"].is_object());
    let rules = one("NetworkPolicy").document["spec"]["egress"].as_array();
    let rule = rules
        .expect("rules")
        .last()
        .expect("the way to the collector");
    let namespace = &rule["to"][0]["namespaceSelector"]["matchLabels"];
    let namespace = text(&namespace["kubernetes.io/metadata.name"]);
    assert!(host.contains(&format!(".{namespace}.")), "{host}");
    assert_eq!(rule["ports"][0]["port"].to_string(), port);
}
