use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::app::variables::{Sources, VariableDecl};

fn variables() -> Variables {
    let declared = [
        ("brokers", "b1:9092"),
        ("secret", "s3cret"),
        ("flight", "7"),
        ("empty", ""),
    ];
    let declared: BTreeMap<_, _> = declared
        .into_iter()
        .map(|(name, value)| {
            let default = Some(value.to_owned());
            (
                name.to_owned(),
                VariableDecl {
                    default,
                    secret: false,
                },
            )
        })
        .collect();
    Variables::resolve(&declared, &Sources::default()).unwrap()
}

fn read(table: Value) -> Result<Config> {
    let Value::Object(own) = table else {
        panic!("a table")
    };
    let common = json!({ "brokers": "{{ brokers }}" });
    Config::read(&merge(common.as_object().unwrap(), &own)?, &variables())
}

#[test]
fn config_has_defaults_and_expands_templates() {
    let config = read(json!({ "component": "xray", "topic": "storage" })).unwrap();
    let broker = &config.broker;
    assert_eq!(
        (broker.brokers.as_str(), broker.group.as_str()),
        ("b1:9092", "xray")
    );
    assert_eq!(broker.dead_letter_topic, "storage-dead-letters");
    assert_eq!(
        (broker.start, config.in_flight),
        (StartOffset::Earliest, None)
    );
    assert_eq!(config.options.group, "xray");

    let config = read(json!({
        "component": "xray", "topics": ["a", "b"], "in_flight": "{{ flight }}", "start": "latest",
        "member": "{{ empty }}", "sasl_mechanism": "scram-sha-512", "username": "app",
        "password": "{{ secret }}", "tls": "true", "retry_failures": 3,
    }))
    .unwrap();
    assert_eq!(
        (config.in_flight, config.broker.member.as_deref()),
        (Some(7), None)
    );
    assert_eq!(config.broker.topics, ["a", "b"]);
    assert_eq!(config.options.retry_limit.failures, 3);
    let client = config.broker.consumer();
    assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
    assert_eq!(client.get("sasl.password"), Some("s3cret"));
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn config_errors_name_the_key() {
    let cases = [
        (json!({ "component": "x" }), "`topic` is missing"),
        (json!({ "topic": "t" }), "`component` is missing"),
        (
            json!({ "component": "x", "topic": "t", "tpoic": "t" }),
            "`tpoic`",
        ),
        (
            json!({ "component": "x", "topic": "{{ nothing }}" }),
            "`nothing`",
        ),
        (
            json!({ "component": "x", "topic": "t", "in_flight": -1 }),
            "in_flight: must be",
        ),
        (
            json!({ "component": "x", "topic": "t", "commit_ms": 9 }),
            "commit_ms: must be",
        ),
        (json!({ "component": "x", "topic": 7 }), "topic: must be"),
        (
            json!({ "component": "x", "topic": "t", "start": "now" }),
            "earliest, latest",
        ),
        (
            json!({ "component": "x", "topic": "t", "dead_letter_topic": "t" }),
            "for ever",
        ),
        (
            json!({ "component": "x", "topic": "t", "username": "u" }),
            "`sasl_mechanism`",
        ),
        (
            json!({ "component": "x", "topic": "t", "sasl_mechanism": "OAUTHBEARER" }),
            "SCRAM-SHA-512",
        ),
        (
            json!({ "component": "x", "topic": "t", "ca": "/nowhere/ca.pem" }),
            "/nowhere/ca.pem",
        ),
        (
            json!({ "component": "x", "topic": "t", "certificate": "-----BEGIN" }),
            "`private_key`",
        ),
        (
            json!({ "component": "x", "topic": "t", "tls": "maybe" }),
            "tls: must be",
        ),
    ];
    for (table, expected) in cases {
        let error = format!("{:#}", read(table).unwrap_err());
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let common = json!({ "topic": "t" });
    let error = merge(common.as_object().unwrap(), &Map::new()).unwrap_err();
    assert!(error.to_string().contains("[[trigger.kafka]]"));
}

/// The client rejects properties that it does not know or that do not go together.
#[test]
fn client_accepts_the_properties() {
    for protocol in ["classic", "consumer"] {
        let table = json!({
            "component": "x", "topic": "t", "protocol": protocol, "member": "m", "rack": "r",
            "tls": true, "sasl_mechanism": "PLAIN", "username": "u", "password": "p",
        });
        let broker = read(table).unwrap().broker;
        for client in [broker.consumer(), broker.producer()] {
            client.create_native_config().unwrap();
        }
        let _: rdkafka::consumer::BaseConsumer = broker.consumer().create().unwrap();
    }
}
