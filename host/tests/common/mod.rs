//! What every suite needs of the machine, and how it says that it is missing.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Says what is missing. Where CI is set that is a failure: a green run must have run everything.
pub fn missing(what: &str, remedy: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{what} is missing; {remedy}"
    );
    eprintln!("SKIP {what} is missing; {remedy}");
}

/// True when the function and its inference component are built, as `make function` does.
pub fn function_is_built() -> bool {
    let paths =
        ["xray.wasm", "xray_nn.wasm"].map(|name| format!("target/wasm32-wasip2/release/{name}"));
    let unbuilt = paths.iter().find(|path| !root().join(path).is_file());
    if let Some(path) = unbuilt {
        missing(path, "build it with `make function`");
    }
    unbuilt.is_none()
}
