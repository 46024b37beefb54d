use super::*;

const GOOD: &str = r#"
spin_manifest_version = 2
[application]
name = "xray"
version = "0.1.0"
authors = ["a"]
[application.trigger.http]
base = "/api"
[application.trigger.kafka]
brokers = "x"
[variables]
key = { required = true, secret = true }
region = { default = "us-east-1" }
[[trigger.http]]
route = "/..."
component = "xray"
executor = { type = "spin" }
[component.xray]
source = "target/xray.wasm"
files = ["a/*.txt", { source = "models", destination = "/models" }]
allowed_outbound_hosts = ["{{ key }}"]
dependencies_inherit_configuration = true
key_value_stores = []
[component.xray.dependencies]
"wasi:nn@0.2.0-rc-2024-10-28" = { path = "nn.wasm" }
[component.xray.variables]
region = "{{ region }}"
[component.xray.build]
command = "cargo build"
watch = ["src"]
"#;

fn parse(text: &str) -> Result<Manifest> {
    Manifest::parse(text, Path::new("/app"))
}

#[test]
fn manifest_is_parsed() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!(
        (manifest.name.as_str(), manifest.base.as_str()),
        ("xray", "/api")
    );
    assert_eq!(manifest.routes[0].route, "/...");
    assert!(manifest.variables["key"].secret && manifest.variables["key"].default.is_none());
    let component = &manifest.components["xray"];
    assert_eq!(component.source, Path::new("/app/target/xray.wasm"));
    let placed = FileMount::Placed {
        source: "models".into(),
        destination: "/models".into(),
    };
    assert_eq!(
        component.files,
        [FileMount::Pattern("a/*.txt".into()), placed]
    );
}

#[test]
fn manifest_of_this_repository_is_parsed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if root.join("spin.toml").exists() {
        let manifest = Manifest::load(&root).unwrap();
        assert!(manifest.variables["s3_secret_key"].secret);
    }
}

/// Each error names the problem and its place.
#[test]
fn unsupported_keys_are_named_in_errors() {
    let cases = [
        (
            "[application]",
            "surprise = 1\n[application]",
            &["surprise"][..],
        ),
        ("authors =", "author =", &["author", "line 6"]),
        ("source = \"t", "sauce = 1\nsource = \"t", &["sauce"]),
        ("secret = true }", "hidden = true }", &["hidden"]),
        ("route =", "rout =", &["rout"]),
        (
            "[[trigger.http]]",
            "[[trigger.redis]]\n[[trigger.http]]",
            &["redis"],
        ),
        ("version = 2", "version = 1", &["spin_manifest_version 1"]),
        (
            "base = \"/api\"",
            "bass = 1",
            &["bass", "application.trigger.http"],
        ),
        ("component = \"xray\"", "component = \"other\"", &["other"]),
        (
            "component = \"xray\"",
            "component = { source = \"x\" }",
            &["trigger.http #1"],
        ),
        ("type = \"spin\"", "type = \"wagi\"", &["wagi"]),
        (
            "route = \"/...\"",
            "route = { private = true }",
            &["private"],
        ),
        (
            "key_value_stores = []",
            "key_value_stores = [\"default\"]",
            &["key_value_stores", "component.xray"],
        ),
        (
            "key_value_stores = []",
            "sqlite_databases = [\"default\"]",
            &["sqlite_databases"],
        ),
        (
            "key_value_stores = []",
            "ai_models = [\"llama\"]",
            &["ai_models"],
        ),
        (
            "key_value_stores = []",
            "allowed_http_hosts = [\"x\"]",
            &["allowed_http_hosts"],
        ),
        ("\"wasi:nn@0.2.0-rc-2024-10-28\"", "\"a:b/c\"", &["a:b/c"]),
        (
            "source = \"target/xray.wasm\"",
            "source = { url = \"x\" }",
            &["source"],
        ),
        (
            "destination = \"/models\"",
            "dest = \"/models\"",
            &["dest", "files"],
        ),
        (
            "destination = \"/models\"",
            "destination = \"models\"",
            &["absolute"],
        ),
        ("required = true,", "", &["variables.key"]),
        (
            "default = \"us-east-1\"",
            "default = \"x\", required = true",
            &["variables.region"],
        ),
    ];
    for (from, to, said) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = format!("{:#}", parse(&GOOD.replacen(from, to, 1)).unwrap_err());
        assert!(
            said.iter().all(|word| error.contains(word)),
            "{to}: {error}"
        );
    }
}

#[test]
fn retain_keeps_the_named_components() {
    let mut manifest = parse(GOOD).unwrap();
    assert!(manifest.retain(&["xray".to_owned()]).is_ok());
    assert!(
        manifest
            .retain(&["other".to_owned()])
            .unwrap_err()
            .to_string()
            .contains("other")
    );
}
