//! Events that crash the component.
//!
//! A gateway's persistent topic repeats an event until the response is a success, immediately and
//! forever. An event whose picture makes the component trap would be repeated so, and delay all
//! others. Its second crash is therefore reported as a rejection. The table holds digests only, and
//! is lost with the process.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use xray::{
    config::Config,
    error::{Outcome, Reason},
    event::{DeliveryStyle, ObjectEvent, intake},
    report::Report,
    store::decide::log_digest,
};

use crate::app::variables::Variables;

/// Events that are remembered.
const REMEMBERED: usize = 16_384;

/// A request that may be a push, kept until the component has responded.
pub struct Push {
    headers: HeaderMap,
    body: Bytes,
}

impl Push {
    /// Keeps the request if a gateway may have sent it.
    pub fn of(request: &Request<Bytes>) -> Option<Self> {
        (request.method() == Method::POST).then(|| Self {
            headers: request.headers().clone(),
            body: request.body().clone(),
        })
    }

    /// Returns the event if it is a gateway's own push of a single record. Kafka sources and
    /// triggers bound their retries, and of several records nobody knows which one is at fault.
    fn event(&self) -> Option<ObjectEvent> {
        let delivery = intake(&Method::POST, &self.headers, &self.body).ok()?;
        let mut records = delivery.records.into_iter();
        match (delivery.style, records.next(), records.next()) {
            (DeliveryStyle::Gateway, Some(Ok(event)), None) => Some(event),
            _ => None,
        }
    }
}

/// The events that crashed one component.
#[derive(Debug, Default)]
pub struct Crashes {
    hasher: RandomState,
    /// Digests, the oldest first.
    seen: Mutex<VecDeque<u64>>,
}

impl Crashes {
    /// Records that the component crashed. Returns a report if it did so before with this event.
    pub fn record(&self, push: &Push, variables: &Variables) -> Option<Report> {
        let event = push.event()?;
        self.is_repeated(&event).then(|| report(&event, variables))
    }

    fn is_repeated(&self, event: &ObjectEvent) -> bool {
        let object = &event.object;
        let digest = self.hasher.hash_one((
            (object.bucket(), object.key(), object.version()),
            event.sequencer.as_ref().map(|sequencer| sequencer.stored()),
            &event.etag,
        ));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&digest) {
            return true;
        }
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(digest);
        false
    }
}

fn report(event: &ObjectEvent, variables: &Variables) -> Report {
    let mut report = Report::new(Outcome::Rejected);
    report.reason = Some(Reason::Crashed);
    report.detail = Some(
        "the function crashed with this event repeatedly; see the line about the crash, and send the event again after \
         an update or with a higher --max-memory"
            .to_owned(),
    );
    report.bucket = Some(event.object.bucket().to_owned());
    // The digest is that of the function's own reports. Another application has no such settings.
    let config = Config::from_lookup(|name| variables.get(name).map(str::to_owned));
    report.source = config.ok().map(|config| log_digest(&event.object, &config));
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(key: &str, sequencer: &str) -> Push {
        let record = serde_json::json!({
            "eventSource": "ceph:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "in"}, "object": {"key": key, "sequencer": sequencer}},
        });
        Push {
            headers: HeaderMap::new(),
            body: serde_json::json!({ "Records": [record] })
                .to_string()
                .into(),
        }
    }

    #[test]
    fn second_crash_with_an_event_is_reported() {
        let crashes = Crashes::default();
        let again = |key: &str, sequencer: &str| {
            let push = push(key, sequencer);
            crashes.record(&push, &Variables::default()).is_some()
        };
        assert!(!again("a", "01"));
        assert!(!again("b", "01"), "another object");
        assert!(!again("a", "02"), "the object was written again");
        assert!(again("a", "01"));
        assert!(again("a", "01"), "and each time after that");
        assert!(again("a", "02"));
    }

    #[test]
    fn table_of_crashes_is_bounded() {
        let crashes = Crashes::default();
        let again = |number: usize| {
            let event = push(&number.to_string(), "01").event().unwrap();
            crashes.is_repeated(&event)
        };
        assert!((0..=REMEMBERED).all(|number| !again(number)));
        assert_eq!(crashes.seen.lock().unwrap().len(), REMEMBERED);
        assert!(!again(0), "the oldest was forgotten");
        assert!(again(REMEMBERED));
    }

    #[test]
    fn only_single_records_of_a_gateway_count() {
        let one = push("a", "01");
        let event = |headers: &[(&'static str, &str)], body: &[u8]| {
            let mut all = HeaderMap::new();
            for (name, value) in headers {
                all.insert(*name, value.parse().unwrap());
            }
            let push = Push {
                headers: all,
                body: Bytes::copy_from_slice(body),
            };
            push.event().is_some()
        };
        let kafka = [
            ("ce-specversion", "1.0"),
            ("ce-type", "dev.knative.kafka.event"),
            ("ce-source", "/a"),
            ("ce-id", "1"),
        ];
        assert!(event(&[], &one.body));
        assert!(!event(&kafka, &one.body));
        assert!(!event(&[("content-type", "image/png")], &one.body));
        assert!(!event(&[], b"no event"));
        let record = serde_json::from_slice::<serde_json::Value>(&one.body).unwrap();
        let record = &record["Records"][0];
        let two = serde_json::json!({"Records": [record, record]}).to_string();
        assert!(!event(&[], two.as_bytes()));
    }
}
