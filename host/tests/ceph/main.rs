//! Everything that meets the store, against real radosgw processes of the Ceph that is installed
//! here, or of the release in `XRAY_CEPH`.

mod broken_off;
mod broker_lines;
mod command;
mod deployed;
mod doctor;
mod doctor_archives;
mod doctor_gateway;
mod edge;
mod first;
mod function;
mod kafka;
mod kept;
mod keys;
mod missing;
mod node;
mod policy;
mod push;
mod quarantine;
mod releases;
mod removal;
mod reprocess;
mod reviewers;
mod send;
mod setup;
mod site;
mod tenants;
mod tls;
mod transport;
mod uploads;
mod versions;

/// Folder of the broker: in the build's own, one for each suite.
const KAFKA_DIR: &str = concat!(
    env!("CARGO_TARGET_TMPDIR"),
    "/kafka-of-",
    env!("CARGO_CRATE_NAME")
);
/// Folder of the gateway: in the build's own.
const CEPH_DIR: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/ceph");
