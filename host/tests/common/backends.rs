//! The libraries of the native backends.

use std::path::PathBuf;

use xray_host::nn::library::{Product, SearchPath};

use crate::common::{missing, root};

/// The library of a native backend, as `xray setup-backends` puts it.
pub fn library(product: Product) -> Option<PathBuf> {
    let found = SearchPath::new(Some(&root().join(".backends")), None).find(product);
    let found = found.expect("the environment names a library that is not there");
    if found.is_none() {
        missing(product.name(), "get it with `make backends`");
    }
    found
}
