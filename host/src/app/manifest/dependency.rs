//! The `[component.NAME.dependencies]` table, limited to `wasi:nn`.
//!
//! A provider of `wasi:nn` is ignored where the host does the inference, and composed in with
//! `--nn component`. A dependency that can't be composed is therefore an error only when
//! composition is requested.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// A component that satisfies another component's imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Name of the imports it satisfies: `package@version`, or `package/interface@version` for a
    /// single interface.
    pub name: String,
    /// Its file, or the reason why it can't be composed here.
    pub source: Result<PathBuf, &'static str>,
}

impl Dependency {
    /// Reads a dependency's entry in the manifest. `inherits` tells whether it may use the
    /// component's files, variables and hosts.
    pub(super) fn read(name: String, entry: &toml::Value, inherits: bool, dir: &Path) -> Self {
        let text = |key| entry.get(key).and_then(toml::Value::as_str);
        let source = match (text("path"), entry.get("export")) {
            (None, _) => Err("it has no local `path`"),
            (_, Some(_)) => Err("`export` is not supported by this host"),
            _ if !inherits => {
                Err("it needs `dependencies_inherit_configuration = true` to read the model")
            }
            (Some(path), None) => Ok(dir.join(path)),
        };
        Self { name, source }
    }

    /// Reports whether the name covers an import of the form `package/interface@version`.
    pub fn satisfies(&self, import: &str) -> bool {
        let (package, interface, version) = parts(&self.name);
        let (its_package, its_interface, its_version) = parts(import);
        package == its_package
            && (interface.is_none() || interface == its_interface)
            && (version.is_none() || version == its_version)
    }
}

fn parts(name: &str) -> (&str, Option<&str>, Option<&str>) {
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    match name.split_once('/') {
        Some((package, interface)) => (package, Some(interface), version),
        None => (name, None, version),
    }
}

/// Rejects dependencies other than inference. The host would ignore them, and the component would
/// fail to start with a less helpful message.
pub(crate) fn only_inference<'a>(mut names: impl Iterator<Item = &'a str>) -> Result<()> {
    match names.find(|name| parts(name).0 != "wasi:nn") {
        Some(name) => {
            bail!("the dependency {name:?} is not supported by this host, only `wasi:nn`")
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependency_name_covers_the_same_imports_as_in_spin() {
        let satisfies = |name: &str, import| {
            let name = name.to_owned();
            let source = Err("");
            Dependency { name, source }.satisfies(import)
        };
        for (name, import, expected) in [
            ("wasi:nn@0.2.0-rc", "wasi:nn/graph@0.2.0-rc", true),
            ("wasi:nn", "wasi:nn/graph@0.2.0-rc", true),
            ("wasi:nn/graph@0.2.0-rc", "wasi:nn/graph@0.2.0-rc", true),
            ("wasi:nn/tensor@0.2.0-rc", "wasi:nn/graph@0.2.0-rc", false),
            ("wasi:nn@0.2.0-rc", "wasi:nn/graph@0.2.0", false),
            ("wasi:nnx@0.2.0-rc", "wasi:nn/graph@0.2.0-rc", false),
        ] {
            assert_eq!(satisfies(name, import), expected, "{name} {import}");
        }
    }

    #[test]
    fn dependency_that_cannot_be_composed_has_a_reason() {
        let read = |entry: &str, inherits| {
            let table: toml::Table = toml::from_str(entry).unwrap();
            let entry = toml::Value::Table(table);
            Dependency::read("wasi:nn".to_owned(), &entry, inherits, Path::new("/app")).source
        };
        assert_eq!(read("path = 'nn.wasm'", true), Ok("/app/nn.wasm".into()));
        assert!(
            read("path = 'nn.wasm'", false)
                .unwrap_err()
                .contains("inherit")
        );
        assert!(read("registry = 'x'", true).unwrap_err().contains("path"));
        assert!(
            read("path = 'nn.wasm'\nexport = 'x'", true)
                .unwrap_err()
                .contains("export")
        );
    }
}
