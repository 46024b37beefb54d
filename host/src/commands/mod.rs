//! The commands of `xray`, one file or folder each and named as the verb.

pub mod audit;
pub mod compose;
pub mod dead_letters;
pub mod demo;
pub mod dicom;
pub mod doctor;
pub mod make_images;
pub mod page;
pub mod page_token;
pub mod precompile;
pub mod process;
pub mod push;
pub mod reprocess;
pub mod send;
pub mod setup;
pub mod setup_backends;
pub mod shared;
pub mod status;
pub mod teardown;
pub mod trigger_kafka;
pub mod up;
