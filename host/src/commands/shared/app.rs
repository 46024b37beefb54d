//! The application on a store of this process: its variables point there, overriding all other
//! settings.

use anyhow::{Context, Result, bail};
use s3::{Credentials, Endpoint};
use xray::config::Config;

use crate::{
    app::{manifest::Manifest, variables::Variables},
    commands::shared::{random, runtime_args::RuntimeArgs},
    serve::runtime::Options,
};

/// The variables of the store's address; a command with its own store sets them itself.
const STORE: [&str; 7] = [
    "s3_endpoint",
    "s3_bucket_hosts",
    "s3_region",
    "s3_style",
    "s3_access_key",
    "s3_secret_key",
    "s3_session_token",
];

/// Everything needed to start a runtime, and the settings that the function will read.
pub(crate) struct App {
    pub(crate) manifest: Manifest,
    pub(crate) variables: Variables,
    pub(crate) options: Options,
    pub(crate) config: Config,
    /// True if no pseudonym key was set, so one was generated for this run.
    pub(crate) key_is_fresh: bool,
}

impl App {
    /// Reads the manifest and points its variables at the store.
    ///
    /// # Errors
    /// Returns an error if the manifest does not load, a setting is invalid, or the store's address
    /// was set by hand.
    pub(crate) async fn load(
        settings: &RuntimeArgs,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Self> {
        let manifest = settings.application().await?;
        let mut sources = settings.sources(&manifest)?;
        if let Some(name) = STORE
            .iter()
            .find(|name| sources.explicit.contains_key(**name))
        {
            bail!("--variable {name}: this command has its own store and sets that itself");
        }
        let values = [
            endpoint.url(),
            endpoint.url(),
            "us-east-1".to_owned(),
            "path".to_owned(),
            credentials.access_key.clone(),
            credentials.secret_key.expose().to_owned(),
            String::new(),
        ];
        for (name, value) in STORE.into_iter().zip(values) {
            // Another application than ours may lack some of them.
            if manifest.variables.contains_key(name) {
                sources.explicit.insert(name.to_owned(), value);
            }
        }
        let mut variables = Variables::resolve(&manifest.variables, &sources)?;
        let mut config = config(&manifest, &variables)?;
        let key_is_fresh = config.pseudonym_key.is_none();
        if key_is_fresh {
            variables.set("pseudonym_key", random::hex(32));
            config = self::config(&manifest, &variables)?;
        }
        let options = settings.options(&manifest)?;
        Ok(Self {
            manifest,
            variables,
            options,
            config,
            key_is_fresh,
        })
    }
}

/// Reads the settings as the function does, from the variables of the first route's component.
pub(crate) fn config(manifest: &Manifest, variables: &Variables) -> Result<Config> {
    let route = manifest
        .routes
        .first()
        .context("the application has no route")?;
    let component = manifest
        .components
        .get(&route.component)
        .context("the route leads nowhere")?;
    let variables = variables.for_component(&component.variables)?;
    let config = Config::from_lookup(|name| variables.get(name).map(str::to_owned));
    config.context("the application's settings")
}
