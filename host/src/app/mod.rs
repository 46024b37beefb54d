//! The application: its manifest or locked form, its variables, and registries it may come from.

pub mod compose;
pub mod folder;
pub mod locked;
pub mod manifest;
pub mod registry;
pub mod variables;
