//! The optional components, on the overlay that they are for.

use serde_json::Value;

use crate::cluster::{self, Found, text};

/// The function's own objects in the overlay with a component.
struct With(Vec<Found>);

impl With {
    /// Renders and validates them; `None` without the tools.
    fn component(name: &str) -> Option<With> {
        cluster::with_component("overlays/openshift", name).map(With)
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
