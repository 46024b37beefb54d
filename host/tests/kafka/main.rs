//! The Kafka trigger against a real Apache Kafka: every fault that we could think of, and nothing
//! lost.
//!
//! Nothing here waits for a time. Each scenario adds a line to the table, which `--show-output`
//! shows.

mod access;
mod display;
mod faults;
mod groups;
mod hello;
mod host;
mod letters;
mod oauth;
mod orphans;
mod outcome;
mod plugin;
mod recreated;
mod retries;
mod rows;
mod scale;
mod schedules;
mod site;
mod soak;
mod speed;
mod traces;

/// Folder of the broker: in the build's own, one for each suite.
const KAFKA_DIR: &str = concat!(
    env!("CARGO_TARGET_TMPDIR"),
    "/kafka-of-",
    env!("CARGO_CRATE_NAME")
);
