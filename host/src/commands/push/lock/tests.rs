use super::*;

/// Parts of it are from Spin's own output for such a manifest.
#[test]
fn a_manifest_is_locked_as_spin_does() {
    let text = r#"
        spin_manifest_version = 2
        [application]
        name = "xray-app"
        version = "0.1.0"
        authors = ["A", "B"]
        [application.trigger.kafka]
        brokers = "{{ brokers }}"
        [variables]
        brokers = { default = "127.0.0.1:9092" }
        token = { default = "", secret = true }
        key = { required = true, secret = true, description = "a key" }
        [[trigger.http]]
        route = "/..."
        component = "xray"
        [[trigger.http]]
        id = "second"
        route = "/second"
        component = "xray"
        [[trigger.http]]
        route = "/third"
        component = "xray"
        [[trigger.kafka]]
        topic = "t1"
        component = "xray"
        [component.xray]
        source = "xray.wasm"
        allowed_outbound_hosts = ["http://127.0.0.1:4790"]
        environment = { MAIN_ENV = "1" }
        variables = { brokers = "{{ brokers }}" }
        build.command = "make"
        [component.xray.tool.mine]
        x = 1
    "#;
    let trigger = |id: &str, kind: &str, config: Value| json!({ "id": id, "trigger_type": kind, "trigger_config": config });
    let expected = json!({
        "spin_lock_version": 0,
        "metadata": {
            "name": "xray-app",
            "version": "0.1.0",
            "authors": ["A", "B"],
            "triggers": { "kafka": { "brokers": "{{ brokers }}" } }
        },
        "variables": {
            "brokers": { "default": "127.0.0.1:9092" },
            "token": { "default": "", "secret": true },
            "key": { "description": "a key", "secret": true }
        },
        "triggers": [
            trigger("xray-http-trigger", "http", json!({ "component": "xray", "route": "/..." })),
            trigger("second", "http", json!({ "component": "xray", "route": "/second" })),
            trigger("http-trigger1", "http", json!({ "component": "xray", "route": "/third" })),
            trigger("xray-kafka-trigger", "kafka", json!({ "component": "xray", "topic": "t1" }))
        ],
        "components": [{
            "id": "xray",
            "metadata": { "allowed_outbound_hosts": ["http://127.0.0.1:4790"], "build": { "command": "make" } },
            "source": { "content_type": "application/wasm" },
            "env": { "MAIN_ENV": "1" },
            "config": { "brokers": "{{ brokers }}" }
        }]
    });
    assert_eq!(application(text).unwrap(), expected);
}

#[test]
fn one_type_of_trigger_is_named_for_older_hosts_too() {
    let app = |trigger: &str| {
        let text = format!(
            "spin_manifest_version = 2\napplication.name = \"a\"\n{trigger}\n\
             [component.c]\nsource = \"c.wasm\"\n"
        );
        application(&text).unwrap()["metadata"].clone()
    };
    assert_eq!(
        app("trigger.http = [{ route = \"/\", component = \"c\" }]"),
        json!({ "name": "a", "triggers": {}, "trigger": { "type": "http" } })
    );
    assert_eq!(
        app(
            "trigger.http = [{ route = \"/\", component = \"c\" }]\napplication.trigger.http.base = \"/b\""
        ),
        json!({ "name": "a", "triggers": { "http": { "base": "/b" } }, "trigger": { "base": "/b", "type": "http" } })
    );
}
