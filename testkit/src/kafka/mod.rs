//! A real Apache Kafka on loopback, and topics of it.

mod broker;
mod topic;

pub use broker::{Broker, broker};
pub use topic::*;
