//! The object store: fetching the source, deciding by the stored outputs, and storing outputs.

pub(crate) mod copies;
pub mod decide;
pub(crate) mod fetch;
pub mod hold;
pub mod metadata;
pub(crate) mod outputs;
pub(crate) mod send;
