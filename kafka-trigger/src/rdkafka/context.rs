//! Callbacks of librdkafka. All run on the polling thread, from inside of a poll.

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rdkafka::{
    TopicPartitionList,
    client::{ClientContext, OAuthToken},
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError, RDKafkaErrorCode},
    statistics::{self, Statistics},
};
use tokio::sync::mpsc;

use super::{Settings, TokenError, Tokens, queues::Queues};
use crate::{Event, Revocation, TopicPartition, log::RateLimitedLog};

/// Beginning of the client's error when [`ClientContext::generate_oauth_token`] has failed.
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token: ";

/// Passes callbacks on as events.
pub(super) struct Context {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) log: Arc<RateLimitedLog>,
    /// The last error that retrying does not solve, such as a wrong password.
    pub(super) fatal: Mutex<Option<String>>,
    /// The likely reason for the last connection that failed, where one is known.
    pub(super) unreachable: Mutex<Option<&'static str>>,
    /// Source of access tokens.
    pub(super) tokens: Option<Tokens>,
    /// Partitions whose committed offset may be one of an earlier topic of the same name.
    pub(super) unchecked: Mutex<Vec<TopicPartition>>,
    /// Partitions that were read to their end since their assignment, and whose last event was that
    /// end.
    pub(super) at_end: Mutex<BTreeSet<TopicPartition>>,
    pub(super) queues: Queues,
    /// Topics to read.
    pub(super) topics: Vec<String>,
    #[cfg(test)]
    pub(super) test: Test,
}

/// Observation of the client by tests.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Test {
    /// Properties of the client.
    pub(super) properties: Vec<(&'static str, &'static str)>,
    /// Bytes of values that the client has fetched.
    pub(super) fetched: std::sync::atomic::AtomicUsize,
}

impl Context {
    pub(super) fn new(settings: &Settings, events: mpsc::Sender<Event>) -> Self {
        Self {
            events,
            log: Arc::default(),
            fatal: Mutex::default(),
            unreachable: Mutex::default(),
            tokens: settings.security.tokens().cloned(),
            unchecked: Mutex::default(),
            at_end: Mutex::default(),
            queues: Queues::default(),
            topics: settings.topics.clone(),
            #[cfg(test)]
            test: Test::default(),
        }
    }

    /// Returns the last error that retrying does not solve.
    pub(super) fn fatal(&self) -> Option<String> {
        self.fatal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_fatal(&self, reason: &str) {
        let mut fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        *fatal = Some(reason.to_owned());
    }

    fn set_unreachable(&self, text: &str) {
        let unreachable = self.unreachable.lock();
        let mut unreachable = unreachable.unwrap_or_else(PoisonError::into_inner);
        *unreachable = unreachable_reason(text).or(*unreachable);
    }

    /// Warns that no broker is reachable, with the likely reason.
    pub(super) fn warn_unreachable(&self, subject: &'static str, text: &str) {
        let reason = *self
            .unreachable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match reason {
            Some(reason) => self.log.warn(subject, &format!("{text}: {reason}")),
            None => self.log.warn(subject, text),
        }
    }

    /// Reports whether a partition's topic is to be read. A static member that starts again with
    /// other topics is given its former partitions until the group shares them anew (KIP-345).
    fn reads(&self, id: &TopicPartition) -> bool {
        self.topics.iter().any(|topic| **topic == *id.topic)
    }

    /// Returns the partitions whose committed offset has not been checked.
    pub(super) fn unchecked(&self) -> MutexGuard<'_, Vec<TopicPartition>> {
        self.unchecked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the partitions that are read to their end.
    pub(super) fn at_end(&self) -> MutexGuard<'_, BTreeSet<TopicPartition>> {
        self.at_end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the end of a partition if the client is there, all records were handed out, and a lag
/// remains: the last offsets are control records of transactions, which are never handed out.
fn end_behind_control_records(partition: &statistics::Partition) -> Option<i64> {
    let end = match partition.ls_offset {
        ..0 => partition.hi_offset,
        stable => stable,
    };
    (partition.consumer_lag > 0 && partition.fetchq_cnt == 0 && partition.next_offset == end)
        .then_some(end)
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    // `error` is called with the errors among them, in fewer words. Of connections that a broker
    // closes there are only these lines.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        if facility == "FAIL" {
            self.set_unreachable(text);
        }
    }

