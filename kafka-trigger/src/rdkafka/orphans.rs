//! Partitions that no member of the group reads although no rebalance is running, and how they get
//! a reader again.
//!
//! In the classic protocol a partition moves in two rebalances: the member that has it gives it up
//! in the first, and then asks for the second. A static member that is killed in between and
//! starts again within the session timeout gets its assignment of the first back without a
//! rebalance (KIP-345), so nobody asks for the second. Static members therefore look at the
//! group from time to time. One that sees the same partition without an owner twice joins once
//! more, without a name, and leaves: both make the group share its partitions again. Under
//! KIP-848 the broker moves partitions itself.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes, TryGetError};
use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
};

use super::{
    GroupProtocol, Settings, TokenContext,
    context::{Context, describe},
};
use crate::TopicPartition;

/// Longest time of a request, and so the delay with which the end is noticed.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two looks at whether the client is closing.
const SLICE: Duration = Duration::from_millis(100);

/// State of a group without a rebalance.
const STABLE: &str = "Stable";

/// Looks at the group, on a thread of its own.
pub(super) struct OrphanWatch {
    consumer: Arc<BaseConsumer<Context>>,
    settings: Settings,
    is_closing: Arc<AtomicBool>,
}

/// The client is closing.
struct Closing;

impl OrphanWatch {
    /// Starts the thread, for a static member of the classic protocol. It ends when `is_closing` is
    /// set.
    ///
    /// # Errors
    /// If the thread could not be started.
    pub(super) fn start(
        consumer: &Arc<BaseConsumer<Context>>,
        settings: &Settings,
        is_closing: &Arc<AtomicBool>,
    ) -> std::io::Result<Option<JoinHandle<()>>> {
        if settings.member.is_none() || settings.protocol != GroupProtocol::Classic {
            return Ok(None);
        }
        let own = Self {
            consumer: consumer.clone(),
            settings: settings.clone(),
            is_closing: is_closing.clone(),
        };
        let thread = std::thread::Builder::new().name("kafka-group".into());
        thread.spawn(move || _ = own.watch()).map(Some)
    }

    fn watch(&self) -> Result<(), Closing> {
        // Long enough for the two rebalances of a move, and irregular, so that members rarely act
        // together.
        let pause = (self.settings.session_timeout / 4)
            .clamp(Duration::from_secs(1), Duration::from_secs(10));
        let mut seen = BTreeSet::new();
        loop {
            self.rest(pause.mul_f64(1.0 + fastrand::f64()))?;
            // While a broker is unreachable nothing is known.
            let orphans = self.orphans().unwrap_or_default();
            let Some(lasting) = orphans.intersection(&seen).next() else {
                seen = orphans;
                continue;
            };
            let text = format!(
                "no member of the group reads {lasting}; joining once more for a moment, so that \
                 the group shares its partitions again"
            );
            let log = &self.consumer.context().log;
            log.warn("group", &text);
            seen.clear();
            if let Err(error) = self.visit() {
                log.warn("group", &format!("cannot join: {}", describe(&error)));
            }
        }
    }

    /// Returns the partitions without an owner, or none during a rebalance.
    fn orphans(&self) -> KafkaResult<BTreeSet<TopicPartition>> {
        // Not by the client's DescribeConsumerGroups: when the group's broker goes down, it aborts
        // the process (librdkafka 2.12).
        let client = self.consumer.client();
        let groups = client.fetch_group_list(Some(&self.settings.group), TIMEOUT)?;
        let group = groups.groups().first();
        let Some(group) = group.filter(|group| group.state() == STABLE) else {
            return Ok(BTreeSet::new());
        };
        let mut orphans = BTreeSet::new();
        for topic in &self.settings.topics {
            let metadata = self.consumer.fetch_metadata(Some(topic), TIMEOUT)?;
            let name: Arc<str> = topic.as_str().into();
            let partitions = metadata
                .topics()
                .iter()
                .flat_map(|topic| topic.partitions());
            orphans.extend(partitions.map(|partition| TopicPartition {
                topic: name.clone(),
                partition: partition.id(),
            }));
        }
        for member in group.members() {
            let assignment = member.assignment().unwrap_or_default();
            let Ok(owned) = owned(Bytes::copy_from_slice(assignment)) else {
                return Ok(BTreeSet::new());
            };
            orphans.retain(|id| !owned.contains(id));
        }
        Ok(orphans)
    }

    /// Joins the group without a name until it shares its partitions or the client is closing, then
    /// leaves.
    fn visit(&self) -> KafkaResult<()> {
        let client = self.settings.nameless_consumer();
        let topics: Vec<_> = self.settings.topics.iter().map(String::as_str).collect();
        let context = self.settings.security.context();
        let visitor: BaseConsumer<TokenContext> = client.create_with_context(context)?;
        visitor.subscribe(&topics)?;
        // Members join at their next heartbeats, or after they have drained what they give up.
        let deadline = Instant::now() + 2 * self.settings.session_timeout;
        while Instant::now() < deadline && self.is_open().is_ok() {
            drop(visitor.poll(SLICE));
            if visitor.assignment().is_ok_and(|list| list.count() > 0) {
                break;
            }
        }
        Ok(())
    }

    fn rest(&self, time: Duration) -> Result<(), Closing> {
        let end = Instant::now() + time;
        loop {
            self.is_open()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            // Closing wakes it.
            std::thread::park_timeout(left);
        }
    }

    fn is_open(&self) -> Result<(), Closing> {
        match self.is_closing.load(Ordering::Relaxed) {
            true => Err(Closing),
            false => Ok(()),
        }
    }
}

/// Decodes the partitions of an assignment: `ConsumerProtocolAssignment` of Kafka's protocol, of
/// which all versions begin alike. Empty bytes are the assignment of a member without one.
///
/// # Errors
/// If it ends early.
fn owned(mut bytes: Bytes) -> Result<BTreeSet<TopicPartition>, TryGetError> {
    let mut owned = BTreeSet::new();
    if bytes.is_empty() {
        return Ok(owned);
    }
    _ = bytes.try_get_i16()?;
    for _ in 0..bytes.try_get_i32()? {
        let length = usize::from(bytes.try_get_u16()?);
        let mut name = vec![0; length];
        bytes.try_copy_to_slice(&mut name)?;
        let topic: Arc<str> = String::from_utf8_lossy(&name).into();
        for _ in 0..bytes.try_get_i32()? {
            owned.insert(TopicPartition {
                topic: topic.clone(),
                partition: bytes.try_get_i32()?,
            });
        }
    }
    Ok(owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignment_is_decoded() {
        let bytes = b"\0\x01\0\0\0\x02\0\x01t\0\0\0\x02\0\0\0\x01\0\0\0\x03\0\x02uv\0\0\0\0\xff\xff\xff\xff";
        let id = |partition| TopicPartition {
            topic: "t".into(),
            partition,
        };
        assert_eq!(owned(Bytes::from_static(bytes)), Ok([id(1), id(3)].into()));
        assert_eq!(owned(Bytes::new()), Ok([].into()));
        // After the last partition there is only the assignor's own data.
        for end in 1..bytes.len() - 4 {
            assert!(owned(Bytes::from_static(&bytes[..end])).is_err(), "{end}");
        }
    }
}
