//! Which backend serves, and the line that says so.

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

/// The value of `--nn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Choice {
    /// ONNX Runtime if it is there, else OpenVINO, else the embedded backend.
    #[default]
    Auto,
    /// ONNX Runtime.
    Onnx,
    /// OpenVINO.
    Openvino,
    /// rten, which is compiled in.
    Embedded,
    /// The component that the manifest declares for it, composed in as `spin up` does.
    Component,
}

/// The backend that was taken.
pub struct Chosen {
    /// Ready to load models.
    pub backend: Arc<dyn Backend>,
    /// Where it computes.
    pub target: Target,
    /// One line for the terminal: the library by its own version, the target, and why this one.
    pub line: String,
}

/// Opens the backend of choice.
///
/// # Errors
/// When it is not there or lacks the target. `auto` passes over a library that does not load, but
/// never from the target that was asked for to another.
pub fn choose(choice: Choice, target: Target, path: &SearchPath) -> Result<Chosen> {
    match choice {
        Choice::Auto => auto(target, path),
        Choice::Onnx => asked(Product::OnnxRuntime, target, path),
        Choice::Openvino => asked(Product::OpenVino, target, path),
        Choice::Embedded => {
            let backend = Arc::new(Embedded::open(target)?);
            Ok(chosen(backend, target, "as asked, built in"))
        }
        Choice::Component => {
            if target != Target::Cpu {
                bail!(
                    "WebAssembly computes on the CPU only, not on a {}",
                    target.name()
                );
            }
            let reason = "as asked, composed in as `spin up` does";
            Ok(chosen(Arc::new(Composed), target, reason))
        }
    }
}

fn asked(product: Product, target: Target, path: &SearchPath) -> Result<Chosen> {
    let Some(library) = path.find(product).map_err(|error| anyhow!(error))? else {
        bail!(
            "{} is not in {}; `xray setup-backends` gets it, or name the library in {}",
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
        &format!("as asked, {}", library.display()),
    ))
}

fn auto(target: Target, path: &SearchPath) -> Result<Chosen> {
    let mut passed = Vec::new();
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
                passed.push(library.display().to_string());
                return Ok(chosen(
                    backend,
                    target,
                    &format!("auto: {}", passed.join(", ")),
                ));
            }
            Err(reason) => passed.push(reason),
        }
    }
    let why = passed.join(", ");
    let backend = Embedded::open(target)
        .map_err(|error| anyhow!("no backend for the {}: {why}, {error}", target.name()))?;
    let reason = format!("auto: {why}; `xray setup-backends` gets both");
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