    fn stats(&self, statistics: Statistics) {
        #[cfg(test)]
        let fetched = usize::try_from(statistics.rxmsg_bytes).unwrap();
        #[cfg(test)]
        self.test
            .fetched
            .store(fetched, std::sync::atomic::Ordering::Relaxed);
        let (mut lags, mut ends) = (Vec::new(), Vec::new());
        let at_end = self.at_end().clone();
        for (topic, statistics) in statistics.topics {
            let topic: Arc<str> = topic.into();
            let ended = statistics.partitions.iter().filter_map(|(id, partition)| {
                let id = TopicPartition {
                    topic: topic.clone(),
                    partition: *id,
                };
                // After an assignment they describe the partition as it was before, for a while.
                let end = end_behind_control_records(partition)?;
                at_end.contains(&id).then_some((id, end))
            });
            ends.extend(ended);
            // The lag is -1 while the client does not know it.
            let known = statistics
                .partitions
                .iter()
                .filter(|(_, partition)| partition.consumer_lag >= 0);
            lags.extend(known.map(|(id, partition)| {
                let id = TopicPartition {
                    topic: topic.clone(),
                    partition: *id,
                };
                (id, partition.consumer_lag)
            }));
        }
        if !lags.is_empty() {
            // It fails when the trigger has ended.
            _ = self.events.blocking_send(Event::Lag(lags));
        }
        if !ends.is_empty() {
            _ = self.events.blocking_send(Event::ReadUpTo(ends));
        }
    }

    fn error(&self, error: KafkaError, text: &str) {
        let code = error.rdkafka_error_code();
        let reason = first_sentence(text);
        if let Some(reason) = reason.strip_prefix(NO_TOKEN) {
            // Only an issuer that rejects the client is fatal; `generate_oauth_token` can tell.
            self.log.warn("token", reason);
            return;
        }
        if is_fatal(code) || is_tls_alert(reason) {
            self.set_fatal(reason);
        }
        match code {
            _ if is_tls_alert(reason) => self.log.warn("connection", reason),
            // Reported for each broker, and then once for all: `AllBrokersDown`.
            Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve) => {
                self.set_unreachable(text);
            }
            // The polling thread handles them when the poll returns them.
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::PartitionEOF) => {}
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                self.warn_unreachable("brokers", "no broker is reachable, retrying");
            }
            _ => self.log.warn("connection", reason),
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.tokens.as_ref();
        let tokens = tokens.ok_or("no source of tokens is configured")?;
        tokens.generate().map_err(|error| {
            if let TokenError::Rejected(reason) = &error {
                self.set_fatal(reason);
            }
            error.into()
        })
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let list = match rebalance {
            Rebalance::Assign(list) => {
                return self.queues.open(&ids(list), |id| self.reads(id));
            }
            Rebalance::Revoke(list) => list,
            Rebalance::Error(_) => return,
        };
        let (release, released) = std::sync::mpsc::channel::<()>();
        let is_lost = consumer.assignment_lost();
        let revoked = ids(list);
        self.unchecked().retain(|id| !revoked.contains(id));
        self.at_end().retain(|id| !revoked.contains(id));
        self.queues.close(&revoked);
        let revocation = Revocation::new(revoked, is_lost, move || drop(release));
        let event = Event::Revoked(revocation);
        if self.events.blocking_send(event).is_ok() {
            // Nothing is sent: it returns when the revocation is dropped.
            _ = released.recv();
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                let (assigned, others): (Vec<_>, Vec<_>) =
                    ids(list).into_iter().partition(|id| self.reads(id));
                if let Some(other) = others.first() {
                    let text = format!(
                        "not reading {other}, which the group still assigns to this member's name"
                    );
                    self.log.warn("group", &text);
                }
                self.unchecked().extend_from_slice(&assigned);
                _ = self.events.blocking_send(Event::Assigned(assigned));
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => self.log.warn("rebalance", &describe(error)),
        }
    }
}

/// Reports whether retrying is useless before someone changes the settings.
pub(super) fn is_fatal(code: Option<RDKafkaErrorCode>) -> bool {
    matches!(
        code,
        Some(
            RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::UnsupportedSASLMechanism
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::TopicAuthorizationFailed
        )
    )
}

/// Reports whether the broker closed the connection with a TLS alert. Since TLS 1.3 it does so
/// after the handshake, so a client without the certificate that it should have sees a connection
/// that breaks like any other.
fn is_tls_alert(reason: &str) -> bool {
    reason.contains("SSL routines") && reason.contains(" alert ")
}

