//! Applications in OCI registries, in the format of `spin registry push`.
//!
//! An image has one layer for the locked application, one for each component, and either one for
//! each file or one archive of all files. Very small files are inlined in the locked application.
//! Every content is addressed by its SHA-256 and verified before use.

mod archive;
mod auth;
mod cache;
mod client;
mod digest;
mod failure;
mod pull;

use oci_client::Reference;

pub use self::{archive::pack, cache::Cache, client::Registry, digest::Digest, pull::application};

/// Media type of the locked application.
pub const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";
/// Media type of a component.
pub const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// Media type of a file.
pub const DATA: &str = "application/vnd.wasm.content.layer.v1+data";
/// Media type of an archive of files.
pub const ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";

/// Reports whether a text that names no file is meant as a reference, by Spin's rule: any relative
/// path would parse as one, with Docker's registry and the tag `latest` implied, so at least one of
/// these must be explicit.
pub fn is_reference(text: &str) -> bool {
    let Ok(reference) = text.parse::<Reference>() else {
        return false;
    };
    reference.tag() != Some("latest")
        || text.ends_with(":latest")
        || !reference.registry().contains("docker")
        || text.contains("docker")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_distinguished_from_paths() {
        for text in [
            "registry.example.com/xray:1.0",
            "registry.example.com/team/xray",
            "localhost:5000/xray",
            "127.0.0.1:5000/xray:latest",
            "team/xray:1.0",
            "docker.io/team/xray",
            "xray@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert!(is_reference(text), "{text}");
        }
        for text in [
            "spin.toml",
            "app/spin.toml",
            "../app",
            "/srv/app",
            "xray",
            "app dir",
            "",
        ] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
