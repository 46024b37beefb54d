//! Choice of the backend, and the line that reports it.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, anyhow, bail};

use super::{
    backend::{Backend, Target},
    composed::Composed,
    embedded::Embedded,
    library::{Product, SearchPath},
    onnx::OnnxRuntime,
    openvino::OpenVino,
};

/// Value of `--nn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Choice {
    /// ONNX Runtime if available, else OpenVINO, else the embedded backend.
    #[default]
    Auto,
    /// ONNX Runtime.
    Onnx,
    /// OpenVINO.
    Openvino,
    /// The built-in rten.
    Embedded,
    /// The component declared in the manifest, composed in as by `spin up`.
    Component,
}

/// The chosen backend.
pub struct Chosen {
    /// Backend, ready to load models.
    pub backend: Arc<dyn Backend>,
    /// Device on which it computes.
    pub target: Target,
    /// Line for the log: the library's version, the target and the reason for the choice.
    pub line: String,
}

/// Opens the chosen backend.
///
/// # Errors
/// When it is unavailable or lacks the target. `auto` skips libraries that do not load, but never
/// switches to another target.
pub fn choose(choice: Choice, target: Target, path: &SearchPath) -> Result<Chosen> {
    match choice {
        Choice::Auto => auto(target, path),
        Choice::Onnx => requested(Product::OnnxRuntime, target, path),
        Choice::Openvino => requested(Product::OpenVino, target, path),
        Choice::Embedded => {
            let backend = Arc::new(Embedded::open(target)?);
            Ok(chosen(backend, target, "as requested, built in"))
        }
        Choice::Component => {
            if target != Target::Cpu {
                bail!(
                    "WebAssembly computes on the CPU only, not on a {}",
                    target.name()
                );
            }
            let reason = "as requested, composed in as by `spin up`";
            Ok(chosen(Arc::new(Composed), target, reason))
        }
    }
}

fn requested(product: Product, target: Target, path: &SearchPath) -> Result<Chosen> {
    let Some(library) = path.find(product).map_err(|error| anyhow!(error))? else {
        bail!(
            "{} is not in {}; run `xray setup-backends`, or set {} to the library's path",
            product.name(),
            path.describe(),
            product.variable(),
        );
    };
    let backend = open(product, &library, target)
        .with_context(|| format!("cannot use {} at {}", product.name(), library.display()))?;
    Ok(chosen(
        backend,
        target,
        &format!("as requested, {}", library.display()),
    ))
}

fn auto(target: Target, path: &SearchPath) -> Result<Chosen> {
    let mut tried = Vec::new();
    for product in [Product::OnnxRuntime, Product::OpenVino] {
        let opened = match path.find(product) {
            Ok(None) => Err(format!("no {}", product.name())),
            Ok(Some(library)) => match open(product, &library, target) {
                Ok(backend) => Ok((backend, library)),
                Err(error) => Err(format!("{}: {error:#}", product.name())),
            },
            Err(error) => Err(error),
        };
        match opened {
            Ok((backend, library)) => {
                tried.push(library.display().to_string());
                return Ok(chosen(
                    backend,
                    target,
                    &format!("auto: {}", tried.join(", ")),
                ));
            }
            Err(reason) => tried.push(reason),
        }
    }
    let why = tried.join(", ");
    let backend = Embedded::open(target)
        .map_err(|error| anyhow!("no backend for the {}: {why}, {error}", target.name()))?;
    let reason = format!("auto: {why}; `xray setup-backends` installs both");
    Ok(chosen(Arc::new(backend), target, &reason))
}

fn open(product: Product, library: &Path, target: Target) -> Result<Arc<dyn Backend>> {
    Ok(match product {
        Product::OnnxRuntime => Arc::new(OnnxRuntime::open(library, target)?),
        Product::OpenVino => Arc::new(OpenVino::open(library, target)?),
    })
}

fn chosen(backend: Arc<dyn Backend>, target: Target, reason: &str) -> Chosen {
    let line = format!(
        "Inference by {} on the {} ({reason})",
        backend.version(),
        target.name()
    );
    Chosen {
        backend,
        target,
        line,
    }
}
