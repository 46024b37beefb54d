//! One repository of a registry, with the credentials for it.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    errors::OciDistributionError,
    manifest::{
        IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
    },
};
use tokio::io::AsyncWrite;

use super::{
    auth::{self, Credentials},
    digest::Digest,
    failure,
};

/// How long a registry may take to answer, and then between two pieces of its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a manifest may be, so that a registry that has something else says so.
const MANIFESTS: &[&str] = &[
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

/// A reference and a client that is allowed what its user is allowed.
pub struct Registry {
    reference: Reference,
    client: Client,
    credentials: Credentials,
    insecure: bool,
}

impl Registry {
    /// A client for a reference, as in `registry.example.com/team/xray:1.0`; `insecure` is HTTP without TLS.
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When it is no reference, or the credentials that were asked for cannot be read.
    pub fn new(reference: &str, insecure: bool) -> Result<Self> {
        let reference: Reference = reference
            .parse()
            .with_context(|| format!("{reference:?} is not a reference to an image"))?;
        let credentials = auth::find(reference.resolve_registry().trim_end_matches('/'))?;
        // The client leaves the choice to the process; the one that is here already serves the egress.
        _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: if insecure {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            connect_timeout: Some(PATIENCE),
            read_timeout: Some(PATIENCE),
            user_agent: concat!("xray/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).context("cannot make a client for registries")?;
        Ok(Self {
            reference,
            client,
            credentials,
            insecure,
        })
    }

    /// The reference, with what was left out of it.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The manifest's bytes and their digest, which is the one of the reference if it has one.
    ///
    /// # Errors
    /// With what the registry or the way to it says, unexplained, since one that can't be reached is not the end.
    pub(super) async fn manifest(&self) -> Result<(Bytes, Digest), OciDistributionError> {
        let auth = &self.credentials.auth;
        let (bytes, _) = self
            .client
            .pull_manifest_raw(&self.reference, auth, MANIFESTS)
            .await?;
        // A registry may leave out the header that the client compares with.
        let digest = Digest::of(&bytes);
        Ok((bytes, digest))
    }

    /// Writes a content of the image to `out`.
    ///
    /// # Errors
    /// When the registry refuses, breaks off, or sends something else than what has the digest.
    pub(super) async fn blob(
        &self,
        descriptor: &OciDescriptor,
        out: impl AsyncWrite,
    ) -> Result<()> {
        // The manifest may have come from the cache, and with it nobody would have said who we are.
        let registry = self.reference.resolve_registry();
        self.client
            .store_auth_if_needed(registry, &self.credentials.auth)
            .await;
        self.client
            .pull_blob(&self.reference, descriptor, out)
            .await
            .map_err(|error| self.explain(error))
    }

    /// Stores an image under the reference, and gives the digest of its manifest.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn push(
        &self,
        layers: &[ImageLayer],
        config: Config,
        manifest: OciImageManifest,
    ) -> Result<String> {
        let auth = &self.credentials.auth;
        let pushed = self
            .client
            .push(&self.reference, layers, config, auth, Some(manifest));
        let pushed = pushed.await.map_err(|error| self.explain(error))?;
        let digest = pushed.manifest_url.rsplit('/').next();
        Ok(digest.unwrap_or_default().to_owned())
    }

    /// The client's error in words that say what to do.
    pub(super) fn explain(&self, error: OciDistributionError) -> anyhow::Error {
        failure::explain(
            error,
            &self.reference,
            &self.credentials.origin,
            self.insecure,
        )
    }
}
