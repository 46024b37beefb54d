//! Client for one repository of a registry.

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

/// Timeout for the connection, and for each pause in a response.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Accepted media types of a manifest; a registry that has another reports it.
const MANIFESTS: &[&str] = &[
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

/// A reference, and a client with the user's credentials.
pub struct Registry {
    reference: Reference,
    client: Client,
    credentials: Credentials,
    insecure: bool,
}

impl Registry {
    /// Creates a client for a reference such as `registry.example.com/team/xray:1.0`, without
    /// connecting yet. `insecure` means HTTP without TLS.
    ///
    /// # Errors
    /// When the reference does not parse, or `REGISTRY_AUTH_FILE` can't be used.
    pub fn new(reference: &str, insecure: bool) -> Result<Self> {
        let reference: Reference = reference
            .parse()
            .with_context(|| format!("{reference:?} is not a reference to an image"))?;
        let credentials = auth::find(reference.resolve_registry().trim_end_matches('/'))?;
        // The client uses the process's default TLS provider. This is the one of outbound HTTP.
        _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: if insecure {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            connect_timeout: Some(TIMEOUT),
            read_timeout: Some(TIMEOUT),
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

    /// Returns the reference with its implied parts filled in.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Pulls the manifest and returns its bytes and digest. If the reference has a digest, it is
    /// the same.
    ///
    /// # Errors
    /// With the client's raw error, since the caller can recover from an unreachable registry.
    pub(super) async fn manifest(&self) -> Result<(Bytes, Digest), OciDistributionError> {
        let auth = &self.credentials.auth;
        let (bytes, _) = self
            .client
            .pull_manifest_raw(&self.reference, auth, MANIFESTS)
            .await?;
        // The registry may omit the header that the client verifies against.
        let digest = Digest::of(&bytes);
        Ok((bytes, digest))
    }

    /// Pulls a content of the image into `out`.
    ///
    /// # Errors
    /// When the registry denies it, the transfer breaks off, or the content does not match its
    /// digest.
    pub(super) async fn blob(
        &self,
        descriptor: &OciDescriptor,
        out: impl AsyncWrite,
    ) -> Result<()> {
        // If the manifest came from the cache, this is the first request and sends the credentials.
        let registry = self.reference.resolve_registry();
        self.client
            .store_auth_if_needed(registry, &self.credentials.auth)
            .await;
        self.client
            .pull_blob(&self.reference, descriptor, out)
            .await
            .map_err(|error| self.explain(error))
    }

    /// Pushes an image under the reference and returns the digest of its manifest.
    ///
    /// # Errors
    /// When the registry denies it or can't be reached.
    pub async fn push(
        &self,
        layers: &[ImageLayer],
        config: Config,
        manifest: OciImageManifest,
    ) -> Result<String> {
        let auth = &self.credentials.auth;
        let pushed = self
            .client
            .push(&self.reference, layers, config, auth, Some(manifest))
            .await
            .map_err(|error| self.explain(error))?;
        let digest = pushed.manifest_url.rsplit('/').next();
        Ok(digest.unwrap_or_default().to_owned())
    }

    /// Turns the client's error into a message that says what to do.
    pub(super) fn explain(&self, error: OciDistributionError) -> anyhow::Error {
        failure::explain(
            error,
            &self.reference,
            &self.credentials.origin,
            self.insecure,
        )
    }
}
