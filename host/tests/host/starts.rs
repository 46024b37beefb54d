//! Invalid applications do not start, and precompiled ones start fast.

use xray_host::{app::manifest::Manifest, serve::runtime::Options};

use crate::{
    guests, support,
    support::{counted, get, options, start, try_start},
};

#[tokio::test]
async fn a_start_that_cannot_work_says_what_is_wrong() {
    let fails = |components: Vec<(&'static str, String)>,
                 values: &'static [(&str, &str)],
                 edit: fn(&str) -> String| async move {
        let texts: Vec<_> = components
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let app = support::app(&texts);
        let path = app.path().join("spin.toml");
        std::fs::write(&path, edit(&std::fs::read_to_string(&path).unwrap())).unwrap();
        let manifest = Manifest::load(app.path()).unwrap();
        let result = try_start(manifest, values, options()).await;
        format!("{:#}", result.err().expect("this must not start"))
    };
    let trap = || vec![("trap", guests::trap())];
    let ok = &[("token", "s3cret")];
    let said = fails(trap(), &[], str::to_owned).await;
    assert!(
        said.contains("token") && said.contains("SPIN_VARIABLE_TOKEN"),
        "{said}"
    );
    let said = fails(vec![("a", guests::stranger())], ok, str::to_owned).await;
    assert!(
        said.contains("component a")
            && said.contains(
                "imports somebody:else/thing@1.0.0, fermyon:spin/key-value@2.0.0, which this host lacks"
            ),
        "{said}"
    );
    let said = fails(trap(), ok, |text| text.replace("trap.wasm", "other.wasm")).await;
    assert!(said.contains("other.wasm"), "{said}");
    let said = fails(trap(), ok, |text| {
        text.to_owned() + "allowed_outbound_hosts = [\"{{ token }}\"]"
    })
    .await;
    assert!(said.contains("allowed_outbound_hosts"), "{said}");
    let said = fails(trap(), ok, |text| {
        text.to_owned() + "allowed_outbound_hosts = [\"{{ nobody }}\"]"
    })
    .await;
    assert!(said.contains("nobody"), "{said}");
}

#[tokio::test]
async fn a_model_that_is_not_its_contracts_stops_the_start() {
    let app = support::app(&[("trap", &guests::trap())]);
    let folder = app.path().join("models/chest");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("model.onnx"), "weights").unwrap();
    let path = app.path().join("spin.toml");
    let manifest = std::fs::read_to_string(&path).unwrap()
        + "files = [\"models/*/model.onnx\", \"models/*/contract.json\"]";
    std::fs::write(&path, manifest).unwrap();
    for (contract, said) in [
        (None, "no usable contract"),
        (
            Some(format!(r#"{{"model_sha256": "{}"}}"#, "0".repeat(64))),
            "does not match its contract",
        ),
    ] {
        if let Some(contract) = contract {
            std::fs::write(folder.join("contract.json"), contract).unwrap();
        }
        let manifest = Manifest::load(app.path()).unwrap();
        let result = try_start(manifest, &[("token", "t")], options()).await;
        let error = format!("{:#}", result.err().expect("this must not start"));
        assert!(
            error.contains(said) && error.contains("/models/chest/contract.json"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn compiled_code_is_used_again() {
    let state = tempfile::tempdir().unwrap();
    let options = || Options {
        state_dir: Some(state.path().to_owned()),
        ..options()
    };
    for kind in ["miss", "hit"] {
        let (_app, runtime) = start(&[("trap", guests::trap())], options()).await;
        assert!(counted(
            &runtime,
            &format!("xray_aot_cache_total{{kind=\"{kind}\"}} 1")
        ));
        assert_eq!(get(&runtime, "/trap").await.status(), 500);
    }
}
