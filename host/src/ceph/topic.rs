//! The topic that a gateway pushes to.
//!
//! A gateway never tries a topic's endpoint when it takes it, ignores what it does not know, and delivers later or not at
//! all. What can be seen is the topic as it reads back, so that is compared attribute by attribute.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Response, StatusCode};
use s3::Client;

use super::{
    configuration,
    part::{Found, Look, Part},
    push::Push,
    refusal::{Refusal, accept, refused},
    stored_topic::{arn, stored},
};

/// How often a gateway that fails is asked.
const TRIES: u32 = 5;
/// Time between two of these.
const PAUSE: Duration = Duration::from_millis(200);

/// A topic with where it pushes to.
pub struct Topic {
    /// The owner.
    pub client: Client,
    /// Its name, which is the Kafka topic's too.
    pub name: String,
    /// Where and how it pushes. Without it only the name counts.
    pub push: Option<Push>,
}

#[async_trait]
impl Part for Topic {
    fn name(&self) -> String {
        format!("topic {}", self.name)
    }

    fn wanted(&self) -> String {
        self.push
            .as_ref()
            .map_or_else(|| "there".into(), Push::describe)
    }

    async fn look(&self) -> Result<Look> {
        let Some(arn) = arn(&self.client, &self.name).await? else {
            return Ok(Found::Missing.into());
        };
        let Some(stored) = stored(&self.client, &arn).await? else {
            return Ok(Found::Missing.into());
        };
        let Some(push) = &self.push else {
            return Ok(Found::Same.into());
        };
        let (differs, ignored) = stored.compare(push);
        let mut notes = push.notes();
        if !ignored.is_empty() {
            notes.push(format!(
                "this gateway ignores {}: it does not show them, as gateways before Ceph 18 don't; a persistent topic retries \
                 without end there",
                ignored.join(", ")
            ));
        }
        let found = if differs.is_empty() {
            Found::Same
        } else {
            Found::Differs(differs.join(", "))
        };
        Ok(Look { found, notes })
    }

    async fn make(&self) -> Result<()> {
        let push = self
            .push
            .as_ref()
            .context("--push says where the topic is to push to")?;
        let mut parameters = vec![
            ("Action".to_owned(), "CreateTopic".to_owned()),
            ("Name".to_owned(), self.name.clone()),
        ];
        for (index, (name, value)) in push.attributes().into_iter().enumerate() {
            let entry = format!("Attributes.entry.{}", index + 1);
            parameters.push((format!("{entry}.key"), name));
            parameters.push((format!("{entry}.value"), value));
        }
        let borrowed: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = act(&self.client, &borrowed).await?;
        if let Some(refusal) = refused(&answer) {
            return Err(self.explain(push, refusal));
        }
        match arn(&self.client, &self.name).await? {
            Some(arn) => configuration::renew(&self.client, &arn).await,
            None => Ok(()),
        }
    }

    async fn remove(&self) -> Result<()> {
        let Some(arn) = arn(&self.client, &self.name).await? else {
            return Ok(());
        };
        if let Some((bucket, _)) = configuration::naming(&self.client, &arn).await?.first() {
            bail!(
                "a notification of {bucket} still names it, and without its topic the gateway would refuse every PUT there; \
                 remove that notification first"
            );
        }
        let parameters = [("Action", "DeleteTopic"), ("TopicArn", arn.as_str())];
        accept(act(&self.client, &parameters).await?).map(drop)
    }
}

/// Asks again where the gateway fails: all topics of a tenant are one object before Ceph 19, and whoever writes it second gets 500.
async fn act(client: &Client, parameters: &[(&str, &str)]) -> Result<Response<Bytes>> {
    for _ in 1..TRIES {
        let answer = client.sns(parameters).await?;
        if !answer.status().is_server_error() {
            return Ok(answer);
        }
        tokio::time::sleep(PAUSE).await;
    }
    client.sns(parameters).await
}

impl Topic {
    fn explain(&self, push: &Push, refusal: Refusal) -> anyhow::Error {
        let is_plain = push.has_secret() && refusal.status == StatusCode::BAD_REQUEST;
        let error = anyhow::Error::from(refusal);
        if is_plain {
            return error.context(
                "the gateway takes no user and password of a topic over plain HTTP; reach it over HTTPS, or set \
                 rgw_allow_notification_secrets_in_cleartext = true there",
            );
        }
        error
    }
}