/// Returns the likely reason for a failed connection by the client's message about it, without
/// addresses: the same for all brokers, so that the log tells repetitions.
pub fn unreachable_reason(text: &str) -> Option<&'static str> {
    let has = |part| text.contains(part);
    if has("in state APIVERSION_QUERY") && !has("ssl://") {
        Some("the connection was closed at the first request; the listener may expect TLS")
    } else if has("closed by peer") && has("SSL_HANDSHAKE") {
        Some("the connection was closed in the TLS handshake; the listener may be one without TLS")
    } else if has("Failed to resolve") {
        Some("the name does not resolve")
    } else if has("Connection refused") {
        Some("connection refused")
    } else if has("timed out") {
        Some("no response in time")
    } else {
        None
    }
}

/// Describes an error in one line.
pub(super) fn describe(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}

/// Removes the state of the connection and the elapsed time, which follow the reason.
fn first_sentence(reason: &str) -> &str {
    let line = reason.lines().next().unwrap_or_default();
    line.split(" (after ").next().unwrap_or(line).trim()
}

pub(super) fn ids(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition {
            topic: element.topic().into(),
            partition: element.partition(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::{Partition, Topic};

    use super::*;

    /// Statistics about a partition that was fully read, up to 70, and is committed up to 68.
    fn statistics() -> Statistics {
        let partition = Partition {
            ls_offset: 70,
            hi_offset: 70,
            next_offset: 70,
            consumer_lag: 2,
            ..Partition::default()
        };
        let topic = Topic {
            partitions: [(0, partition)].into(),
            ..Topic::default()
        };
        Statistics {
            topics: [("t".to_owned(), topic)].into(),
            ..Statistics::default()
        }
    }

    #[test]
    fn statistics_from_before_an_assignment_say_no_end() {
        let (events, mut received) = mpsc::channel(8);
        let settings = Settings::new("", "g", vec!["t".into()], "t-dead");
        let context = Context::new(&settings, events);
        let id = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        let mut ends = || {
            context.stats(statistics());
            let mut ends = 0;
            while let Ok(event) = received.try_recv() {
                ends += usize::from(matches!(event, Event::ReadUpTo(_)));
            }
            ends
        };
        assert_eq!(ends(), 0);
        context.at_end().insert(id);
        assert_eq!(ends(), 1);
    }

    #[test]
    fn tls_alert_is_told_from_a_disconnect() {
        let alert = "ssl://localhost:9093/bootstrap: Receive failed: error:0A000412:SSL \
            routines::ssl/tls alert bad certificate: SSL alert number 42";
        assert!(is_tls_alert(alert));
        let broken = "ssl://localhost:9093/1: Disconnected";
        assert!(!is_tls_alert(broken));
    }

    #[test]
    fn unreachable_broker_has_a_reason_without_its_address() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(unreachable_reason(text), expected, "{text}");
        };
        check(
            "[thrd:localhost:9093/bootstrap]: localhost:9093/bootstrap: Disconnected: connection closed by peer: \
             receive 0 after POLLIN (after 1ms in state APIVERSION_QUERY)",
            Some("the connection was closed at the first request; the listener may expect TLS"),
        );
        check(
            "a:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
            Some("connection refused"),
        );
        check(
            "ssl://a:9092/bootstrap: Disconnected: SSL connection closed by peer (after 1ms in state SSL_HANDSHAKE)",
            Some(
                "the connection was closed in the TLS handshake; the listener may be one without TLS",
            ),
        );
        check(
            "ssl://a:9093/1: Disconnected: SSL connection closed by peer (after 9ms in state UP)",
            None,
        );
        check(
            "ssl://a:9093/1: Disconnected: SSL connection closed by peer (after 1ms in state APIVERSION_QUERY)",
            None,
        );
        check("a:9092/1: Disconnected", None);
    }

    #[test]
    fn reason_is_cut_to_one_sentence() {
        let text = "sasl_ssl://localhost:9093/bootstrap: SASL authentication error: \
            Authentication failed (after 312ms in state AUTH_REQ, 1 identical error(s) suppressed)";
        let short =
            "sasl_ssl://localhost:9093/bootstrap: SASL authentication error: Authentication failed";
        assert_eq!(first_sentence(text), short);
    }
}
