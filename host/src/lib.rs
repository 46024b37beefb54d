//! The host.
pub mod nn;
pub mod setup_cmd;
