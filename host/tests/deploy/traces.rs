//! The component with the collector of traces, on the overlay that it is for.

use crate::cluster::{self, Found, text};

#[test]
fn traces_component_sets_the_collector_and_opens_the_way_to_it() {
    let Some(all) = cluster::with_component("overlays/openshift", "traces") else {
        return;
    };
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
