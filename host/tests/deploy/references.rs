//! References between manifests: secrets, settings, topics, groups, services and ports exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use testkit::root;

use crate::cluster::{self, Found, text};

/// Annotation of a Service for which OpenShift makes a certificate, in the secret that it names.
const SERVING_CERTIFICATE: &str = "service.beta.openshift.io/serving-cert-secret-name";

/// Calls `each` with every object in `value` and the key that it stands under.
fn walk<'a>(key: &'a str, value: &'a Value, each: &mut impl FnMut(&'a str, &'a Value)) {
    match value {
        Value::Object(fields) => {
            each(key, value);
            for (key, value) in fields {
                walk(key, value, each);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(key, item, each)),
        _ => {}
    }
}

/// The names that manifests of a kind have.
fn names<'a>(all: &'a [Found], kind: &str) -> BTreeSet<&'a str> {
    let of_kind = all.iter().filter(|found| found.is(kind));
    of_kind.map(Found::name).collect()
}

/// Our secrets, those that the guide makes, and those that operators make of our resources, with
/// the keys that are known.
fn secrets(all: &[Found]) -> BTreeMap<String, Option<Vec<String>>> {
    let keys = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    let mut secrets = BTreeMap::new();
    for found in all {
        let (name, spec) = (found.name(), &found.document["spec"]);
        match text(&found.document["kind"]) {
            "Secret" => {
                let data = found.document["stringData"].as_object().expect("data");
                secrets.insert(name.to_owned(), Some(data.keys().cloned().collect()));
            }
            "Service" => {
                let made = &found.document["metadata"]["annotations"][SERVING_CERTIFICATE];
                if let Some(secret) = made.as_str() {
                    secrets.insert(secret.to_owned(), keys(&["tls.crt", "tls.key"]));
                }
            }
            "CephObjectStoreUser" => {
                let secret = format!("rook-ceph-object-user-{}-{name}", text(&spec["store"]));
                secrets.insert(secret, keys(&["AccessKey", "SecretKey", "Endpoint"]));
            }
            "Kafka" => {
                secrets.insert(format!("{name}-cluster-ca-cert"), keys(&["ca.crt"]));
                let prefix = text(&spec["entityOperator"]["userOperator"]["secretPrefix"]);
                for user in names(all, "KafkaUser") {
                    let secret = format!("{prefix}{user}");
                    secrets.insert(secret, keys(&["password", "sasl.jaas.config"]));
                }
            }
            _ => {}
        }
    }
    let guide = std::fs::read_to_string(root().join("docs/openshift.md")).expect("the guide");
    for made in guide.split("create secret generic ").skip(1) {
        let name = made.split_whitespace().next().expect("a name");
        secrets.entry(name.to_owned()).or_insert(None);
    }
    secrets
}

#[test]
fn every_secret_and_setting_is_made_by_somebody() {
    let Some(all) = cluster::all() else {
        return;
    };
    let secrets = secrets(all);
    // OpenShift puts this one into each namespace.
    let mut settings = BTreeMap::from([("openshift-service-ca.crt", vec!["service-ca.crt"])]);
    for found in all.iter().filter(|found| found.is("ConfigMap")) {
        let data = found.document["data"].as_object().expect("data");
        settings.insert(found.name(), data.keys().map(String::as_str).collect());
    }
    let mut seen = 0;
    for found in all {
        let mut secret = |name: &str, key: &str| {
            let keys = secrets.get(name);
            let keys =
                keys.unwrap_or_else(|| panic!("{}: nobody makes the secret {name}", found.file));
            let has = keys
                .as_ref()
                .is_none_or(|keys| keys.iter().any(|k| k == key));
            assert!(has || key.is_empty(), "{}: {name} has no {key}", found.file);
            seen += 1;
        };
        walk("", &found.document, &mut |under, value| {
            let (name, key) = (text(&value["name"]), text(&value["key"]));
            match under {
                "secretKeyRef" | "secretTargetRef" | "userSecretRef" | "passwordSecretRef" => {
                    secret(name, key);
                }
                "secret" if value["ref"].is_object() => secret(text(&value["ref"]["name"]), ""),
                // What may be missing need not be made by anybody.
                "secret" if value["optional"] == true => {}
                "secret" => {
                    // A volume and a part of one spell it in two ways.
                    let name = value["secretName"].as_str().unwrap_or(name);
                    for item in value["items"].as_array().into_iter().flatten() {
                        secret(name, text(&item["key"]));
                    }
                }
                "deploymentConfig" => secret(text(&value["caCertSecret"]), ""),
                "gateway" => secret(text(&value["caBundleRef"]), ""),
                "configMap" | "configMapRef" | "configMapKeyRef" => {
                    let keys = settings.get(name);
                    let keys = keys.unwrap_or_else(|| panic!("there is no ConfigMap {name}"));
                    assert!(key.is_empty() || keys.contains(&key), "{name} has no {key}");
                }
                _ => {}
            }
        });
    }
    assert!(seen > 20, "only {seen} secrets were looked at");
}

