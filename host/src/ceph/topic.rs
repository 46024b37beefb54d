//! The topic that a gateway pushes to.
//!
//! A gateway never tries a topic's endpoint when it accepts it, ignores attributes that it does not
//! know, and delivers late or not at all. The only evidence is the topic as it reads back, so that
//! is compared attribute by attribute.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use http::StatusCode;
use s3::{Client, Retry, Sns};

use super::{
    configuration::{self, Entry},
    push::Push,
    queue,
    resource::{Observed, Resource, State},
    stored_topic::{arn, stored},
};

/// Retries of an action.
const RETRY: Retry = Retry {
    attempts: 5,
    pause: Duration::from_millis(100),
};

/// A topic and its endpoint.
pub struct Topic {
    /// Client with the owner's keys.
    pub client: Client,
    /// The topic's name, which is also the name of the Kafka topic.
    pub name: String,
    /// The endpoint; without it only the name matters.
    pub push: Option<Push>,
    /// The bucket whose notification goes to this topic.
    pub bucket: String,
    /// A name to propose if this one is taken.
    pub proposal: String,
}

impl Topic {
    /// Reports whether the bucket's PUTs are rejected because this topic's queue is missing.
    async fn lacks_queue(&self, arn: &str) -> Result<bool> {
        let Ok(all) = configuration::read(&self.client, &self.bucket).await else {
            return Ok(false);
        };
        let names = |entry: &&Entry| entry.topic == arn && entry.is_about_creation();
        match all.topics.iter().find(names) {
            Some(entry) => Ok(queue::is_missing(&self.client, &self.bucket, entry).await?),
            None => Ok(false),
        }
    }

    fn explain(&self, push: &Push, error: s3::Error) -> anyhow::Error {
        let status = error.status();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let reason = match status {
            Some(StatusCode::FORBIDDEN) => format!(
                "the topic belongs to another user; choose another name, as in --topic {}",
                self.proposal
            ),
            Some(StatusCode::BAD_REQUEST) if !self.name.chars().all(is_plain) => {
                "from Ceph 19 on a topic's name holds only letters, digits, `-` and `_`".to_owned()
            }
            Some(StatusCode::BAD_REQUEST) if push.has_secret() => {
                "the gateway takes no user and password of a topic over plain HTTP; reach it over HTTPS, or set \
                 rgw_allow_notification_secrets_in_cleartext = true there"
                    .to_owned()
            }
            _ => return error.into(),
        };
        anyhow::Error::from(error).context(reason)
    }

    /// Fails if the topic seems to be another user's: before Ceph 19 topics have no owner, and the
    /// gateway would let it be taken over without a word.
    async fn must_not_be_others(&self, push: &Push, arn: &str) -> Result<()> {
        let Some(stored) = stored(&self.client, arn).await? else {
            return Ok(());
        };
        if stored.knows_limits()
            || stored.address.is_empty()
            || stored.pushes_to(push)
            || !configuration::naming(&self.client, arn).await?.is_empty()
        {
            return Ok(());
        }
        bail!(
            "a topic of this name pushes to another address, and no bucket of this user has a notification to it, so it may be \
             another user's; choose another name, as in --topic {}, or if it is yours, delete it first",
            self.proposal
        )
    }
}

#[async_trait]
impl Resource for Topic {
    fn name(&self) -> String {
        format!("topic {}", self.name)
    }

    fn desired(&self) -> String {
        self.push
            .as_ref()
            .map_or_else(|| "there".into(), Push::describe)
    }

    async fn read(&self) -> Result<Observed> {
        let Some(arn) = arn(&self.client, &self.name).await? else {
            return Ok(State::Missing.into());
        };
        let Some(stored) = stored(&self.client, &arn).await? else {
            return Ok(State::Missing.into());
        };
        let Some(push) = &self.push else {
            return Ok(State::InSync.into());
        };
        let (mut differs, ignored) = stored.compare(push);
        if stored.persistent && self.lacks_queue(&arn).await? {
            differs.push("its queue is missing, so uploads are rejected".to_owned());
        }
        let mut notes = push.notes();
        if !ignored.is_empty() {
            notes.push(format!(
                "this gateway ignores {}: it does not show them, as gateways before Ceph 19 don't; a persistent topic retries \
                 without end there",
                ignored.join(", ")
            ));
        }
        let state = if differs.is_empty() {
            State::InSync
        } else {
            State::Drifted(differs.join(", "))
        };
        Ok(Observed { state, notes })
    }

    async fn apply(&self) -> Result<()> {
        let push = self
            .push
            .as_ref()
            .context("the topic needs an endpoint; set it with --push")?;
        if let Some(arn) = arn(&self.client, &self.name).await? {
            self.must_not_be_others(push, &arn).await?;
        }
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
        if let Err(error) = act(&self.client, &borrowed).await {
            return Err(self.explain(push, error));
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
        act(&self.client, &parameters).await?;
        Ok(())
    }
}

/// Sends an action, repeated if the gateway fails: before Ceph 19 all topics of a tenant are one
/// object, and the second of two concurrent writers gets 500.
async fn act(client: &Client, parameters: &[(&str, &str)]) -> Result<(), s3::Error> {
    let client = client.clone().with_retry(RETRY);
    client.send(&Sns { parameters }).await.map(drop)
}
