//! What became of a picture: the function's report on it, and where its outputs are.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Response;
use s3::{Client, ObjectHead};
use serde::Deserialize;
use serde_json::Value;
use xray::{config::Config, deidentify::Pseudonyms, event::ObjectRef, store::decide};

/// The function's report on one object; what it does not tell is empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    /// `done`, `skipped`, `rejected`, `quarantined` or `retry`.
    pub outcome: String,
    /// Why, in a word for machines.
    pub reason: Option<String>,
    /// Why, in words for people.
    pub detail: Option<String>,
    /// `Pneumonia`, `Unsure` or `Normal`.
    pub class: Option<String>,
    /// Why nothing is claimed of the picture; there is no risk then.
    pub doubt: Option<String>,
    /// The risk, from 0 to 1.
    pub risk: Option<f64>,
    /// What became of the labelled picture.
    pub processed: Option<String>,
    /// What became of the anonymized copy: `quarantined` where it is kept apart, `withheld` where it is stored nowhere.
    pub anonymized: Option<String>,
    /// What was covered on the anonymized copy.
    pub redaction: Option<Value>,
    /// Which model it was.
    pub model: Option<Value>,
    /// The digest of the settings.
    pub settings: Option<String>,
    /// The format of source and outputs.
    pub format: Option<String>,
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// Durations of the steps in milliseconds.
    pub ms: BTreeMap<String, f64>,
}

impl Report {
    /// Reads the answer to a notification, which is about one object.
    ///
    /// # Errors
    /// When the answer holds no report; it then says what the answer was.
    pub fn of(answer: &Response<Bytes>) -> Result<Self> {
        #[derive(Deserialize)]
        struct Answer {
            records: Vec<Report>,
        }
        let status = answer.status();
        if let Ok(read) = serde_json::from_slice::<Answer>(answer.body())
            && let Some(report) = read.records.into_iter().next()
        {
            return Ok(report);
        }
        let problem: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        match problem["detail"].as_str() {
            Some(detail) => bail!("the function answered {status}: {detail}"),
            None => bail!("the function answered {status} without a report"),
        }
    }

    /// Whether the anonymized copy is due and not clean for sure, or can't be made.
    pub fn is_quarantined(&self) -> bool {
        self.outcome == "quarantined"
    }

    /// Whether everything that is due was made, now or by an earlier event.
    pub fn is_complete(&self) -> bool {
        self.outcome == "done" || (self.outcome == "skipped" && self.reason() == "duplicate")
    }

    /// The word for machines, empty if there is none.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    /// Why it did not work, in words, if it did not.
    pub fn failure(&self) -> Option<String> {
        if self.is_complete() {
            return None;
        }
        let why = [self.reason.as_deref(), self.detail.as_deref()];
        let why: Vec<&str> = why.into_iter().flatten().collect();
        Some(format!("{}: {}", self.outcome, why.join(": ")))
    }
}

/// The keys of a picture's outputs, where there are any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// In the bucket of labelled pictures.
    pub processed: Option<String>,
    /// In the bucket of anonymized copies.
    pub anonymized: Option<String>,
    /// In the bucket of copies that are not clean for sure.
    pub quarantined: Option<String>,
}

/// The bucket of labelled pictures.
pub fn processed_bucket(bucket: &str, config: &Config) -> String {
    format!("{bucket}{}", config.processed_suffix)
}

/// The bucket of anonymized copies.
pub fn anonymized_bucket(bucket: &str, config: &Config) -> String {
    format!("{bucket}{}", config.anonymized_suffix)
}

/// The bucket of copies that are not clean for sure, where the settings have one.
pub fn quarantine_bucket(bucket: &str, config: &Config) -> Option<String> {
    let suffix = config.quarantine_suffix.as_ref()?;
    Some(format!("{bucket}{suffix}"))
}

/// Looks up what the store holds for a picture.
///
/// # Errors
/// When the store does not answer, or the key can't be one.
pub async fn outputs_of(
    client: &Client,
    config: &Config,
    bucket: &str,
    key: &str,
) -> Result<Outputs> {
    let processed = decide::processed_key(key);
    let there = client
        .head(&processed_bucket(bucket, config), &processed)
        .await?
        .is_some();
    let mut outputs = Outputs {
        processed: there.then_some(processed),
        ..Outputs::default()
    };
    if let Some(secret) = &config.pseudonym_key {
        let pseudonyms = Pseudonyms::new(secret.clone(), config.study_id, config.exam_date);
        let object = ObjectRef::new(bucket, key, None).context("the key can't be one")?;
        let keys = pseudonyms.anonymized_keys(bucket, key);
        let keys = [keys.base, keys.alternative];
        let copy_in = async |bucket: String| -> Result<Option<String>> {
            let mut copy = None;
            for key in &keys {
                let found = client.head(&bucket, key).await?;
                let ours =
                    |head| decide::is_made_from(&ObjectHead::of(&head), &object, &pseudonyms);
                if found.is_some_and(ours) {
                    copy = Some(key.clone());
                }
            }
            Ok(copy)
        };
        outputs.anonymized = copy_in(anonymized_bucket(bucket, config)).await?;
        if let Some(bucket) = quarantine_bucket(bucket, config) {
            outputs.quarantined = copy_in(bucket).await?;
        }
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .body(body.to_owned().into())
            .unwrap()
    }

    #[test]
    fn a_report_is_read_from_the_answer() {
        let body = r#"{"outcome":"done","records":[{"event":"object","outcome":"done","class":"Normal",
            "risk":0.25,"ms":{"decode":1.5,"total":3.0},"new":"field"}]}"#;
        let report = Report::of(&answer(200, body)).unwrap();
        assert_eq!(
            (report.class.as_deref(), report.risk),
            (Some("Normal"), Some(0.25))
        );
        assert_eq!((report.ms["total"], report.failure()), (3.0, None));
    }

    #[test]
    fn a_failure_is_told_in_words() {
        let body = r#"{"outcome":"rejected","records":[{"outcome":"rejected","reason":"damaged","detail":"no end"}]}"#;
        let report = Report::of(&answer(200, body)).unwrap();
        assert_eq!(report.failure().unwrap(), "rejected: damaged: no end");
    }

    #[test]
    fn an_answer_without_a_report_is_an_error() {
        let problem = Report::of(&answer(400, r#"{"detail":"not an event"}"#)).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "the function answered 400 Bad Request: not an event"
        );
        let empty = Report::of(&answer(429, "")).unwrap_err();
        assert!(empty.to_string().contains("429"));
    }
}