/// (user, kind of resource, its name) to what the user may do there.
fn acls(all: &[Found]) -> BTreeMap<(&str, &str, &str), Vec<&str>> {
    let mut acls = BTreeMap::new();
    for user in all.iter().filter(|found| found.is("KafkaUser")) {
        let list = user.document["spec"]["authorization"]["acls"].as_array();
        for acl in list.expect("ACLs") {
            let resource = &acl["resource"];
            let operations = acl["operations"].as_array().expect("operations");
            let key = (
                user.name(),
                text(&resource["type"]),
                text(&resource["name"]),
            );
            acls.insert(key, operations.iter().map(text).collect());
        }
    }
    acls
}

#[test]
fn topics_and_groups_are_there_and_allowed() {
    let Some(all) = cluster::all() else {
        return;
    };
    let (topics, acls) = (names(all, "KafkaTopic"), acls(all));
    let may = |user: &str, kind: &str, name: &str, operation: &str| {
        let is_there = kind == "group" || topics.contains(name);
        assert!(is_there, "there is no topic {name}");
        let allowed = acls.get(&(user, kind, name));
        let allowed = allowed.is_some_and(|operations| operations.contains(&operation));
        assert!(allowed, "{user} may not {operation} the {kind} {name}");
    };
    for found in all {
        let spec = &found.document["spec"];
        match text(&found.document["kind"]) {
            "KafkaSource" => {
                for topic in spec["topics"].as_array().expect("topics") {
                    may("xray", "topic", text(topic), "Read");
                }
                may("xray", "group", text(&spec["consumerGroup"]), "Read");
            }
            "KafkaSink" => may("xray", "topic", text(&spec["topic"]), "Write"),
            "CephBucketTopic" => may("rgw", "topic", found.name(), "Write"),
            "ScaledObject" => {
                for trigger in spec["triggers"].as_array().expect("triggers") {
                    let trigger = &trigger["metadata"];
                    may("xray", "topic", text(&trigger["topic"]), "Describe");
                    may("xray", "group", text(&trigger["consumerGroup"]), "Describe");
                }
            }
            "Deployment" => {
                for argument in found
                    .containers()
                    .iter()
                    .flat_map(|c| c["args"].as_array())
                    .flatten()
                {
                    match text(argument).split_once('=') {
                        Some(("--topic", topic)) => may("xray", "topic", topic, "Read"),
                        Some(("--group", group)) => may("xray", "group", group, "Read"),
                        Some(("--dead-letter-topic", topic)) => {
                            may("xray", "topic", topic, "Write")
                        }
                        Some(("--retry-topic", topic)) => {
                            // Its offsets are committed, which takes the right to read.
                            may("xray", "topic", topic, "Read");
                            may("xray", "topic", topic, "Write");
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // Least: nobody may do more than is used.
    let all_operations: BTreeSet<_> = acls.values().flatten().copied().collect();
    assert_eq!(
        all_operations,
        BTreeSet::from(["Describe", "Read", "Write"])
    );
}

#[test]
fn services_ports_and_sinks_meet() {
    let Some(all) = cluster::all() else {
        return;
    };
    for found in all {
        let spec = &found.document["spec"];
        let beside = || all.iter().filter(|other| other.file == found.file);
        let is_there = |kind: &str, name: &str| beside().any(|o| o.is(kind) && o.name() == name);
        match (
            text(&found.document["kind"]),
            text(&found.document["apiVersion"]),
        ) {
            ("Service", "v1") => {
                let pods = beside().find(|other| {
                    other.is("Deployment")
                        && other.document["spec"]["template"]["metadata"]["labels"]
                            == spec["selector"]
                });
                let container = &pods.expect("pods").containers()[0];
                let ports = container["ports"].as_array().expect("ports");
                for port in spec["ports"].as_array().expect("ports") {
                    let named = ports.iter().any(|p| p["name"] == port["targetPort"]);
                    assert!(named, "no container has {}", port["targetPort"]);
                }
            }
            ("Route", _) => assert!(is_there("Service", text(&spec["to"]["name"]))),
            ("ScaledObject", _) => {
                assert!(is_there(
                    "Deployment",
                    text(&spec["scaleTargetRef"]["name"])
                ));
                let login = text(&spec["triggers"][0]["authenticationRef"]["name"]);
                assert!(is_there("TriggerAuthentication", login));
            }
            ("SpinApp", _) if found.file != "spinkube" => {
                assert!(is_there("SpinAppExecutor", text(&spec["executor"])));
            }
            ("KafkaSource", _) => {
                let sink = &spec["sink"]["ref"];
                // SpinKube's operator makes the Service.
                let kind = if sink["apiVersion"] == "v1" {
                    "SpinApp"
                } else {
                    text(&sink["kind"])
                };
                assert!(
                    is_there(kind, text(&sink["name"])),
                    "{sink} of {}",
                    found.file
                );
                let dead = &spec["delivery"]["deadLetterSink"]["ref"];
                assert!(dead.is_null() || is_there(text(&dead["kind"]), text(&dead["name"])));
            }
            _ => {}
        }
    }
}
