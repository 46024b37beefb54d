use super::*;

fn args(url: &str) -> PushArgs {
    PushArgs {
        push: Some(url.to_owned()),
        ..PushArgs::default()
    }
}

#[test]
fn push_rejects_endpoints_that_a_gateway_never_delivers_to() {
    let check = |args: PushArgs, says: &str| {
        let error = args.with_password(None).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    };
    check(args("localhost:9092"), "not `localhost`");
    check(args("nats://host"), "not `nats`");
    check(args("kafka://"), "no host");
    check(args("kafka://host:9092/storage"), "--topic");
    check(args("kafka://me:hunter2@host"), "XRAY_PUSH_PASSWORD");
    check(args("amqp://host"), "--exchange");
    let with = |change: fn(&mut PushArgs), url: &str| {
        let mut args = args(url);
        change(&mut args);
        args
    };
    check(with(|a| a.tls = true, "http://host/"), "--tls");
    check(
        with(|a| a.ack = Some("routable".into()), "kafka://host"),
        "routable",
    );
    check(
        with(
            |a| (a.not_persistent, a.max_retries) = (true, Some(3)),
            "http://host/",
        ),
        "persistent topics",
    );
    check(
        with(|a| a.push_user = Some("me".into()), "kafka://host"),
        "XRAY_PUSH_PASSWORD",
    );
}

#[test]
fn flags_become_the_attributes_that_a_gateway_knows() {
    let args = PushArgs {
        tls: true,
        ca_location: Some("/etc/ceph/ca.crt".into()),
        sasl_mechanism: Some("SCRAM-SHA-512".into()),
        push_user: Some("app".into()),
        time_to_live: Some(3600),
        retry_sleep: Some(5),
        opaque_data: "ward 7".into(),
        topic_attribute: vec!["cloudevents=true".into()],
        ..args("kafka://broker:9093")
    };
    let push = args.with_password(Some("p@ss".into())).unwrap().unwrap();
    let expected = [
        ("push-endpoint", "kafka://app:p%40ss@broker:9093"),
        ("persistent", "true"),
        ("OpaqueData", "ward 7"),
        ("kafka-ack-level", "broker"),
        ("use-ssl", "true"),
        ("ca-location", "/etc/ceph/ca.crt"),
        ("mechanism", "SCRAM-SHA-512"),
        ("time_to_live", "3600"),
        ("retry_sleep_duration", "5"),
        ("cloudevents", "true"),
    ];
    let expected: Vec<_> = expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    assert_eq!(push.attributes(), expected);
    assert!(!format!("{push:?}").contains("p%40ss"));
    assert!(push.has_secret() && push.shown_address() == "kafka://broker:9093");
}
