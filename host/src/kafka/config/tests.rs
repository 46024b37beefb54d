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
        "member": "{{ empty }}", "retry_failures": 3, "max_ahead": "500",
    }))
    .unwrap();
    assert_eq!(
        (config.in_flight, config.broker.member.as_deref()),
        (Some(7), None)
    );
    assert_eq!(config.broker.topics, ["a", "b"]);
    assert_eq!(config.options.retry_limit.failures, 3);
    assert_eq!(
        (config.options.max_ahead, config.options.max_waiting),
        (500, 16)
    );
    let own = json!({ "component": "x", "topic": "t", "retry_topic": "t-retries" });
    let config = read(own).unwrap();
    assert_eq!(config.broker.retry_topic.as_deref(), Some("t-retries"));
    assert_eq!(config.options.max_waiting, 100);
}

#[test]
fn security_is_passed_to_the_client() {
    let config = read(json!({
        "component": "xray", "topic": "a", "sasl_mechanism": "scram-sha-512", "username": "app",
        "password": "{{ secret }}", "tls": "true",
    }))
    .unwrap();
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
            json!({ "component": "x", "topics": "t,u", "retry_topic": "r" }),
            "serves one topic",
        ),
        (
            json!({ "component": "x", "topic": "t", "retry_topic": "t-dead-letters" }),
            "a topic of its own",
        ),
        (
            json!({ "component": "x", "topic": "t", "username": "u" }),
            "`sasl_mechanism`",
        ),
        (
            json!({ "component": "x", "topic": "t", "sasl_mechanism": "GSSAPI" }),
            "OAUTHBEARER",
        ),
        (
            json!({ "component": "x", "topic": "t", "sasl_mechanism": "OAUTHBEARER" }),
            "`oauth_token_url`",
        ),
        (
            json!({
                "component": "x", "topic": "t", "sasl_mechanism": "OAUTHBEARER", "username": "u",
            }),
            "`oauth_client_id`",
        ),
        (
            json!({ "component": "x", "topic": "t", "oauth_scope": "kafka" }),
            "OAUTHBEARER",
        ),
        (
            json!({
                "component": "x", "topic": "t", "sasl_mechanism": "OAUTHBEARER",
                "oauth_token_url": "sso.example.org/token", "oauth_client_id": "i",
                "oauth_client_secret": "s",
            }),
            "https://",
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

#[test]
fn access_tokens_need_an_issuer_and_no_error_shows_the_secret() {
    let with_ca = |ca: &str| {
        read(json!({
            "component": "x", "topic": "t", "tls": true, "sasl_mechanism": "oauthbearer",
            "oauth_token_url": "https://sso.example.org/token", "oauth_client_id": "xray",
            "oauth_client_secret": "{{ secret }}", "oauth_ca": ca,
        }))
    };
    let broker = with_ca("").unwrap().broker;
    let client = broker.consumer();
    assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
    assert_eq!(client.get("sasl.mechanism"), Some("OAUTHBEARER"));
    assert!(broker.security.tokens().is_some());
    assert!(!format!("{broker:?}").contains("s3cret"));
    let error =
        with_ca("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").unwrap_err();
    assert!(format!("{error:#}").contains("`oauth_ca`"), "{error:#}");
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
