use serde_json::json;

use super::*;

/// The locked form that `spin up` 4.0.2 writes for an application with an HTTP and a Kafka trigger.
fn app() -> Value {
    json!({
        "spin_lock_version": 0,
        "metadata": {
            "name": "xray-app",
            "origin": "file:///app/multi.toml",
            "triggers": { "kafka": { "brokers": "127.0.0.1:9092" } },
            "version": "0.1.0"
        },
        "variables": { "greeting": { "default": "hello" }, "key": { "secret": true } },
        "triggers": [
            { "id": "h", "trigger_type": "http", "trigger_config": { "component": "page", "route": "/..." } },
            { "id": "k", "trigger_type": "kafka", "trigger_config": { "component": "xray", "group": "g", "topic": "t1" } }
        ],
        "components": [
            { "id": "page", "source": { "content_type": "application/wasm", "source": "https://elsewhere/page.wasm" } },
            {
                "id": "xray",
                "metadata": { "allowed_outbound_hosts": ["http://127.0.0.1:4790"] },
                "source": { "content_type": "application/wasm", "source": "file:///app/an%20xray.wasm" },
                "env": { "MAIN_ENV": "1" },
                "files": [{ "source": "file:///spinup/assets/xray", "path": "/" }],
                "config": { "greeting": "{{ greeting }}" },
                "dependencies": { "wasi:nn@0.2.0-rc-2024-10-28": {
                    "source": { "content_type": "application/wasm", "source": "file:///app/nn.wasm" },
                    "export": null,
                    "inherit": "All"
                } }
            }
        ]
    })
}

fn read(app: &Value) -> Result<Manifest> {
    let app = App::parse(app.to_string().as_bytes())?;
    app.manifest(Triggers::Kafka, Path::new("/app"), &local)
}

/// Returns the error, with its causes, after a change.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut app = app();
    change(&mut app);
    format!("{:#}", read(&app).unwrap_err())
}

#[test]
fn kafka_triggers_are_selected_with_their_components() {
    let manifest = read(&app()).unwrap();
    assert_eq!(
        (manifest.name.as_str(), manifest.version.as_str()),
        ("xray-app", "0.1.0")
    );
    assert_eq!(manifest.dir, Path::new("/app"));
    let [trigger] = manifest.kafka.as_slice() else {
        panic!("{:?}", manifest.kafka)
    };
    assert_eq!(trigger.component, "xray");
    assert_eq!(manifest.kafka_common["brokers"], "127.0.0.1:9092");
    assert_eq!(trigger.table["topic"], "t1");
    assert!(manifest.routes.is_empty());
    assert_eq!(
        manifest.variables["greeting"].default.as_deref(),
        Some("hello")
    );
    assert!(manifest.variables["key"].secret && manifest.variables["key"].default.is_none());
    assert_eq!(manifest.components.len(), 1);
    let xray = &manifest.components["xray"];
    assert_eq!(xray.source, Path::new("/app/an xray.wasm"));
    let mount = FileMount::Placed {
        source: "/spinup/assets/xray".into(),
        destination: "/".to_owned(),
    };
    assert_eq!(xray.files, [mount]);
    assert_eq!(xray.allowed_outbound_hosts, ["http://127.0.0.1:4790"]);
    assert_eq!(xray.environment["MAIN_ENV"], "1");
    assert_eq!(xray.variables["greeting"], "{{ greeting }}");
    let dependency = |app: &Value| {
        let manifest = read(app).unwrap();
        let [dependency] = manifest.components["xray"].dependencies.as_slice() else {
            panic!("one dependency")
        };
        assert_eq!(dependency.name, "wasi:nn@0.2.0-rc-2024-10-28");
        dependency.source.clone()
    };
    assert_eq!(dependency(&app()), Ok("/app/nn.wasm".into()));
    // A dependency that can't be composed is harmless where the host replaces it.
    for (key, value) in [
        ("inherit", json!({ "Some": [] })),
        ("export", json!("x")),
        ("source", json!({ "digest": "sha256:00" })),
    ] {
        let mut app = app();
        app["components"][1]["dependencies"]["wasi:nn@0.2.0-rc-2024-10-28"][key] = value;
        assert!(dependency(&app).is_err(), "{key}");
    }
}

