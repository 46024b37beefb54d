//! Search for the shared libraries of the native backends.
//!
//! Both bindings load a library either by name or by path. By name they would take the system's
//! version, and panic or give up without one, so the path is always resolved here first.

use std::path::{Path, PathBuf};

/// An inference library that is loaded at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Microsoft's ONNX Runtime.
    OnnxRuntime,
    /// Intel's OpenVINO, through its C interface.
    OpenVino,
}

impl Product {
    /// Returns the product name.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "ONNX Runtime",
            Self::OpenVino => "OpenVINO",
        }
    }

    /// Returns the environment variable that holds the library's path.
    pub fn variable(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "ORT_DYLIB_PATH",
            Self::OpenVino => "OPENVINO_DYLIB_PATH",
        }
    }

    /// Returns the prefixes of its folders' names and of its library's name.
    fn prefixes(self) -> (&'static str, &'static str) {
        match self {
            Self::OnnxRuntime => ("onnxruntime", "libonnxruntime."),
            Self::OpenVino => ("openvino", "libopenvino_c."),
        }
    }
}

/// Searched folders in order.
#[derive(Debug, Clone, Default)]
pub struct SearchPath(Vec<PathBuf>);

impl SearchPath {
    /// Searches `--backends-dir` first, then the folders of the binary and of the manifest, the
    /// current folder, and the user's data folder.
    pub fn new(explicit: Option<&Path>, app: Option<&Path>) -> Self {
        let beside = std::env::current_exe()
            .ok()
            .and_then(|exe| exe.parent().map(Path::to_owned));
        let data = std::env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share")));
        let folders = [
            explicit.map(Path::to_owned),
            beside.as_ref().map(|folder| folder.join(".backends")),
            beside,
            app.map(|folder| folder.join(".backends")),
            Some(PathBuf::from(".backends")),
            data.map(|folder| folder.join("xray/backends")),
        ];
        Self(folders.into_iter().flatten().collect())
    }

    /// Returns the library's path if it exists.
    ///
    /// # Errors
    /// When the product's environment variable names a missing file, since an explicit choice must
    /// not be replaced by another library.
    pub fn find(&self, product: Product) -> Result<Option<PathBuf>, String> {
        if let Some(path) = std::env::var_os(product.variable()).filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            return if path.is_file() {
                Ok(Some(path))
            } else {
                Err(format!(
                    "{} names {}, which does not exist",
                    product.variable(),
                    path.display()
                ))
            };
        }
        Ok(self.0.iter().find_map(|folder| in_tree(product, folder)))
    }

    /// Lists the folders for a message.
    pub fn describe(&self) -> String {
        let folders: Vec<_> = self
            .0
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        folders.join(", ")
    }
}

/// Loads a library to get the dynamic linker's error message, which the bindings that load it again
/// would drop.
///
/// # Errors
/// When the file is not a library, or a library that it needs is missing.
pub fn load(path: &Path) -> anyhow::Result<libloading::Library> {
    // SAFETY: loading runs the library's initializers. The user chose this library, or put it into
    // one of our folders, to run it in this process.
    #[expect(unsafe_code, reason = "loading a library runs code of it")]
    let library = unsafe { libloading::Library::new(path) };
    Ok(library?)
}

/// Finds the library in `folder` itself, or in its subfolder with the highest version.
fn in_tree(product: Product, folder: &Path) -> Option<PathBuf> {
    in_folder(product, folder).or_else(|| {
        let mut versions: Vec<_> = entries(folder)
            .filter(|name| name.starts_with(product.prefixes().0))
            .map(|name| (version(&name), name))
            .collect();
        versions.sort();
        versions
            .iter()
            .rev()
            .find_map(|(_, name)| in_folder(product, &folder.join(name)))
    })
}

/// Finds the library directly in `folder`.
pub fn in_folder(product: Product, folder: &Path) -> Option<PathBuf> {
    let mut names: Vec<_> = entries(folder)
        .filter(|name| name.starts_with(product.prefixes().1))
        .filter(|name| name.contains(".so") || name.ends_with(".dylib"))
        .map(|name| (version(&name), name))
        .collect();
    names.sort();
    let path = folder.join(&names.pop()?.1);
    // The dynamic linker would treat a relative path as a name.
    std::path::absolute(path).ok()
}

fn entries(folder: &Path) -> impl Iterator<Item = String> + use<> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// Returns the numbers in a name, so that 1.9 sorts before 1.32.
fn version(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_version_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "onnxruntime-1.9.0/libonnxruntime.so.1.9.0",
            "onnxruntime-1.32.0/libonnxruntime.so.1.32.0",
            "onnxruntime-1.32.0/libonnxruntime_providers_shared.so",
            "onnxruntime-1.40.0/LICENSE",
            "openvino-2026.4.1/libopenvino_c.so.2641",
            "openvino-2026.4.1/libopenvino.so.2641",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let find = |product| in_tree(product, dir.path()).unwrap();
        assert!(
            find(Product::OnnxRuntime).ends_with("onnxruntime-1.32.0/libonnxruntime.so.1.32.0")
        );
        assert!(find(Product::OpenVino).ends_with("openvino-2026.4.1/libopenvino_c.so.2641"));
        assert_eq!(
            in_tree(Product::OpenVino, &dir.path().join("nothing")),
            None
        );
    }
}
