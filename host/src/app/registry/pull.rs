//! Pulling an application from a registry.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, TryStreamExt, stream};
use oci_client::manifest::{OciDescriptor, OciImageManifest, OciManifest};

use super::{APPLICATION, ARCHIVE, Cache, Digest, Registry, archive, failure};
use crate::app::{
    locked::{App, Content, Triggers},
    manifest::Manifest,
};

/// Number of contents pulled concurrently.
const CONCURRENT_PULLS: usize = 4;

/// Pulls an application's missing contents into the cache and reads its manifest. A tag is always
/// resolved again, because it may have moved; if the registry is unreachable, its last manifest is
/// used and a warning logged.
///
/// # Errors
/// When the image is missing, denied, incomplete or not a Spin application, or needs a feature that
/// this host lacks.
pub async fn application(
    reference: &str,
    insecure: bool,
    cache_dir: Option<&Path>,
) -> Result<Manifest> {
    let registry = Registry::new(reference, insecure)?;
    let reference = registry.reference().to_string();
    let pulled = pull(&registry, Cache::open(cache_dir)?).await;
    pulled.with_context(|| format!("cannot pull {reference}"))
}

async fn pull(registry: &Registry, cache: Cache) -> Result<Manifest> {
    let bytes = manifest(registry, &cache).await?;
    let image = match serde_json::from_slice(&bytes)
        .context("the image's manifest does not parse")?
    {
        OciManifest::Image(image) => image,
        OciManifest::ImageIndex(_) => {
            bail!("the reference is an image index for several platforms, not a Spin application")
        }
    };
    let puller = Puller {
        registry,
        cache: &cache,
        image: &image,
    };
    let app = App::parse(&puller.locked().await?).context("the image's locked application")?;
    puller.contents(&app).await?;
    let find = |content: &Content| find(&cache, content);
    // Relative paths, such as that of `.env`, are then relative to the current folder.
    let mut manifest = app.manifest(Triggers::All, Path::new("."), &find)?;
    manifest.cache = Some(cache.folder().clone());
    Ok(manifest)
}

/// Returns the manifest, from the cache if the reference has a digest or the registry is
/// unreachable.
async fn manifest(registry: &Registry, cache: &Cache) -> Result<Vec<u8>> {
    let cached = |digest: &Digest| std::fs::read(cache.find(digest)?).ok();
    let reference = registry.reference().to_string();
    if let Some(digest) = registry.reference().digest() {
        let digest: Digest = digest.parse()?;
        if let Some(bytes) = cached(&digest) {
            return Ok(bytes);
        }
    }
    match registry.manifest().await {
        Ok((bytes, digest)) => {
            cache.put(&bytes)?;
            cache.remember(&reference, &digest)?;
            Ok(bytes.to_vec())
        }
        Err(error) => {
            let known = cache
                .recall(&reference)
                .and_then(|digest| Some((cached(&digest)?, digest)));
            let is_unreachable = failure::is_unreachable(&error);
            let error = registry.explain(error);
            match known {
                Some((bytes, digest)) if is_unreachable => {
                    tracing::warn!(
                        "{error:#}; using {digest}, which {reference} resolved to before"
                    );
                    Ok(bytes)
                }
                _ => Err(error),
            }
        }
    }
}

struct Puller<'a> {
    registry: &'a Registry,
    cache: &'a Cache,
    image: &'a OciImageManifest,
}

impl Puller<'_> {
    /// Reads the locked application. It is a layer of its own, or the image's configuration in
    /// early versions of Spin.
    async fn locked(&self) -> Result<Vec<u8>> {
        let descriptor = self
            .image
            .layers
            .iter()
            .chain([&self.image.config])
            .find(|descriptor| descriptor.media_type == APPLICATION)
            .context(
                "the image is not a Spin application; `xray push` and `spin registry push` make such images",
            )?;
        let path = self.fetch(descriptor).await?;
        Ok(std::fs::read(path)?)
    }

    /// Pulls all contents that the application names into the cache.
    async fn contents(&self, app: &App) -> Result<()> {
        let mut wanted = app
            .contents()
            .filter(|content| content.inline.is_none())
            .filter_map(|content| content.digest.as_deref())
            .map(str::parse)
            .collect::<Result<BTreeSet<Digest>>>()?;
        wanted.retain(|digest| self.cache.find(digest).is_none());
        let layers = self
            .image
            .layers
            .iter()
            .filter(|layer| layer.digest.parse().is_ok_and(|d| wanted.contains(&d)));
        stream::iter(layers.map(|layer| self.fetch(layer)))
            .buffer_unordered(CONCURRENT_PULLS)
            .try_collect::<Vec<_>>()
            .await?;
        wanted.retain(|digest| self.cache.find(digest).is_none());
        for layer in &self.image.layers {
            if layer.media_type == ARCHIVE && !wanted.is_empty() {
                let path = self.fetch(layer).await?;
                archive::unpack(&path, self.cache, |digest| wanted.contains(digest))
                    .with_context(|| format!("the archive {}", layer.digest))?;
                wanted.retain(|digest| self.cache.find(digest).is_none());
            }
        }
        match wanted.first() {
            None => Ok(()),
            Some(digest) => bail!("the image lacks content {digest}, which its application names"),
        }
    }

    /// Returns the file of a content, and pulls it first if necessary.
    async fn fetch(&self, descriptor: &OciDescriptor) -> Result<PathBuf> {
        let digest: Digest = descriptor.digest.parse()?;
        if let Some(path) = self.cache.find(&digest) {
            return Ok(path);
        }
        let mut bytes = Vec::new();
        self.registry.blob(descriptor, &mut bytes).await?;
        self.cache.put(&bytes)
    }
}

/// Returns the path of a content. Those with a digest have been pulled already.
fn find(cache: &Cache, content: &Content) -> Result<PathBuf> {
    let digest = content.digest.as_deref().map(str::parse::<Digest>);
    match (&content.inline, digest.transpose()?) {
        (Some(inline), digest) => {
            let bytes = STANDARD
                .decode(inline)
                .map_err(|_| anyhow!("inline content is not base64"))?;
            if digest.is_some_and(|digest| digest != Digest::of(&bytes)) {
                bail!("inline content does not match its digest");
            }
            cache.put(&bytes)
        }
        (None, Some(digest)) => Ok(cache.path(&digest)),
        (None, None) => bail!("a content has neither a digest nor inline bytes"),
    }
}
