//! Everything that meets the store, against real radosgw processes of the Ceph that is installed here.

#[path = "../kafka/broker.rs"]
#[allow(dead_code, reason = "the tests of the Kafka trigger use more of it")]
mod broker;
mod broker_lines;
mod command;
#[path = "../common/mod.rs"]
mod common;
mod doctor;
mod doctor_gateway;
mod first;
mod gateway;
mod kafka;
mod policy;
mod receiver;
mod setup;
mod tls;
#[path = "../kafka/topic.rs"]
#[allow(dead_code, reason = "the tests of the Kafka trigger use more of it")]
mod topic;
#[path = "../kafka/wait.rs"]
mod wait;
