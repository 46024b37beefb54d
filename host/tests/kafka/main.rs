//! The Kafka trigger against a real Apache Kafka: every fault that we could think of, and nothing lost.
//!
//! Nothing here waits for a time. Each scenario adds a line to the table, which `--show-output` shows.

mod access;
mod broker;
#[path = "../common/mod.rs"]
mod common;
mod display;
mod faults;
mod groups;
mod host;
mod letters;
mod outcome;
mod plugin;
#[path = "../common/serving.rs"]
mod serving;
mod site;
mod soak;
mod speed;
mod topic;
mod wait;
