//! Shared by several commands: groups of flags, and steps between the flags and the work.

pub(crate) mod app;
pub(crate) mod inputs;
pub mod kafka_args;
pub mod load;
pub mod logging;
pub mod manifest_args;
pub mod page_address_args;
pub mod page_args;
pub mod page_proxy_args;
pub mod page_upload_args;
pub mod pictures;
pub mod plan;
pub(crate) mod progress;
pub mod push_args;
pub(crate) mod random;
pub mod report_topic;
pub mod runtime_args;
pub mod source_args;
pub mod spin_args;
pub(crate) mod stop;
pub mod store_args;
pub mod store_client;
pub mod users;
