//! The topic that a gateway pushes to.
//!
//! A gateway never tries a topic's endpoint when it takes it, ignores what it does not know, and delivers later or not at
//! all. What can be seen is the topic as it reads back, so that is compared attribute by attribute.

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use xray_demo::Client;

use super::{
    bucket, notification,
    part::{Found, Look, Part},
    push::Push,
    refusal::{Refusal, accept, refused},
    xml,
};

/// A topic with where it pushes to.
pub struct Topic {
    /// The owner.
    pub client: Client,
    /// Its name, which is the Kafka topic's too.
    pub name: String,
    /// Where and how it pushes. Without it only the name counts.
    pub push: Option<Push>,
}

#[derive(Debug, Deserialize)]
struct Topics {
    #[serde(rename = "ListTopicsResult")]
    result: TopicsResult,
}

#[derive(Debug, Deserialize)]
struct TopicsResult {
    #[serde(rename = "Topics", default)]
    topics: TopicList,
}

#[derive(Debug, Default, Deserialize)]
struct TopicList {
    #[serde(default)]
    member: Vec<Member>,
}

#[derive(Debug, Deserialize)]
struct Member {
    #[serde(rename = "TopicArn")]
    arn: String,
}

#[derive(Debug, Deserialize)]
struct Attributes {
    #[serde(rename = "GetTopicAttributesResult")]
    result: AttributesResult,
}

#[derive(Debug, Deserialize)]
struct AttributesResult {
    #[serde(rename = "Attributes")]
    attributes: Entries,
}

#[derive(Debug, Deserialize)]
struct Entries {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    key: String,
    #[serde(default)]
    value: String,
}

/// A topic as it reads back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its ARN.
    pub arn: String,
    /// Where it pushes to; empty for nowhere.
    pub address: String,
    /// Whether its events wait in a queue at the gateway.
    pub persistent: bool,
    /// `name=value` of everything that was set, as the gateway keeps it.
    pub arguments: String,
    /// What it says in every event.
    pub opaque_data: String,
    /// The limits on retries by their names here: `time_to_live`, `max_retries`, `retry_sleep_duration`. Gateways before Ceph
    /// 18 have none.
    pub retries: Vec<(&'static str, String)>,
}

/// How a gateway names in its answers what requests call otherwise.
const RETRIES: [(&str, &str); 3] = [
    ("time_to_live", "TimeToLive"),
    ("max_retries", "MaxRetries"),
    ("retry_sleep_duration", "RetrySleepDuration"),
];

/// The ARN of the topic of this name.
///
/// # Errors
/// When the gateway does not list its topics.
pub async fn arn(client: &Client, name: &str) -> Result<Option<String>> {
    let answer = client.sns(&[("Action", "ListTopics")]).await?;
    let topics: Topics = xml::read(&accept(answer)?).context("the list of topics")?;
    let mut arns = topics.result.topics.member.into_iter().map(|m| m.arn);
    Ok(arns.find(|arn| arn.rsplit(':').next() == Some(name)))
}

/// The topic of this ARN.
///
/// # Errors
/// When the gateway does not show it.
pub async fn stored(client: &Client, arn: &str) -> Result<Option<Stored>> {
    let parameters = [("Action", "GetTopicAttributes"), ("TopicArn", arn)];
    let answer = client.sns(&parameters).await?;
    if answer.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let read: Attributes = xml::read(&accept(answer)?).context("the topic's attributes")?;
    let entries = read.result.attributes.entry;
    let get = |key: &str| {
        let own = entries.iter().find(|entry| entry.key == key);
        own.map(|entry| entry.value.clone()).unwrap_or_default()
    };
    // The endpoint is JSON within the XML.
    let endpoint: Value = serde_json::from_str(&get("EndPoint")).unwrap_or_default();
    let text = |key: &str| match &endpoint[key] {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    };
    let of = |(name, key): (&'static str, &str)| text(key).map(|value| (name, value));
    Ok(Some(Stored {
        arn: arn.to_owned(),
        address: text("EndpointAddress").unwrap_or_default(),
        persistent: text("Persistent").is_some_and(|text| text.eq_ignore_ascii_case("true")),
        arguments: text("EndpointArgs").unwrap_or_default(),
        opaque_data: get("OpaqueData"),
        retries: RETRIES.into_iter().filter_map(of).collect(),
    }))
}

impl Stored {
    /// What is other than wanted, in words, and what the gateway ignores.
    pub fn compare(&self, push: &Push) -> (Vec<String>, Vec<String>) {
        let (mut differs, mut ignored) = (Vec::new(), Vec::new());
        if self.address != push.shown_address() && self.address != push.address {
            differs.push("pushes elsewhere".to_owned());
        }
        if self.persistent != push.persistent {
            let is = if self.persistent { "is" } else { "is not" };
            differs.push(format!("{is} persistent"));
        }
        if self.opaque_data != push.opaque_data {
            differs.push("has other opaque data".to_owned());
        }
        for (name, value) in push.own_attributes() {
            if let Some((_, is)) = self.retries.iter().find(|(known, _)| *known == name) {
                if *is != value {
                    differs.push(format!("{name} is {is}"));
                }
            } else if RETRIES.iter().any(|(known, _)| *known == name) {
                ignored.push(name);
            } else if !self.has(&name, &value) {
                differs.push(format!("{name} is another"));
            }
        }
        (differs, ignored)
    }

    /// Whether this was set so. The gateway joins names and values with `=` and `&` and escapes neither.
    fn has(&self, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        format!("&{}&", self.arguments).contains(&format!("&{wanted}&"))
    }
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
        let answer = self.client.sns(&borrowed).await?;
        if let Some(refusal) = refused(&answer) {
            return Err(self.explain(push, refusal));
        }
        match arn(&self.client, &self.name).await? {
            Some(arn) => notification::renew(&self.client, &arn).await,
            None => Ok(()),
        }
    }

    async fn remove(&self) -> Result<()> {
        let Some(arn) = arn(&self.client, &self.name).await? else {
            return Ok(());
        };
        for bucket in bucket::owned(&self.client).await? {
            let left = notification::read(&self.client, &bucket).await?.topics;
            if left.iter().any(|entry| entry.topic == arn) {
                bail!(
                    "a notification of {bucket} still names it, and without its topic the gateway would refuse every PUT there; \
                     remove that notification first"
                );
            }
        }
        let parameters = [("Action", "DeleteTopic"), ("TopicArn", arn.as_str())];
        accept(self.client.sns(&parameters).await?).map(drop)
    }
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
