//! What the Kafka client calls, on the thread that reads and inside of `recv`: rebalances, statistics and errors.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    client::ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError, RDKafkaErrorCode},
    statistics::Statistics,
};

use super::{
    book::{self, Book},
    metrics::KafkaMetrics,
    notices::Notices,
    partition::Partition,
};

/// The trigger as the client sees it.
pub struct Context {
    pub book: Arc<Book>,
    pub metrics: Arc<KafkaMetrics>,
    pub notices: Notices,
    pub group: String,
    pub drain: Duration,
    /// The last error that another try does not help, such as a wrong password.
    pub hopeless: Mutex<Option<String>>,
}

impl Context {
    /// Takes partitions away from the deliveries: nothing begins any more, what runs is waited for, and what is
    /// finished is committed, unless somebody else has them already.
    pub fn release(&self, consumer: &impl Consumer<Self>, partitions: &[Arc<Partition>]) {
        for partition in partitions {
            partition.revoke();
        }
        let deadline = Instant::now() + self.drain;
        let late = partitions
            .iter()
            .filter(|partition| !partition.drain(deadline))
            .count();
        if late > 0 {
            let text = format!(
                "{late} partitions given up with deliveries under way, which may come again"
            );
            self.notices.say("rebalance", &text);
        }
        let paused: Vec<_> = partitions
            .iter()
            .filter(|p| p.state().is_paused)
            .cloned()
            .collect();
        if !paused.is_empty() {
            // Whoever gets it again must not find it paused.
            _ = consumer.resume(&book::list(&paused));
        }
        if !consumer.assignment_lost() {
            self.commit(consumer, &book::due(partitions));
        }
        for partition in partitions {
            self.metrics
                .lag(&self.group, &partition.topic, partition.id, None);
        }
        self.book.forget(partitions);
    }

    /// Commits these offsets, and returns when the broker has spoken.
    pub fn commit(&self, consumer: &impl Consumer<Self>, due: &TopicPartitionList) {
        if due.count() == 0 {
            return;
        }
        let begun = Instant::now();
        let result = consumer.commit(due, CommitMode::Sync);
        self.metrics.committed(result.is_ok(), begun.elapsed());
        if let Err(error) = result {
            // They are due still, and asked for again at the next turn.
            self.notices
                .say("commit", &format!("{}; trying on", describe(&error)));
            return;
        }
        for element in due.elements() {
            let partition = self.book.get(element.topic(), element.partition());
            if let (Some(partition), Some(offset)) = (partition, element.offset().to_raw()) {
                partition.state().prefix.committed(offset);
            }
        }
    }

    /// The last error that another try does not help.
    pub fn hopeless(&self) -> Option<String> {
        self.hopeless
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for Context {
    // The same comes by `error`, in fewer words.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn stats(&self, statistics: Statistics) {
        for partition in self.book.all() {
            let topic = statistics.topics.get(&*partition.topic);
            let lag = topic.and_then(|topic| topic.partitions.get(&partition.id));
            // It is -1 while the client does not know.
            if let Some(lag) = lag.map(|own| own.consumer_lag).filter(|lag| *lag >= 0) {
                self.metrics
                    .lag(&self.group, &partition.topic, partition.id, Some(lag));
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let reason = first_sentence(reason);
        let is_refused = is_tls_refusal(reason);
        if is_hopeless(code) || is_refused {
            let mut hopeless = self.hopeless.lock().unwrap_or_else(PoisonError::into_inner);
            *hopeless = Some(reason.to_owned());
        }
        let matter = match code {
            _ if is_refused => "connection",
            // One of these comes for each broker, and one for all of them.
            Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve) => return,
            // Said by the reader, when it gets to know.
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return,
            Some(RDKafkaErrorCode::AllBrokersDown) => "no broker answers",
            _ => "connection",
        };
        self.notices.say(
            matter,
            if matter == "connection" {
                reason
            } else {
                "trying on"
            },
        );
    }
}

/// Whether trying again is of no use before somebody changes the settings.
pub fn is_hopeless(code: Option<RDKafkaErrorCode>) -> bool {
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

/// Whether the broker broke off with a TLS alert. Since TLS 1.3 it does that after the handshake, and so a client without the
/// certificate that it wants learns of it as of any broken connection.
fn is_tls_refusal(reason: &str) -> bool {
    reason.contains("SSL routines") && reason.contains(" alert ")
}

/// An error in one line.
pub fn describe(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}

/// What comes behind is the state of the connection and how long it took.
fn first_sentence(reason: &str) -> &str {
    let line = reason.lines().next().unwrap_or_default();
    line.split(" (after ").next().unwrap_or(line).trim()
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            let kind = if consumer.assignment_lost() {
                "lost"
            } else {
                "revoked"
            };
            let count = i64::try_from(list.count()).unwrap_or(i64::MAX);
            self.metrics.rebalanced(kind, -count);
            self.release(consumer, &self.book.of(list));
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                let count = i64::try_from(list.count()).unwrap_or(i64::MAX);
                self.metrics.rebalanced("assigned", count);
                for element in list.elements() {
                    self.book.partition(element.topic(), element.partition());
                }
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => self.notices.say("rebalance", &describe(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_a_refusal() {
        let alert = "ssl://localhost:9093/bootstrap: Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL alert number 42";
        assert!(is_tls_refusal(alert));
        let broken = "ssl://localhost:9093/1: Disconnected";
        assert!(!is_tls_refusal(broken));
    }

    #[test]
    fn a_reason_is_one_sentence() {
        let text = "sasl_ssl://localhost:9093/bootstrap: SASL authentication error: Authentication failed (after 312ms in state AUTH_REQ, 1 identical error(s) suppressed)";
        let short =
            "sasl_ssl://localhost:9093/bootstrap: SASL authentication error: Authentication failed";
        assert_eq!(first_sentence(text), short);
    }
}
