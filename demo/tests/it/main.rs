//! The store, its notifications and the sender, from outside.

mod conditions;
mod delivery;
mod objects;
mod sender;
mod shape;
mod support;
