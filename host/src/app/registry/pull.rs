//! From a reference to an application on this machine.

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

/// Contents that are pulled at a time.
const AT_A_TIME: usize = 4;

/// Pulls what the cache does not have of an application, and reads it. A tag is always asked for, because it may lead
/// elsewhere today; what it led to last is used when the registry cannot be reached, and a line says so.
///
/// # Errors
/// When it is not there, not allowed, not whole, not an application of Spin, or needs what this host does not have.
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
    let image = match serde_json::from_slice(&bytes).context("its manifest does not parse")? {
        OciManifest::Image(image) => image,
        OciManifest::ImageIndex(_) => {
            bail!("it is an index of images for several platforms, not a Spin application")
        }
    };
    let puller = Puller {
        registry,
        cache: &cache,
        image: &image,
    };
    let app = App::parse(&puller.locked().await?).context("the locked application in it")?;
    puller.contents(&app).await?;
    let find = |content: &Content| find(&cache, content);
    // Relative paths, as that of `.env`, start from the current folder then.
    let mut manifest = app.manifest(Triggers::All, Path::new("."), &find)?;
    manifest.cache = Some(cache.folder().clone());
    Ok(manifest)
}

/// The manifest, from the cache if the reference says which or the registry does not answer.
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
            let known = cache.recall(&reference);
            let known = known.and_then(|digest| Some((cached(&digest)?, digest)));
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
    /// The locked application: a layer of its own, or the image's configuration, as early versions of Spin had it.
    async fn locked(&self) -> Result<Vec<u8>> {
        let layers = self.image.layers.iter();
        let mut candidates = layers.chain([&self.image.config]);
        let descriptor = candidates.find(|d| d.media_type == APPLICATION);
        let descriptor = descriptor.context(
            "it is not a Spin application: it has no layer with one (`xray push` and `spin registry push` make such images)",
        )?;
        let path = self.fetch(descriptor).await?;
        Ok(std::fs::read(path)?)
    }

    /// Everything that the application names, into the cache.
    async fn contents(&self, app: &App) -> Result<()> {
        let digests = app.contents().filter(|content| content.inline.is_none());
        let digests = digests.filter_map(|content| content.digest.as_deref());
        let mut wanted: BTreeSet<Digest> = digests.map(str::parse).collect::<Result<_>>()?;
        wanted.retain(|digest| self.cache.find(digest).is_none());
        let layers = self.image.layers.iter();
        let layers = layers.filter(|layer| layer.digest.parse().is_ok_and(|d| wanted.contains(&d)));
        stream::iter(layers.map(|layer| self.fetch(layer)))
            .buffer_unordered(AT_A_TIME)
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
            Some(digest) => bail!("the image lacks {digest}, which its application names"),
        }
    }

    /// The file of a content, pulled if the cache does not have it.
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

/// Where a content of the image lies. All that have a digest are there already.
fn find(cache: &Cache, content: &Content) -> Result<PathBuf> {
    let digest = content.digest.as_deref().map(str::parse::<Digest>);
    match (&content.inline, digest.transpose()?) {
        (Some(inline), digest) => {
            let bytes = STANDARD.decode(inline);
            let bytes = bytes.map_err(|_| anyhow!("inline content is not base64"))?;
            if digest.is_some_and(|digest| digest != Digest::of(&bytes)) {
                bail!("inline content does not have its digest");
            }
            cache.put(&bytes)
        }
        (None, Some(digest)) => Ok(cache.path(&digest)),
        (None, None) => bail!("a content has neither a digest nor is it inline"),
    }
}
