//! All manifests as kustomize renders them, each with what the validator says of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{missing, root};

/// A manifest and its validation.
#[derive(Debug, Clone, Deserialize)]
pub struct Found {
    /// Folder it was rendered from, as a file name.
    pub file: String,
    pub document: Value,
    /// Source of its kind's schema.
    pub source: Option<String>,
    pub errors: Vec<String>,
    /// The objects in it in which an invented field is an error.
    pub caught: Vec<String>,
    /// Objects in which it is not caught.
    pub open: Vec<String>,
}

impl Found {
    /// API version and kind.
    pub fn kind(&self) -> String {
        format!(
            "{} {}",
            text(&self.document["apiVersion"]),
            text(&self.document["kind"])
        )
    }

    pub fn is(&self, kind: &str) -> bool {
        self.document["kind"] == kind
    }

    pub fn name(&self) -> &str {
        text(&self.document["metadata"]["name"])
    }

    /// The containers of a Deployment or of a Knative Service.
    pub fn containers(&self) -> &[Value] {
        let containers = &self.document["spec"]["template"]["spec"]["containers"];
        containers.as_array().map_or(&[], Vec::as_slice)
    }
}

/// Returns the text of a value, or an empty one for other types.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the folder of the validator's schemas, or nothing if they can't be downloaded.
pub fn fetched() -> Option<&'static Path> {
    static FETCHED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let get = || {
        let output = Command::new(root().join("tests/deploy/fetch")).output();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            missing(
                "what validates manifests",
                "run tests/deploy/fetch with Python's pip and Go installed",
            );
            return None;
        };
        let printed = String::from_utf8(output.stdout).expect("a path");
        Some(PathBuf::from(printed.trim()))
    };
    FETCHED.get_or_init(get).as_deref()
}

/// Validates files.
pub fn validate(files: &[PathBuf]) -> Option<Vec<Found>> {
    let output = Command::new(root().join("tests/deploy/validate"))
        .arg(fetched()?)
        .args(files)
        .output()
        .expect("the validator runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).expect("its findings"))
}

/// Renders a folder with kustomize.
pub fn render(folder: &Path) -> Option<Vec<u8>> {
    let own = fetched()?.join("kustomize");
    let ways: [(&Path, &[&str]); 3] = [
        (Path::new("kustomize"), &["build"]),
        (Path::new("kubectl"), &["kustomize"]),
        (&own, &["build"]),
    ];
    for (program, arguments) in ways {
        let Ok(output) = Command::new(program).args(arguments).arg(folder).output() else {
            continue;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", folder.display());
        // Deprecated fields are said there.
        assert!(said.is_empty(), "{}: {said}", folder.display());
        return Some(output.stdout);
    }
    missing(
        "kustomize",
        "install it or kubectl, or remove the folder that tests/deploy/fetch prints and run it again",
    );
    None
}

/// The folders of `deploy/` that can be applied, relative to it.
pub fn folders() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let deploy = root().join("deploy");
    let mut open = vec![deploy.clone()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        open.extend(paths.filter(|path| path.is_dir()));
        let text = fs::read_to_string(folder.join("kustomization.yaml")).unwrap_or_default();
        if text.contains("kind: Kustomization") {
            found.push(folder.strip_prefix(&deploy).expect("below").to_owned());
        }
    }
    found.sort();
    found
}

/// Every manifest that we have.
pub fn all() -> Option<&'static [Found]> {
    static ALL: OnceLock<Option<Vec<Found>>> = OnceLock::new();
    ALL.get_or_init(load).as_deref()
}

/// Returns what a folder makes together with a component; all of it is valid.
pub fn with_component(folder: &str, component: &str) -> Option<Vec<Found>> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    // kustomize takes relative paths only.
    let here = dir.path().canonicalize().expect("a path");
    let up = "../".repeat(here.components().count() - 1);
    let deploy = root().join("deploy").canonicalize().expect("a path");
    let deploy = format!(
        "{up}{}",
        deploy.display().to_string().trim_start_matches('/')
    );
    let kustomization = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         resources: [{deploy}/{folder}]\ncomponents: [{deploy}/components/{component}]\n"
    );
    fs::write(here.join("kustomization.yaml"), kustomization).expect("a file");
    let file = here.join("all.yaml");
    fs::write(&file, render(&here)?).expect("a file");
    let all = validate(&[file])?;
    for found in &all {
        let (name, errors) = (found.name(), &found.errors);
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    Some(all)
}

fn load() -> Option<Vec<Found>> {
    let dir = tempfile::tempdir().expect("a folder");
    let mut files = vec![root().join("deploy/secret.example.yaml")];
    for folder in folders() {
        let name = folder.display().to_string().replace('/', "-");
        let file = dir.path().join(format!("{name}.yaml"));
        fs::write(&file, render(&root().join("deploy").join(folder))?).expect("a file");
        files.push(file);
    }
    files.push(patched(dir.path())?);
    let found = validate(&files)?;
    let short = |mut one: Found| {
        let name = Path::new(&one.file).file_stem().expect("a name");
        one.file = name.to_string_lossy().into_owned();
        one
    };
    Some(found.into_iter().map(short).collect())
}

/// A Deployment as SpinKube's operator makes it, with our patch for its port.
fn patched(dir: &Path) -> Option<PathBuf> {
    let patch = "port-80.patch.yaml";
    let ours = root().join("deploy/overlays/spinkube-image").join(patch);
    let folder = dir.join("patched");
    fs::create_dir(&folder).expect("a folder");
    fs::copy(ours, folder.join(patch)).expect("the patch");
    let labels = json!({"core.spinkube.dev/app-name": "xray"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "xray"}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "xray", "image": "host"}]}}}});
    let kustomization = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": ["deployment.yaml"], "patches": [{"path": patch}]});
    for (name, value) in [("deployment", deployment), ("kustomization", kustomization)] {
        fs::write(folder.join(format!("{name}.yaml")), value.to_string()).expect("a file");
    }
    let file = dir.join("patched.yaml");
    fs::write(&file, render(&folder)?).expect("a file");
    Some(file)
}
