//! The report topic of several hosts.

use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::{
    kafka::{
        config::Config,
        rows::{RowTopic, Sent},
    },
    page::live::Live,
    serve::runtime::{Options, Runtime},
};

/// A topic to which this host's rows are sent.
pub struct ReportTopic {
    topic: RowTopic,
    sent: Sent,
}

impl ReportTopic {
    /// Sends the rows of the runtime of these options to a topic at the brokers of the first
    /// trigger, if there is to be one.
    ///
    /// # Errors
    /// When there is no trigger whose brokers it could use, or the client can't be made.
    pub fn prepare(
        name: Option<&str>,
        triggers: &[Config],
        options: &mut Options,
    ) -> Result<Option<Self>> {
        let Some(name) = name else {
            return Ok(None);
        };
        let trigger = triggers.first();
        let trigger =
            trigger.context("--report-topic needs the brokers of a Kafka trigger: set --kafka")?;
        let (topic, sent) = (RowTopic::new(&trigger.broker, name), Sent::default());
        options.listeners.push(topic.publisher(&sent)?);
        Ok(Some(Self { topic, sent }))
    }

    /// Adds the counters to the runtime's metrics.
    pub fn register(&self, runtime: &Runtime) {
        let sent = self.sent.clone();
        runtime.metrics().register(|all| sent.register(all));
    }

    /// Shows the rows of other hosts.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn show(&self, live: &Arc<Live>) -> Result<()> {
        show(&self.topic, live)
    }
}

/// Shows the rows of a topic that other processes write.
///
/// # Errors
/// When the client can't be made.
pub fn show(topic: &RowTopic, live: &Arc<Live>) -> Result<()> {
    let live = live.clone();
    topic.follow(move |row| live.add_of(row.host, row.report, Timestamp::now()))
}
