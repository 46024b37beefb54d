//! The host from outside: its library with real backends and real components, and its binary.

mod artifacts;
mod binary;
mod choice;
mod crashes;
mod failures;
mod fit;
mod guests;
mod inference;
mod markers;
mod model;
mod named;
mod nn_component;
mod nn_load;
mod residual;
mod setup;
mod spin_options;
mod starting;
mod starts;
mod store;
mod support;
mod tensors;
mod text_model;
mod up;
