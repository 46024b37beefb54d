//! Cache of compiled code. Compiling takes most of a second, loading a few milliseconds.
//!
//! A file's name combines the component's digest with the engine's compatibility hash. The file
//! ends with the digest of the rest; a damaged one is compiled again. A good one is mapped, not
//! read, so that processes share its pages and only those in use take memory.
//!
//! There are two folders. The state folder is written at the first start, for this processor. A
//! second, read-only one may be beside the program, as in the image: `xray precompile` filled it
//! for a baseline processor. The engine refuses code for a processor with more features than this
//! one.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

use super::engine;
use crate::serve::metrics::Metrics;

const DIGEST: usize = 32;

/// Folders with compiled code.
#[derive(Debug, Default)]
pub struct Folders {
    /// Read and written.
    pub cache: Option<PathBuf>,
    /// Read only, and used if `cache` lacks the component.
    pub precompiled: Option<PathBuf>,
}

/// Compiles the component `wasm`, read from `source`, or loads it from one of `folders`.
///
/// # Errors
/// When it is not a component. An unwritable cache is only logged.
pub fn load(
    engine: &Engine,
    wasm: &[u8],
    source: &Path,
    folders: &Folders,
    metrics: &Metrics,
) -> Result<Component> {
    let cache = folders.cache.as_deref();
    let cached = cache.map(|dir| dir.join(file_name(engine, wasm)));
    if let Some(path) = &cached
        && let Ok(file) = File::open(path)
    {
        if let Some(component) = from_cache(engine, path, file) {
            metrics.aot("hit");
            return Ok(component);
        }
        metrics.aot("damaged");
    } else if let Some(dir) = folders.precompiled.as_deref()
        && let Some(component) = precompiled(engine, wasm, dir)
    {
        metrics.aot("precompiled");
        return Ok(component);
    } else {
        metrics.aot("miss");
    }
    let compiled = compile(engine, wasm, source)?;
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

/// Compiles the component `wasm`, read from `source`, for a baseline processor into the folder
/// `dir`, and returns the file's name.
///
/// # Errors
/// When it is not a component, or the folder can't be written.
pub fn precompile(wasm: &[u8], source: &Path, dir: &Path) -> Result<PathBuf> {
    let engine = engine::baseline()?;
    let name = file_name(&engine, wasm);
    write(&dir.join(&name), &compile(&engine, wasm, source)?)?;
    Ok(name)
}

/// Returns the component from the read-only folder, if it is there and this engine takes it.
fn precompiled(engine: &Engine, wasm: &[u8], dir: &Path) -> Option<Component> {
    if !dir.is_dir() {
        return None;
    }
    let baseline = engine::baseline().ok()?;
    let path = dir.join(file_name(&baseline, wasm));
    from_cache(engine, &path, File::open(&path).ok()?)
}

fn compile(engine: &Engine, wasm: &[u8], source: &Path) -> Result<Vec<u8>> {
    engine
        .precompile_component(wasm)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("{} is not a component for this host", source.display()))
}

fn file_name(engine: &Engine, wasm: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest = hex::encode(Sha256::digest(wasm));
    format!("{}-{:016x}.cwasm", &digest[..32], hasher.finish()).into()
}

/// Loads the open file at this path.
fn from_cache(engine: &Engine, path: &Path, file: File) -> Option<Component> {
    if !is_intact(file).ok()? {
        return None;
    }
    // SAFETY: the digest shows that the file is as `write` left it, and `write` stores only code
    // that an engine of this version compiled; `deserialize` checks version, settings and
    // processor. The state folder belongs to the user who runs this process and is closed to
    // others, and the other folder is beside this program. Anyone who can write to them can replace
    // this program as well. Nothing changes the file while it is mapped: `write` renames another
    // one to its name.
    #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
    unsafe { Component::deserialize_file(engine, path) }
        .ok()
        .or_else(|| read(engine, path))
}

/// Loads a file that has been checked from a volume whose files may not be run (`noexec`).
fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let file = std::fs::read(path).ok()?;
    let (compiled, _) = file.split_last_chunk::<DIGEST>()?;
    // SAFETY: as in `from_cache`.
    #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
    unsafe { Component::deserialize(engine, compiled) }.ok()
}

/// Reports whether the file ends with the digest of the rest.
fn is_intact(file: File) -> std::io::Result<bool> {
    let length = file.metadata()?.len();
    let Some(rest) = length.checked_sub(DIGEST as u64) else {
        return Ok(false);
    };
    let mut compiled = file.take(rest);
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match compiled.read(&mut buffer)? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    let mut digest = [0; DIGEST];
    compiled.into_inner().read_exact(&mut digest)?;
    Ok(hasher.finalize().as_slice() == digest)
}

/// Writes under a temporary name and renames, so that another process never reads half a file.
fn write(path: &Path, compiled: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    make_private(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(compiled)?;
    file.write_all(&Sha256::digest(compiled))?;
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
mod tests;
