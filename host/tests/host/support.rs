//! Applications, runtimes and the model that the tests run.

use bytes::Bytes;
use http::{Request, Response};
use testkit::{missing, root};
use xray_host::{
    app::{
        manifest::Manifest,
        variables::{Sources, Variables},
    },
    nn::choose::Choice,
    serve::runtime::{Options, Runtime},
};

/// The repository's first model: its bytes and its contract.
pub fn model() -> Option<(Vec<u8>, serde_json::Value)> {
    let folder = root().join("models/pneumonia");
    let model = std::fs::read(folder.join("model.onnx")).ok();
    let contract = std::fs::read_to_string(folder.join("contract.json")).ok();
    if model.is_none() || contract.is_none() {
        missing("models/pneumonia", "it belongs to the repository");
    }
    Some((
        model?,
        serde_json::from_str(&contract?).expect("the contract is JSON"),
    ))
}

/// A folder with a manifest for components given as text, each at `/<name>/...`, and one variable.
pub fn app(components: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut manifest = String::from(
        "spin_manifest_version = 2\n[application]\nname = \"test\"\n\
         [variables]\ntoken = { required = true, secret = true }\n",
    );
    for (name, text) in components {
        let wasm = wat::parse_str(text).expect("the component's text is right");
        std::fs::write(dir.path().join(format!("{name}.wasm")), wasm).expect("a file");
        manifest += &format!(
            "[[trigger.http]]\nroute = \"/{name}/...\"\ncomponent = \"{name}\"\n\
             [component.{name}]\nsource = \"{name}.wasm\"\n"
        );
    }
    std::fs::write(dir.path().join("spin.toml"), manifest).expect("a file");
    dir
}

/// Settings that need nothing of the machine.
pub fn options() -> Options {
    Options {
        nn: Choice::Embedded,
        quiet: true,
        sessions: 1,
        ..Options::default()
    }
}

/// A runtime with these values of variables and nothing from the environment.
pub async fn try_start(
    manifest: Manifest,
    values: &[(&str, &str)],
    options: Options,
) -> anyhow::Result<Runtime> {
    let explicit = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let sources = Sources {
        explicit,
        ..Sources::default()
    };
    let variables = Variables::resolve(&manifest.variables, &sources)?;
    Runtime::start(manifest, variables, options).await
}

/// A runtime of components given as text. The folder goes when it is dropped.
pub async fn start(
    components: &[(&str, String)],
    options: Options,
) -> (tempfile::TempDir, Runtime) {
    let texts: Vec<_> = components
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let app = app(&texts);
    let manifest = Manifest::load(app.path()).unwrap();
    let runtime = try_start(manifest, &[("token", "t")], options)
        .await
        .unwrap();
    (app, runtime)
}

/// `GET path`.
pub async fn get(runtime: &Runtime, path: &str) -> Response<Bytes> {
    runtime
        .call(Request::get(path).body(Bytes::new()).unwrap())
        .await
}

/// Whether the metrics hold this line.
pub fn counted(runtime: &Runtime, line: &str) -> bool {
    runtime
        .metrics()
        .render((0, 0))
        .lines()
        .any(|own| own == line)
}
