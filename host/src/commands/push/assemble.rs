//! Contents of an image, and the locked application that names them.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use oci_client::client::ImageLayer;
use serde_json::{Value, json};

use super::{files, lock};
use crate::app::{
    compose,
    manifest::{Component, Manifest},
    registry::{ARCHIVE, DATA, Digest, WASM, pack},
};
use crate::commands::shared::kafka_args::check_keys;

/// Largest content in bytes that is embedded in the locked application, as some registries reject
/// very small layers.
const INLINE: usize = 128;
/// Maximum number of layers in the strictest registry, including the locked application.
const MAX_LAYERS: usize = 500;

/// Options for the layout of an image.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Pack the files of each component into one archive.
    pub archive: bool,
    /// Compose dependencies into the components that need them instead of storing them beside
    /// these.
    pub compose: bool,
}

/// Contents of an image.
pub struct Assembly {
    /// The locked application.
    pub locked: Value,
    /// Components, and files or archives of them; each content once.
    pub layers: Vec<ImageLayer>,
    digests: BTreeSet<Digest>,
}

impl Assembly {
    /// Packs the application of a manifest. If there are too many layers, files are put into
    /// archives in any case.
    ///
    /// # Errors
    /// Returns an error if the manifest does not load, or something that it names is missing.
    pub fn of(from: &Path, mut form: Form) -> Result<Self> {
        let manifest = Manifest::load(from)?;
        check_keys(&manifest)?;
        let text = std::fs::read_to_string(Manifest::file(from))?;
        let locked = lock::application(&text)?;
        let mut assembly = Self::fill(&manifest, locked.clone(), form)?;
        if assembly.layers.len() >= MAX_LAYERS && !form.archive {
            form.archive = true;
            assembly = Self::fill(&manifest, locked, form)?;
        }
        Ok(assembly)
    }

    fn fill(manifest: &Manifest, locked: Value, form: Form) -> Result<Self> {
        let mut assembly = Self {
            locked,
            layers: Vec::new(),
            digests: BTreeSet::new(),
        };
        let mut components = assembly.locked["components"].take();
        for locked in components.as_array_mut().into_iter().flatten() {
            let id = locked["id"].as_str().unwrap_or_default();
            let component = manifest.components.get(id);
            let component = component.context("the manifest has changed")?;
            let filled = assembly.component(locked, component, &manifest.dir, form);
            filled.with_context(|| format!("component {}", locked["id"]))?;
        }
        assembly.locked["components"] = components;
        Ok(assembly)
    }

    fn component(
        &mut self,
        locked: &mut Value,
        component: &Component,
        dir: &Path,
        form: Form,
    ) -> Result<()> {
        let beside = if form.compose {
            &[]
        } else {
            component.dependencies.as_slice()
        };
        let main = if form.compose && !component.dependencies.is_empty() {
            compose::compose(component)?
        } else {
            wasm(&component.source)?
        };
        locked["source"] = self.source(main);
        for dependency in beside {
            let file = dependency.source.as_ref();
            let file =
                file.map_err(|why| anyhow!("the dependency {:?}: {why}", dependency.name))?;
            locked["dependencies"][&dependency.name] =
                json!({ "source": self.source(wasm(file)?), "export": null, "inherit": "All" });
        }
        let files = files::list(&component.files, dir)?;
        let mut entries = Vec::new();
        for (place, path) in &files {
            let bytes = read(path)?;
            let mut entry = if form.archive || bytes.len() <= INLINE {
                content(&bytes)
            } else {
                self.layer(bytes, DATA)
            };
            entry["path"] = place.as_str().into();
            entries.push(entry);
        }
        if form.archive && !files.is_empty() {
            self.layer(pack(&files)?, ARCHIVE);
        }
        if !entries.is_empty() {
            locked["files"] = entries.into();
        }
        Ok(())
    }

    /// Adds a component.
    fn source(&mut self, wasm: Vec<u8>) -> Value {
        let mut source = self.layer(wasm, WASM);
        source["content_type"] = "application/wasm".into();
        source
    }

    /// Adds a content unless it is there already, and returns its reference.
    fn layer(&mut self, bytes: Vec<u8>, media_type: &str) -> Value {
        let named = content(&bytes);
        if self.digests.insert(Digest::of(&bytes)) {
            self.layers
                .push(ImageLayer::new(bytes, media_type.to_owned(), None));
        }
        named
    }
}

/// Builds the reference of a content: its digest, and the content itself if it is very small.
fn content(bytes: &[u8]) -> Value {
    let mut content = json!({ "digest": Digest::of(bytes).to_string() });
    if bytes.len() <= INLINE {
        content["inline"] = STANDARD.encode(bytes).into();
    }
    content
}

fn wasm(path: &Path) -> Result<Vec<u8>> {
    let bytes = read(path).context("has it been built?")?;
    if !bytes.starts_with(b"\0asm") {
        bail!("{} is not WebAssembly", path.display());
    }
    Ok(bytes)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
