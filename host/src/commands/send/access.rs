//! Address of the store and keys of the sender: from the usual S3 variables, or else from the
//! function's.

use anyhow::{Context, Result};
use clap::Args;
use s3::{Addressing, Client, Credentials, Endpoint, Secret};

use crate::{ceph::transport, commands::shared::store_client::RETRY};

/// Options for the store. Keys come from the environment only: AWS_ACCESS_KEY_ID,
/// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or else SPIN_VARIABLE_S3_ACCESS_KEY and so on, as
/// for the function.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// The store's endpoint [env: AWS_ENDPOINT_URL or SPIN_VARIABLE_S3_ENDPOINT].
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The region to sign for [env: AWS_REGION or SPIN_VARIABLE_S3_REGION] [default: us-east-1].
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Address buckets as `bucket.host` [env: SPIN_VARIABLE_S3_STYLE=virtual].
    #[arg(long)]
    pub virtual_host: bool,
}

impl AccessArgs {
    /// Builds a client from these arguments and the environment's keys.
    ///
    /// # Errors
    /// Returns an error if the endpoint or a key is missing, or the endpoint is invalid.
    pub(in crate::commands) fn client(&self) -> Result<Client> {
        self.client_from(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn client_from(&self, env: impl Fn(&str) -> Option<String>) -> Result<Client> {
        let either = |first: &str, second: &str| {
            env(first).or_else(|| env(&format!("SPIN_VARIABLE_S3_{second}")))
        };
        let endpoint = self.endpoint.clone();
        let endpoint = endpoint.or_else(|| either("AWS_ENDPOINT_URL", "ENDPOINT"));
        let endpoint =
            endpoint.context("the store is not set; use --endpoint or AWS_ENDPOINT_URL")?;
        let is_virtual = self.virtual_host
            || env("SPIN_VARIABLE_S3_STYLE").is_some_and(|style| style == "virtual");
        let addressing = match is_virtual {
            true => Addressing::VirtualHost,
            false => Addressing::Path,
        };
        let endpoint = Endpoint::parse(&endpoint, addressing)
            .map_err(|problem| anyhow::anyhow!("the endpoint {problem}"))?;
        let access_key = either("AWS_ACCESS_KEY_ID", "ACCESS_KEY");
        let secret_key = either("AWS_SECRET_ACCESS_KEY", "SECRET_KEY");
        let (access_key, secret_key) = access_key
            .zip(secret_key)
            .context("the keys are not set; use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")?;
        // A token belongs to the keys beside it.
        let token = match env("AWS_ACCESS_KEY_ID") {
            Some(_) => env("AWS_SESSION_TOKEN"),
            None => env("SPIN_VARIABLE_S3_SESSION_TOKEN"),
        };
        let region = self.region.clone();
        let region = region.or_else(|| either("AWS_REGION", "REGION"));
        let credentials =
            Credentials::new(access_key, secret_key).with_session_token(token.map(Secret::new));
        Ok(Client::new(endpoint, credentials, transport()?)
            .with_region(region.unwrap_or_else(|| "us-east-1".into()))
            .with_retry(RETRY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(set: &[(&str, &str)]) -> Result<Client> {
        let args = AccessArgs {
            endpoint: None,
            region: None,
            virtual_host: false,
        };
        let find = |name: &str| set.iter().find(|(n, _)| *n == name);
        args.client_from(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn missing_parts_are_named() {
        let endpoint = ("AWS_ENDPOINT_URL", "http://rgw:7480");
        let (key, secret) = (
            ("AWS_ACCESS_KEY_ID", "a"),
            ("SPIN_VARIABLE_S3_SECRET_KEY", "s"),
        );
        for (set, says) in [
            (vec![], "--endpoint"),
            (vec![("AWS_ENDPOINT_URL", "rgw")], "http://"),
            (vec![endpoint], "AWS_ACCESS_KEY_ID"),
            (vec![endpoint, key], "AWS_SECRET_ACCESS_KEY"),
        ] {
            let error = client(&set).err().unwrap();
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
        assert!(client(&[endpoint, key, secret]).is_ok());
    }
}
