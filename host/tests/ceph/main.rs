//! Everything that meets the store, against real radosgw processes of the Ceph that is installed here.

#[path = "../kafka/broker.rs"]
#[allow(dead_code, reason = "the tests of the Kafka trigger use more of it")]
mod broker;
mod broker_lines;
mod catcher;
mod command;
#[path = "../common/mod.rs"]
mod common;
mod deployed;
mod doctor;
mod doctor_gateway;
mod edge;
mod first;
mod function;
mod gateway;
mod kafka;
mod keys;
mod policy;
mod push;
mod quarantine;
mod receiver;
mod removal;
mod reprocess;
mod send;
#[path = "../common/serving.rs"]
mod serving;
mod setup;
mod site;
mod tls;
#[path = "../kafka/topic.rs"]
#[allow(dead_code, reason = "the tests of the Kafka trigger use more of it")]
mod topic;
mod versions;
#[path = "../kafka/wait.rs"]
mod wait;
