//! Shared by the test suites: the host as a process, real servers, a collector of traces, an
//! issuer of ID tokens, HTTP servers that misbehave, and ONNX files.
//!
//! A missing prerequisite is a visible skip on a laptop and a failure where `CI` is set, see
//! [`missing`]. Nothing here waits for a fixed time or takes a fixed port.

#![allow(missing_docs, reason = "used by tests only")]

pub mod ceph;
pub mod collector;
pub mod http;
pub mod issuer;
pub mod jaeger;
pub mod kafka;
pub mod onnx_file;
pub mod process;
pub mod registry;
pub mod wait;

use std::path::{Path, PathBuf};

use xray_host::nn::library::{Product, SearchPath};

/// Returns the repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reports a missing prerequisite. Where `CI` is set that is a failure: a green run must have run
/// everything.
///
/// # Panics
/// Panics if `CI` is set.
pub fn missing(what: &str, remedy: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{what} is missing; {remedy}"
    );
    eprintln!("SKIP {what} is missing; {remedy}");
}

/// Reports whether the function and its inference component are built, as `make function` does, and
/// reports them as [`missing`] otherwise.
pub fn function_is_built() -> bool {
    let paths =
        ["xray.wasm", "xray_nn.wasm"].map(|name| format!("target/wasm32-wasip2/release/{name}"));
    let unbuilt = paths.iter().find(|path| !root().join(path).is_file());
    if let Some(path) = unbuilt {
        missing(path, "build it with `make function`");
    }
    unbuilt.is_none()
}

/// Returns the library of a native inference backend from the folder of `xray setup-backends`, or
/// reports it as [`missing`].
///
/// # Panics
/// If the environment names a library that does not exist.
pub fn backend_library(product: Product) -> Option<PathBuf> {
    let found = SearchPath::new(Some(&root().join(".backends")), None).find(product);
    let found = found.expect("the environment names an existing library");
    if found.is_none() {
        missing(product.name(), "get it with `make backends`");
    }
    found
}
