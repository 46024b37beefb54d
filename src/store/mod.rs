//! The object store: fetching the source, deciding by stored outputs, and writing outputs.

pub mod decide;
pub mod fetch;
pub(crate) mod outputs;
