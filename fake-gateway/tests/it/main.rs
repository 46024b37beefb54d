//! The store, its notifications and the client of crate `s3`, from outside.

mod conditions;
mod delivery;
mod objects;
mod shape;
mod support;
mod upload;