#[test]
fn unsupported_features_are_named_in_errors() {
    let component = |app: &mut Value, key: &str, value: Value| app["components"][1][key] = value;
    let cases = [
        (
            refused(|app| app["spin_lock_version"] = json!(7)),
            "version 7",
        ),
        (
            refused(|app| app["must_understand"] = json!(["telepathy"])),
            "telepathy",
        ),
        (
            refused(|app| app["host_requirements"] = json!({ "gpu": "required" })),
            "gpu",
        ),
        (
            refused(|app| component(app, "host_requirements", json!({ "gpu": "required" }))),
            "gpu",
        ),
        (
            refused(|app| component(app, "metadata", json!({ "databases": ["default"] }))),
            "sqlite_databases",
        ),
        (
            refused(|app| {
                component(
                    app,
                    "metadata",
                    json!({ "allowed_outbound_hosts": ["http://*.spin.internal"] }),
                )
            }),
            "other components",
        ),
        (
            refused(|app| component(app, "dependencies", json!({ "a:b/c": { "source": {} } }))),
            "a:b/c",
        ),
        (
            refused(|app| {
                component(
                    app,
                    "source",
                    json!({ "content_type": "application/wasm", "inline": "AGFzbQ==" }),
                )
            }),
            "inline",
        ),
        (
            refused(|app| {
                component(
                    app,
                    "source",
                    json!({ "source": "https://elsewhere/x.wasm" }),
                )
            }),
            "https://elsewhere/x.wasm",
        ),
        (
            refused(|app| app["triggers"][1]["trigger_config"]["component"] = json!("other")),
            "other",
        ),
        (
            refused(|app| _ = app["triggers"].as_array_mut().unwrap().pop()),
            "trigger.kafka",
        ),
    ];
    for (error, part) in cases {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
    // Requirements of another trigger's component do not matter here.
    let mut app = app();
    app["host_requirements"] = json!({ "local_service_chaining": "required" });
    app["components"][0]["metadata"] = json!({ "key_value_stores": ["default"] });
    read(&app).unwrap();
}

/// The form that `spin registry push` stores: contents by digest, and only supported triggers.
#[test]
fn http_triggers_are_included_when_all_are_selected() {
    let mut app = app();
    app["metadata"]["triggers"]["http"] = json!({ "base": "/hospital" });
    app["must_understand"] = json!(["component_host_requirements"]);
    app["triggers"][0]["trigger_config"]["executor"] = Value::Null;
    app["components"][0]["source"] =
        json!({ "content_type": "application/wasm", "digest": "page" });
    let find = |content: &Content| match &content.digest {
        Some(digest) => Ok(Path::new("/cache").join(digest)),
        None => local(content),
    };
    let all = |app: &Value| {
        let app = App::parse(app.to_string().as_bytes())?;
        app.manifest(Triggers::All, Path::new("."), &find)
    };
    let manifest = all(&app).unwrap();
    assert_eq!(manifest.base, "/hospital");
    let [route] = manifest.routes.as_slice() else {
        panic!("{:?}", manifest.routes)
    };
    assert_eq!(
        (route.route.as_str(), route.component.as_str()),
        ("/...", "page")
    );
    assert_eq!(manifest.components["page"].source, Path::new("/cache/page"));
    assert_eq!((manifest.kafka.len(), manifest.components.len()), (1, 2));

    for (key, value, part) in [
        ("trigger_type", json!("redis"), "`redis`"),
        (
            "trigger_config",
            json!({ "component": "page", "route": { "private": true } }),
            "private",
        ),
        (
            "trigger_config",
            json!({ "component": "page", "route": "/", "executor": { "type": "wagi" } }),
            "wagi",
        ),
    ] {
        let mut app = app.clone();
        app["triggers"][0][key] = value;
        let error = format!("{:#}", all(&app).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}
