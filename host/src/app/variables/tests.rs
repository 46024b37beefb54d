use super::*;

fn declared() -> BTreeMap<String, VariableDecl> {
    let decl = |default: Option<&str>| VariableDecl {
        default: default.map(str::to_owned),
        secret: true,
    };
    BTreeMap::from([
        ("xray_test_a".to_owned(), decl(None)),
        ("xray_test_b".to_owned(), decl(Some("default"))),
    ])
}

fn folder(dotenv: &str, runtime: &str) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(".env"), dotenv).unwrap();
    std::fs::write(dir.path().join("runtime.toml"), runtime).unwrap();
    let sources = Sources {
        dir: dir.path().to_owned(),
        environment: true,
        ..Sources::default()
    };
    (dir, sources)
}

/// A test can't safely set the environment of its process, so `.env` takes its place here; the
/// end-to-end tests set the real one.
#[test]
fn sources_have_spins_precedence() {
    let runtime =
        "[[variables_provider]]\ntype = \"static\"\nvalues = { xray_test_a = \"runtime\" }";
    let (dir, mut sources) = folder("SPIN_VARIABLE_XRAY_TEST_A=dotenv\nOTHER=1", runtime);
    let value = |sources: &Sources| {
        let variables = Variables::resolve(&declared(), sources).unwrap();
        (
            variables.get("xray_test_a").unwrap().to_owned(),
            variables.get("xray_test_b").unwrap().to_owned(),
        )
    };
    assert_eq!(value(&sources), ("dotenv".into(), "default".into()));
    sources.runtime_config = Some(dir.path().join("runtime.toml"));
    assert_eq!(value(&sources), ("runtime".into(), "default".into()));
    sources.explicit = BTreeMap::from([("xray_test_a".into(), "explicit".into())]);
    assert_eq!(value(&sources), ("explicit".into(), "default".into()));
}

#[test]
fn missing_or_undeclared_variable_is_named() {
    let (_dir, mut sources) = folder("", "");
    let error = Variables::resolve(&declared(), &sources)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("xray_test_a") && error.contains("SPIN_VARIABLE_XRAY_TEST_A"),
        "{error}"
    );
    sources.explicit = BTreeMap::from([("typo".into(), "s3cret".into())]);
    let error = Variables::resolve(&declared(), &sources)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("typo") && !error.contains("s3cret"),
        "{error}"
    );
}

#[test]
fn components_see_only_their_own_variables() {
    let (_dir, mut sources) = folder("", "");
    sources.explicit = BTreeMap::from([("xray_test_a".into(), "s3cret".into())]);
    let variables = Variables::resolve(&declared(), &sources).unwrap();
    let templates = BTreeMap::from([("key".to_owned(), "<{{ xray_test_a }}>".to_owned())]);
    let own = variables.for_component(&templates).unwrap();
    assert_eq!(own.get("key"), Some("<s3cret>"));
    assert_eq!(own.get("xray_test_a"), None);
    assert!(!format!("{variables:?} {own:?}").contains("s3cret"));
    let bad = BTreeMap::from([("key".to_owned(), "{{ nobody }}".to_owned())]);
    assert!(format!("{:#}", variables.for_component(&bad).unwrap_err()).contains("nobody"));
}

#[test]
fn arguments_hold_values_or_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let arguments = [
        "a=1=2".to_owned(),
        "b=".to_owned(),
        format!("c=@{}", path("c", "from file")),
        format!("@{}", path("d.json", r#"{"d": "json"}"#)),
        format!("@{}", path("e.toml", "e = \"toml\"")),
    ];
    let values: Vec<_> = parse_explicit(&arguments).unwrap().into_values().collect();
    assert_eq!(values, ["1=2", "", "from file", "json", "toml"]);
    let error = format!("{:#}", parse_explicit(&["s3cret".into()]).unwrap_err());
    assert!(!error.contains("s3cret"));
}
