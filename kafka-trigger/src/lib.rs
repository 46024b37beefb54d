//! Delivers Kafka records to a handler: at least once, ordered by key, with dead letters.
//!
//! A [`Trigger`] joins a consumer group through a [`Broker`] and passes each record to a
//! [`Handler`]. Records with the same [`OrderingKey`] are delivered one after the other, in the
//! order in which they were read; all others run concurrently, up to [`Options::in_flight`].
//! The handler's [`Verdict`] decides what happens next: the record is done, is delivered again
//! after a backoff, or is written to a dead-letter topic. An offset is committed only when all
//! earlier records of its partition are done, dead-lettered or on the retry topic, if there is one.
//!
//! ```text
//!                    Event::Record              OrderingKey            Handler::handle
//!   Broker --------------------> coordinator -----------> keyed queue ----------------+
//!     ^  pause, resume, commit        ^                        ^                      |
//!     +-------------------------------+                        | retry: backoff       |
//!                                     |                        +----------------------+
//!                                     |  done, or dead letter written                 |
//!                                     +-----------------------------------------------+
//! ```
//!
//! The broker is a trait so that rebalances, crashes and failing commits can be simulated with
//! virtual time; see `tests/simulation`. The implementation for real brokers is
//! `rdkafka::RdKafkaBroker` (feature `rdkafka`, on by default).
//!
//! Messages are emitted with `tracing`. They contain topics, partitions, offsets and errors, never
//! keys, values or headers of records.
//!
//! # Example
//!
//! ```
//! # async fn example<B: kafka_trigger::Broker>(broker: B) -> Result<(), kafka_trigger::Error> {
//! use kafka_trigger::{Handler, Options, Record, Response, Trigger};
//!
//! struct Print;
//!
//! impl Handler for Print {
//!     type State = ();
//!
//!     async fn handle(&self, record: &Record, _: &mut ()) -> Response {
//!         println!("{record:?}");
//!         Response::from_status(200)
//!     }
//! }
//!
//! let trigger = Trigger::builder(broker, Print)
//!     .options(Options { group: "printers".into(), ..Options::default() })
//!     .start();
//! // Until the process is asked to end:
//! trigger.stop().await
//! # }
//! ```
#![warn(missing_docs)]

mod assignment;
mod broker;
mod committer;
mod coordinator;
mod dead_letter;
mod delivery;
mod error;
mod handler;
mod job;
mod keyed_queues;
mod log;
mod metrics;
mod offsets;
mod options;
mod ordering;
mod partition;
#[cfg(feature = "rdkafka")]
pub mod rdkafka;
mod record;
mod restoring;
mod retries;
mod retry;
mod trigger;

pub use self::{
    broker::{Broker, Event, RetryLog, RetryOffset, RetryRecord, Revocation},
    dead_letter::{Added, DeadLetter, DeadLetterHeaders, DeadLetterReason, Header},
    error::{BoxError, Error},
    handler::{Handler, Response, Verdict},
    metrics::Metrics,
    options::Options,
    ordering::OrderingKey,
    record::{Record, TopicPartition},
    retry::{Backoff, RetryLimit},
    trigger::{Trigger, TriggerBuilder},
};

/// Compiles the examples of the README.
#[cfg(all(doctest, feature = "rdkafka"))]
#[doc = include_str!("../README.md")]
struct Readme;
