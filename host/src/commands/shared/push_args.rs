//! Flags for the endpoint of a topic. A combination that a gateway would accept but never deliver
//! to is an error here.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use url::Url;

use crate::ceph::push::{Kind, Push};

/// Flags for the endpoint of a topic.
#[derive(Debug, Default, Args)]
pub struct PushArgs {
    /// Address to push events to, as the gateway reaches it: kafka://HOST:9092,
    /// amqp://HOST:PORT/VHOST (or amqps), or http://HOST:PORT/ (or https).
    #[arg(long, value_name = "URL")]
    pub push: Option<String>,
    /// Do not queue events at the gateway: those sent while the receiver is down are lost.
    #[arg(long)]
    pub not_persistent: bool,
    /// Seconds after which a queued event is dropped (Ceph 19 and later).
    #[arg(long, value_name = "SECONDS")]
    pub time_to_live: Option<u32>,
    /// Deliveries of one event before it is dropped (Ceph 19 and later).
    #[arg(long, value_name = "N")]
    pub max_retries: Option<u32>,
    /// Seconds between deliveries of one event (Ceph 19 and later; earlier ones do not wait).
    #[arg(long, value_name = "SECONDS")]
    pub retry_sleep: Option<u32>,
    /// Text that every event carries.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub opaque_data: String,
    /// Encrypt the connection to Kafka. For AMQP and HTTP the URL decides.
    #[arg(long)]
    pub tls: bool,
    /// Certificate authority of the receiver: a file on the gateway's machine.
    #[arg(long, value_name = "PATH")]
    pub ca_location: Option<PathBuf>,
    /// Accept any certificate of the receiver (HTTPS and AMQPS).
    #[arg(long)]
    pub no_verify: bool,
    /// Acknowledgement that counts as delivery: none, broker, or for AMQP routable [default:
    /// broker].
    #[arg(long, value_name = "LEVEL")]
    pub ack: Option<String>,
    /// Exchange, for AMQP.
    #[arg(long, value_name = "NAME")]
    pub exchange: Option<String>,
    /// SASL mechanism for Kafka: PLAIN, SCRAM-SHA-256, … (Ceph 18 and later; earlier ones know
    /// PLAIN).
    #[arg(long, value_name = "NAME")]
    pub sasl_mechanism: Option<String>,
    /// The gateway's user at the broker. Its password is taken from the environment variable
    /// XRAY_PUSH_PASSWORD.
    #[arg(long, value_name = "NAME")]
    pub push_user: Option<String>,
    /// Any other attribute of the topic; repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    pub topic_attribute: Vec<String>,
}

impl PushArgs {
    /// Returns the endpoint, or `None` if no URL is set.
    ///
    /// # Errors
    /// Returns an error if no gateway accepts the URL, or a flag makes no sense with it.
    pub fn read(&self) -> Result<Option<Push>> {
        let password = std::env::var("XRAY_PUSH_PASSWORD").ok();
        self.with_password(password.filter(|text| !text.is_empty()))
    }

    fn with_password(&self, password: Option<String>) -> Result<Option<Push>> {
        let Some(text) = &self.push else {
            return Ok(None);
        };
        // Not quoted in errors: people put passwords into URLs.
        let mut url = Url::parse(text).ok().context(
            "--push is not a URL; write it as kafka://HOST:9092, amqp://HOST or http://HOST:3000/",
        )?;
        let kind = match url.scheme() {
            "kafka" => Kind::Kafka,
            "amqp" | "amqps" => Kind::Amqp,
            "http" | "https" => Kind::Http,
            other => {
                bail!("--push: a gateway knows kafka, amqp, amqps, http and https, not `{other}`")
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            bail!("--push: give the user with --push-user and the password in XRAY_PUSH_PASSWORD");
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        if host.is_empty() {
            bail!("--push: the URL has no host");
        }
        if kind == Kind::Kafka && !matches!(url.path(), "" | "/") {
            bail!("--push: a Kafka URL ends with the port; the Kafka topic is named by --topic");
        }
        let mut address = text.clone();
        match (&self.push_user, password) {
            (Some(user), Some(password)) => {
                let set = url
                    .set_username(user)
                    .and_then(|()| url.set_password(Some(&password)));
                set.ok()
                    .context("--push: this URL can't carry a user and password")?;
                address = url.to_string();
            }
            (Some(_), None) => {
                bail!(
                    "--push-user needs the password in the environment variable XRAY_PUSH_PASSWORD"
                )
            }
            (None, _) => {}
        }
        Ok(Some(Push {
            kind,
            address,
            persistent: !self.not_persistent,
            opaque_data: self.opaque_data.clone(),
            host: text.clone(),
            user: self.push_user.clone(),
            other: self.other(kind)?,
        }))
    }

    /// Returns the attributes beyond address, persistence and opaque data.
    fn other(&self, kind: Kind) -> Result<Vec<(String, String)>> {
        let only = |flag: &str, given: bool, kinds: &[Kind]| {
            if given && !kinds.contains(&kind) {
                bail!("{flag} makes no sense for {kind:?}");
            }
            Ok(())
        };
        only("--tls", self.tls, &[Kind::Kafka])?;
        only(
            "--sasl-mechanism",
            self.sasl_mechanism.is_some(),
            &[Kind::Kafka],
        )?;
        only("--exchange", self.exchange.is_some(), &[Kind::Amqp])?;
        only("--no-verify", self.no_verify, &[Kind::Amqp, Kind::Http])?;
        only("--ack", self.ack.is_some(), &[Kind::Amqp, Kind::Kafka])?;
        only(
            "--ca-location",
            self.ca_location.is_some(),
            &[Kind::Amqp, Kind::Kafka],
        )?;
        if kind == Kind::Amqp && self.exchange.is_none() {
            bail!("--exchange is missing; AMQP needs an existing one");
        }
        let retries = self.time_to_live.or(self.max_retries).or(self.retry_sleep);
        if self.not_persistent && retries.is_some() {
            bail!("--time-to-live, --max-retries and --retry-sleep are for persistent topics");
        }
        let ack = self.ack.as_deref().unwrap_or("broker");
        let level = match (kind, ack) {
            (Kind::Kafka, "none" | "broker") => Some("kafka-ack-level"),
            (Kind::Amqp, "none" | "broker" | "routable") => Some("amqp-ack-level"),
            (Kind::Http, _) => None,
            _ => bail!("--ack {ack}: Kafka takes none and broker, AMQP routable too"),
        };
        let text = |value: Option<u32>| value.map(|n| n.to_string());
        let path = self.ca_location.as_ref();
        let pairs = [
            (level.unwrap_or_default(), level.map(|_| ack.to_owned())),
            ("use-ssl", self.tls.then(|| "true".to_owned())),
            ("verify-ssl", self.no_verify.then(|| "false".to_owned())),
            ("ca-location", path.map(|path| path.display().to_string())),
            ("mechanism", self.sasl_mechanism.clone()),
            ("amqp-exchange", self.exchange.clone()),
            ("time_to_live", text(self.time_to_live)),
            ("max_retries", text(self.max_retries)),
            ("retry_sleep_duration", text(self.retry_sleep)),
        ];
        let mut other: Vec<(String, String)> = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        for attribute in &self.topic_attribute {
            let (name, value) = attribute
                .split_once('=')
                .context("an argument of --topic-attribute is not NAME=VALUE")?;
            other.push((name.to_owned(), value.to_owned()));
        }
        Ok(other)
    }
}

#[cfg(test)]
#[path = "push_args_tests.rs"]
mod tests;
