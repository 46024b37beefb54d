//! Cache of compiled code. Compiling takes most of a second, loading a few milliseconds.
//!
//! A file's name combines the component's digest with the engine's compatibility hash. The file
//! starts with the digest of the rest; a damaged one is compiled again.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

use crate::serve::metrics::Metrics;

const DIGEST: usize = 32;

/// Compiles the component `wasm`, read from `source`, or loads it from `cache`.
///
/// # Errors
/// When it is not a component. An unwritable cache is only logged.
pub fn load(
    engine: &Engine,
    wasm: &[u8],
    source: &Path,
    cache: Option<&Path>,
    metrics: &Metrics,
) -> Result<Component> {
    let cached = cache.map(|dir| dir.join(file_name(engine, wasm)));
    if let Some(path) = &cached
        && let Ok(file) = std::fs::read(path)
    {
        if let Some(component) = from_cache(engine, &file) {
            metrics.aot("hit");
            return Ok(component);
        }
        metrics.aot("damaged");
    } else {
        metrics.aot("miss");
    }
    let compiled = engine
        .precompile_component(wasm)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("{} is not a component for this host", source.display()))?;
    if let Some(path) = &cached
        && let Err(error) = write(path, &compiled)
    {
        tracing::warn!("the compiled code is not cached: {error:#}");
    }
    // SAFETY: the engine produced these bytes in this process, a few statements above.
    #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
    let component = unsafe { Component::deserialize(engine, &compiled) };
    Ok(component?)
}

fn file_name(engine: &Engine, wasm: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest = hex::encode(Sha256::digest(wasm));
    format!("{}-{:016x}.cwasm", &digest[..32], hasher.finish()).into()
}

fn from_cache(engine: &Engine, file: &[u8]) -> Option<Component> {
    let (digest, compiled) = file.split_at_checked(DIGEST)?;
    if Sha256::digest(compiled).as_slice() != digest {
        return None;
    }
    // SAFETY: the digest shows that the file is as `write` left it, and `write` stores only code
    // that the engine compiled. The folder belongs to the user who runs this process and is closed
    // to others; anyone who can write to it can replace this program as well.
    #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
    unsafe { Component::deserialize(engine, compiled) }.ok()
}

/// Writes under a temporary name and renames, so that another process never reads half a file.
fn write(path: &Path, compiled: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    make_private(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&Sha256::digest(compiled))?;
    file.write_all(compiled)?;
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn make_private(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        metrics.render((0, 0))
    }

    #[test]
    fn compiled_code_is_cached_and_damaged_files_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        // An empty component in binary: magic, version, layer.
        let wasm = b"\0asm\x0d\0\x01\0";
        let engine = crate::serve::runtime::engine::build(1, 1 << 20).unwrap();
        let metrics = Metrics::default();
        let load = || load(&engine, wasm, Path::new("c.wasm"), Some(&cache), &metrics).map(drop);
        let counted =
            |kind| text(&metrics).contains(&format!("xray_aot_cache_total{{kind=\"{kind}\"}} 1"));

        load().unwrap();
        assert!(counted("miss"));
        load().unwrap();
        assert!(counted("hit"));

        let file = std::fs::read_dir(&cache)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&file, bad).unwrap();
        load().unwrap();
        assert!(counted("damaged"));
        assert_eq!(std::fs::read(&file).unwrap(), good);

        std::fs::write(&file, b"short").unwrap();
        load().unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), good);
    }

    #[test]
    fn error_names_the_file_that_is_not_a_component() {
        let engine = crate::serve::runtime::engine::build(1, 1 << 20).unwrap();
        let source = Path::new("c.wasm");
        let error = load(&engine, b"hello", source, None, &Metrics::default());
        assert!(format!("{:#}", error.err().unwrap()).contains("c.wasm"));
    }
}
