//! `xray setup-backends`: unpacks ONNX Runtime and OpenVINO from their PyPI wheels into one folder.
//!
//! The wheels carry the shared libraries, and pip already knows the user's index, proxy and
//! certificates, so nothing else needs to be configured. Libraries that are there already stay as
//! they are.

mod pip;
mod wheel;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use wheel::Wheel;

/// Default version of ONNX Runtime.
pub const ONNX_RUNTIME_VERSION: &str = "1.32.0";
/// Default version of OpenVINO.
pub const OPENVINO_VERSION: &str = "2026.4.1";
/// Default folder for the libraries, below the current folder; `--nn auto` looks there.
pub const DEFAULT_DIR: &str = ".backends";

/// Arguments of `xray setup-backends`.
#[derive(Debug, clap::Args)]
pub struct SetupArgs {
    /// Folder for the libraries. Every command looks in `.backends` beside the program, beside the
    /// manifest and in the current folder; name another folder with its option --backends-dir.
    #[arg(long, default_value = DEFAULT_DIR, env = "XRAY_BACKENDS_DIR")]
    pub dir: PathBuf,
    /// Version of ONNX Runtime, or `none`.
    #[arg(long, value_name = "VERSION", default_value = ONNX_RUNTIME_VERSION)]
    pub onnx: String,
    /// Version of OpenVINO, or `none`.
    #[arg(long, value_name = "VERSION", default_value = OPENVINO_VERSION)]
    pub openvino: String,
    /// Take the libraries from these wheels instead of running pip.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub wheel: Vec<PathBuf>,
}

/// Fetches and unpacks the libraries, and prints their paths.
///
/// # Errors
/// Returns an error if pip is missing or fails, or a wheel holds no known library.
pub fn run(args: &SetupArgs) -> Result<()> {
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make the folder {}", args.dir.display()))?;
    if args.wheel.is_empty() {
        for (package, version) in [("onnxruntime", &args.onnx), ("openvino", &args.openvino)] {
            if version != "none" {
                from_index(&args.dir, package, version)?;
            }
        }
    } else {
        for file in &args.wheel {
            let wheel = Wheel::open(file)?;
            let target = args.dir.join(wheel.folder());
            if wheel.complete_in(&target) {
                println!("{} is there already", target.display());
            } else {
                unpack(&wheel, &target)?;
            }
        }
    }
    Ok(())
}

fn from_index(dir: &Path, package: &str, version: &str) -> Result<()> {
    let target = dir.join(format!("{package}-{version}"));
    if wheel::complete(package, &target) {
        println!("{} is there already", target.display());
        return Ok(());
    }
    println!("{package} {version}: asking pip …");
    // The download goes beside its target, so that both are on one file system.
    let scratch = tempfile::tempdir_in(dir).context("cannot make a scratch folder")?;
    pip::download(package, version, scratch.path())?;
    let mut wheels = Vec::new();
    for entry in std::fs::read_dir(scratch.path())? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "whl") {
            wheels.push(path);
        }
    }
    let [file] = &wheels[..] else {
        bail!(
            "pip brought {} wheels for {package} {version} where one was expected",
            wheels.len()
        );
    };
    unpack(&Wheel::open(file)?, &target)
}

fn unpack(wheel: &Wheel, target: &Path) -> Result<()> {
    let parent = target.parent().unwrap_or(Path::new("."));
    let scratch = tempfile::tempdir_in(parent).context("cannot make a scratch folder")?;
    let files = wheel.unpack_into(scratch.path())?;
    // An interrupted run leaves a scratch folder, never half a target.
    if target.exists() {
        std::fs::remove_dir_all(target)
            .with_context(|| format!("cannot replace the incomplete {}", target.display()))?;
    }
    std::fs::rename(scratch.keep(), target)
        .with_context(|| format!("cannot move the libraries to {}", target.display()))?;
    let total: u64 = files.iter().map(|file| file.size).sum();
    println!(
        "{} {} -> {} ({})",
        wheel.package,
        wheel.version,
        target.display(),
        mebibytes(total)
    );
    for file in &files {
        println!("  {:<44} {:>10}", file.name, mebibytes(file.size));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
