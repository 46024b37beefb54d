//! The [`Broker`](crate::Broker) for real brokers, over librdkafka.
//!
//! librdkafka calls back for rebalances, statistics and errors on the thread that polls, from
//! inside of the poll, and a rebalance goes on when the callback returns. So a thread of its own
//! polls and passes events to the coordinator; in the callback of a revocation it blocks until the
//! coordinator has drained and committed.

mod consumer;
mod context;
mod oauth;
mod orphans;
mod poller;
#[cfg(test)]
mod queue_tests;
mod queues;
mod retries;
mod security;
mod settings;
mod topic_ids;
mod topic_watch;
mod writer;

pub use self::{
    consumer::{ConnectError, RdKafkaBroker},
    context::unreachable_reason,
    oauth::{Token, TokenContext, TokenError, TokenSource, Tokens},
    security::{Pem, Sasl, SaslMechanism, Security},
    settings::{GroupProtocol, Settings, StartOffset},
};
