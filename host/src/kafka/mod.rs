//! The Kafka trigger of the host: the library `kafka-trigger` with the runtime as its handler.
//!
//! ```text
//! [[trigger.kafka]] -> config -> kafka_trigger::Trigger -> handler -> event -> runtime, in process
//!                                        |
//!                                        +-> ordering: bucket and key of the object
//! ```

pub mod config;
mod event;
mod handler;
mod oauth;
pub mod ordering;
pub mod rows;
mod trace;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use kafka_trigger::{DeadLetterHeaders, Metrics, Trigger, rdkafka::RdKafkaBroker};

pub use self::handler::Observer;
use self::{config::Config, handler::RuntimeHandler};
use crate::serve::runtime::Runtime;

/// Prefix of the headers that are added to dead letters. Stored records have it.
const DEAD_LETTER_PREFIX: &str = "xray-dead-letter-";

/// Returns the headers that are added to dead letters.
pub fn dead_letter_headers() -> DeadLetterHeaders {
    DeadLetterHeaders::new(DEAD_LETTER_PREFIX)
}

/// Starts a trigger. Brokers that are unreachable are waited for, in the background.
///
/// # Errors
/// When the component does not exist, the client rejects a setting, or a broker rejects the client
/// for good: for example, because the password is wrong.
pub async fn start(
    runtime: Runtime,
    config: Config,
    metrics: Arc<Metrics>,
    observer: Option<Observer>,
) -> Result<Trigger> {
    if !runtime
        .manifest()
        .components
        .contains_key(&config.component)
    {
        bail!(
            "the Kafka trigger's component {:?} does not exist",
            config.component
        );
    }
    let broker = &config.broker;
    let connected = RdKafkaBroker::connect(broker).await.with_context(|| {
        let topics = broker.topics.join(", ");
        format!("the Kafka trigger of {topics} at {}", broker.brokers)
    })?;
    let options = config.options(runtime.options());
    let handler = RuntimeHandler {
        runtime,
        component: config.component,
        group: config.broker.group,
        observer,
    };
    Ok(Trigger::builder(connected, handler)
        .ordering_key(ordering::ordering_key)
        .options(options)
        .metrics(metrics)
        .start())
}
