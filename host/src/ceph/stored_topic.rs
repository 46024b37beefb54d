//! Topics as a gateway reports them.

use anyhow::{Context, Result};
use http::StatusCode;
use s3::{Client, Sns, xml};
use serde::Deserialize;
use serde_json::Value;

use super::push::Push;

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

/// A topic as the gateway reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The topic's ARN.
    pub arn: String,
    /// The endpoint's address; empty if it pushes nowhere.
    pub address: String,
    /// True if the gateway queues its events until they are delivered.
    pub persistent: bool,
    /// All attributes that were set, as `name=value`, in the gateway's own format.
    pub arguments: String,
    /// Text that every event carries.
    pub opaque_data: String,
    /// Limits on retries under the names used here: `time_to_live`, `max_retries`,
    /// `retry_sleep_duration`; empty values are not set. Gateways before Ceph 19 have none.
    pub retries: Vec<(&'static str, String)>,
}

/// Attributes of `CreateTopic` that change the delivery, as the gateway's documentation names them.
const OPTIONS: [&str; 11] = [
    "use-ssl",
    "verify-ssl",
    "ca-location",
    "mechanism",
    "kafka-ack-level",
    "kafka-brokers",
    "amqp-exchange",
    "amqp-ack-level",
    "cloudevents",
    "user-name",
    "disable_ssl",
];

/// Names of the limits in requests and in the gateway's responses, which differ.
const RETRIES: [(&str, &str); 3] = [
    ("time_to_live", "TimeToLive"),
    ("max_retries", "MaxRetries"),
    ("retry_sleep_duration", "RetrySleepDuration"),
];

/// Returns the ARN of the topic with this name. From Ceph 19 on the list comes in pages of 100
/// topics of all users, of which only those of this user are shown.
///
/// # Errors
/// Returns an error if the gateway does not list its topics.
pub async fn arn(client: &Client, name: &str) -> Result<Option<String>> {
    let mut token = String::new();
    loop {
        let (topics, next) = page(client, &token).await?;
        let mut arns = topics.member.into_iter().map(|m| m.arn);
        let found = arns.find(|arn| arn.rsplit(':').next() == Some(name));
        match next.filter(|next| found.is_none() && !next.is_empty()) {
            Some(next) => token = next,
            None => return Ok(found),
        }
    }
}

/// Returns a page, and the token of the next one.
async fn page(client: &Client, token: &str) -> Result<(TopicList, Option<String>)> {
    let mut parameters = vec![("Action", "ListTopics")];
    if !token.is_empty() {
        parameters.push(("NextToken", token));
    }
    let parameters = &parameters;
    let listed = client.send(&Sns { parameters }).await;
    let is_refused = matches!(&listed, Err(error) if error.status() == Some(StatusCode::FORBIDDEN));
    let body = listed.with_context(|| match is_refused {
        true => {
            "a gateway that has a topic with a password lists topics only over HTTPS, or where \
             rgw_allow_notification_secrets_in_cleartext is set"
        }
        false => "the list of topics",
    })?;
    let topics: Topics = xml::from_slice(&body).context("the list of topics")?;
    // In Ceph's response it stands beside the result, in Amazon's within it.
    Ok((topics.result.topics, xml::text(&body, "NextToken")))
}

/// Reads the topic with this ARN.
///
/// # Errors
/// Returns an error if the gateway does not show it.
pub async fn stored(client: &Client, arn: &str) -> Result<Option<Stored>> {
    let parameters = &[("Action", "GetTopicAttributes"), ("TopicArn", arn)];
    let body = match client.send(&Sns { parameters }).await {
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(None),
        shown => shown?,
    };
    let read: Attributes = xml::from_slice(&body).context("the topic's attributes")?;
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
    let limit = |value: String| {
        Some(value)
            .filter(|value| value != "None")
            .unwrap_or_default()
    };
    let of = |(name, key): (&'static str, &str)| text(key).map(|value| (name, limit(value)));
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
    /// Lists the differences from the desired endpoint, and the attributes that the gateway
    /// ignores.
    pub fn compare(&self, push: &Push) -> (Vec<String>, Vec<String>) {
        let (mut differs, mut ignored) = (Vec::new(), Vec::new());
        if !self.pushes_to(push) {
            differs.push("pushes to another address".to_owned());
        }
        if self.persistent != push.persistent {
            let is = if self.persistent { "is" } else { "is not" };
            differs.push(format!("{is} persistent"));
        }
        if self.opaque_data != push.opaque_data {
            differs.push("has different opaque data".to_owned());
        }
        for (name, value) in push.own_attributes() {
            if let Some((_, is)) = self.retries.iter().find(|(known, _)| *known == name) {
                if *is != value {
                    let is = if is.is_empty() { "not set" } else { is };
                    differs.push(format!("{name} is {is}"));
                }
            } else if RETRIES.iter().any(|(known, _)| *known == name) {
                ignored.push(name);
            } else if !self.has(&name, &value) {
                differs.push(format!("{name} differs"));
            }
        }
        // Options that were set earlier and are not wanted any more.
        let wanted = push.own_attributes();
        let is_wanted = |name: &str| wanted.iter().any(|(own, _)| own == name);
        let limits = self.retries.iter().map(|(name, is)| (*name, is.as_str()));
        for (name, is) in limits.chain(self.options()) {
            if !is.is_empty() && !is_wanted(name) {
                differs.push(format!("{name} is {is}"));
            }
        }
        (differs, ignored)
    }

    /// Reports whether it pushes to this address. A gateway may withhold the password; one that
    /// shows it lets us compare it.
    pub fn pushes_to(&self, push: &Push) -> bool {
        self.address == push.shown_address() || self.address == push.address
    }

    /// Returns the options among the attributes. Before Ceph 19 the limits on retries are among
    /// them and have no effect.
    fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self
            .arguments
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| {
            OPTIONS.contains(name) || RETRIES.iter().any(|(limit, _)| limit == name)
        })
    }

    /// Reports whether the gateway is of Ceph 19 or later: those show limits on retries, even unset
    /// ones.
    pub fn knows_limits(&self) -> bool {
        !self.retries.is_empty()
    }

    /// Reports whether the gateway is of Ceph 16: only that one lists the parameters of the request
    /// among the attributes.
    pub fn is_of_16(&self) -> bool {
        self.arguments.contains("Attributes.entry.")
    }

    /// Reports whether an attribute was set to this value. The gateway joins names and values with
    /// `=` and `&` and escapes neither.
    fn has(&self, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        format!("&{}&", self.arguments).contains(&format!("&{wanted}&"))
    }
}
