//! Selection of the needed files of a wheel, and their target folder.

use std::{fs::File, io, path::Path};

use anyhow::{Context, Result, bail};
use zip::ZipArchive;

use crate::nn::library::{self, Product};

/// A wheel file that holds one of the libraries.
#[derive(Debug)]
pub struct Wheel {
    pub package: String,
    pub version: String,
    product: Product,
    file: std::path::PathBuf,
}

/// An unpacked file.
#[derive(Debug)]
pub struct Unpacked {
    pub name: String,
    pub size: u64,
}

impl Wheel {
    /// Reads package and version from the file's name, in the format of PEP 427.
    pub fn open(file: &Path) -> Result<Self> {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let mut parts = name.strip_suffix(".whl").unwrap_or_default().split('-');
        let (Some(package), Some(version)) = (parts.next(), parts.next()) else {
            bail!(
                "{} is not named like a wheel (NAME-VERSION-….whl)",
                file.display()
            );
        };
        let Some(product) = product(package) else {
            bail!(
                "{package} is neither onnxruntime nor openvino ({})",
                file.display()
            );
        };
        Ok(Self {
            package: package.into(),
            version: version.into(),
            product,
            file: file.into(),
        })
    }

    /// Returns the folder name for this wheel's libraries.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }

    /// Reports whether an earlier run finished in `target`.
    pub fn complete_in(&self, target: &Path) -> bool {
        library::in_folder(self.product, target).is_some()
    }

    /// Writes the libraries and the license; returns the largest file first.
    pub fn unpack_into(&self, target: &Path) -> Result<Vec<Unpacked>> {
        let file = File::open(&self.file)
            .with_context(|| format!("cannot open {}", self.file.display()))?;
        let mut archive = ZipArchive::new(file)
            .with_context(|| format!("{} is not a wheel", self.file.display()))?;
        let mut unpacked = Vec::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let path = entry.name().to_owned();
            let Some((folder, name)) = path.rsplit_once('/') else {
                continue;
            };
            if !wanted(self.product, folder, name) {
                continue;
            }
            let size = io::copy(&mut entry, &mut File::create(target.join(name))?)
                .with_context(|| format!("cannot unpack {path}"))?;
            unpacked.push(Unpacked {
                name: name.into(),
                size,
            });
        }
        if !self.complete_in(target) {
            bail!("{} holds no library for this platform", self.file.display());
        }
        unpacked.sort_by_key(|file| std::cmp::Reverse(file.size));
        Ok(unpacked)
    }
}

/// Reports whether the libraries of `package` are complete in `target`.
pub fn complete(package: &str, target: &Path) -> bool {
    product(package).is_some_and(|product| library::in_folder(product, target).is_some())
}

fn product(package: &str) -> Option<Product> {
    match package {
        "openvino" => Some(Product::OpenVino),
        _ if package.starts_with("onnxruntime") => Some(Product::OnnxRuntime),
        _ => None,
    }
}

fn wanted(product: Product, folder: &str, name: &str) -> bool {
    // The notices of the libraries that are linked into these must go wherever they go.
    let is_notice = ["LICENSE", "ThirdPartyNotices.txt"].contains(&name)
        || name.ends_with("third-party-programs.txt");
    if is_notice {
        return true;
    }
    if !(name.contains(".so") || name.contains(".dylib")) {
        return false;
    }
    match product {
        Product::OnnxRuntime => folder == "onnxruntime/capi" && name.starts_with("libonnxruntime"),
        // From OpenVINO: its core, the readers of ONNX and its own format, the three devices and
        // TBB; the readers of other frameworks are a quarter of it.
        Product::OpenVino => {
            let parts = [
                "libopenvino.",
                "libopenvino_c.",
                "libopenvino_onnx_frontend.",
                "libopenvino_ir_frontend.",
                "libopenvino_intel_",
                "libopenvino_arm_cpu_plugin",
                "libtbb",
                "libhwloc",
            ];
            folder == "openvino/libs" && parts.iter().any(|part| name.starts_with(part))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_is_known_by_its_name() {
        let wheel = Wheel::open(Path::new(
            "/x/openvino-2026.4.1-22982-cp311-cp311-linux.whl",
        ))
        .unwrap();
        assert_eq!(wheel.folder(), "openvino-2026.4.1");
        for bad in ["numpy-1.0-py3-none-any.whl", "openvino.zip", "x.whl"] {
            assert!(Wheel::open(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_what_inference_needs_is_taken() {
        let take = |folder, name| wanted(Product::OpenVino, folder, name);
        assert!(take("openvino/libs", "libopenvino.so.2641"));
        assert!(take("openvino/libs", "libtbb.so.12"));
        assert!(!take("openvino/libs", "libopenvino_jax_frontend.so.2641"));
        assert!(!take(
            "openvino",
            "_pyopenvino.cpython-311-x86_64-linux-gnu.so"
        ));
        assert!(!wanted(
            Product::OnnxRuntime,
            "onnxruntime/capi",
            "onnxruntime_pybind11_state.so"
        ));
    }
}
