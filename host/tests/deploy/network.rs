//! NetworkPolicies: each pod of ours has one, and what it opens is what the pod uses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cluster::{self, Found, text};

/// The labels of a manifest's pods, which Knative and SpinKube derive from its name.
fn pod_labels(found: &Found) -> Option<Value> {
    let name = found.name();
    match (
        text(&found.document["kind"]),
        text(&found.document["apiVersion"]),
    ) {
        // The one that our patch is tried on belongs to a SpinApp.
        ("Deployment", _) if found.file != "patched" => {
            Some(found.document["spec"]["template"]["metadata"]["labels"].clone())
        }
        ("Service", "serving.knative.dev/v1") => {
            Some(json!({ "serving.knative.dev/service": name }))
        }
        ("SpinApp", _) => Some(json!({ "core.spinkube.dev/app-name": name })),
        _ => None,
    }
}

fn selects(policy: &Found, labels: &Value) -> bool {
    let selector = &policy.document["spec"]["podSelector"];
    let exact = selector["matchLabels"].as_object().into_iter().flatten();
    let mut exact = exact.peekable();
    let listed = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    let mut listed = listed.peekable();
    (exact.peek().is_some() || listed.peek().is_some())
        && exact.all(|(key, value)| labels[key] == *value)
        && listed.all(|one| {
            let values = one["values"].as_array().expect("values");
            one["operator"] == "In" && values.contains(&labels[text(&one["key"])])
        })
}

/// The namespaces, or for peers in our own one the pods, that rules name.
fn peers<'a>(policy: &'a Found, direction: &str, side: &str) -> BTreeSet<&'a str> {
    let rules = policy.document["spec"][direction].as_array();
    let mut found = BTreeSet::new();
    for rule in rules.expect("rules") {
        let peers = rule[side].as_array();
        let peers = peers.expect("a rule without peers opens everything");
        assert!(!peers.is_empty(), "no peers open everything");
        for peer in peers {
            let namespace = peer["namespaceSelector"]["matchLabels"].as_object();
            let namespace = namespace.and_then(|labels| labels.values().next());
            found.insert(match namespace {
                Some(name) => text(name),
                None if peer["ipBlock"].is_object() => text(&peer["ipBlock"]["cidr"]),
                None => text(&peer["podSelector"]["matchLabels"]["strimzi.io/cluster"]),
            });
        }
    }
    found
}

#[test]
fn each_pod_has_a_policy_for_both_directions() {
    let Some(all) = cluster::all() else {
        return;
    };
    let mut pods = 0;
    for found in all {
        let Some(labels) = pod_labels(found) else {
            continue;
        };
        let beside = all.iter().filter(|other| other.file == found.file);
        let mut policies =
            beside.filter(|other| other.is("NetworkPolicy") && selects(other, &labels));
        let policy = policies.next();
        let policy = policy.unwrap_or_else(|| panic!("{} of {}", found.name(), found.file));
        let types = &policy.document["spec"]["policyTypes"];
        assert_eq!(*types, json!(["Ingress", "Egress"]), "{}", found.file);
        assert!(policies.next().is_none(), "policies add up");
        pods += 1;
    }
    assert_eq!(
        pods, 9,
        "function and display, plain and Knative; SpinApps; the page; the DICOM node"
    );
}

#[test]
fn policies_open_what_the_pods_use() {
    let Some(all) = cluster::all() else {
        return;
    };
    let (dns, store) = ("openshift-dns", "openshift-storage");
    let eventing = "knative-eventing";
    let expected: [(&str, &str, &[&str], &[&str]); 7] = [
        (
            "page",
            "xray-page",
            &["ingress", "openshift-user-workload-monitoring"],
            &[dns, store],
        ),
        (
            "overlays-openshift",
            "xray",
            &["ingress", "openshift-user-workload-monitoring"],
            &[dns, store, "kafka"],
        ),
        (
            "overlays-knative",
            "xray",
            &["knative-serving", "knative-serving-ingress", eventing],
            &[dns, store],
        ),
        (
            "overlays-knative",
            "logevents",
            &["knative-serving", "knative-serving-ingress", eventing],
            &[],
        ),
        (
            "dicom-node",
            "xray-dicom-node",
            &["192.0.2.0/24"],
            &[dns, store],
        ),
        // The host pulls the app itself; with the shim, the node does.
        (
            "overlays-spinkube-image",
            "xray",
            &[eventing],
            &[dns, "kube-system", store, "192.0.2.0/24"],
        ),
        (
            "overlays-spinkube-shim",
            "xray",
            &[eventing],
            &[dns, "kube-system", store],
        ),
    ];
    for (file, name, ingress, egress) in expected {
        let policy = all
            .iter()
            .find(|found| found.is("NetworkPolicy") && found.file == file && found.name() == name);
        let policy = policy.unwrap_or_else(|| panic!("no policy {name} in {file}"));
        let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(peers(policy, "ingress", "from"), set(ingress), "{file}");
        assert_eq!(peers(policy, "egress", "to"), set(egress), "{file}");
    }
}
