//! The model: its contract, its input tensor, its outputs as a prediction, and the
//! out-of-distribution checks.

mod checks;
pub mod contract;
pub(crate) mod input;
#[cfg(test)]
mod mutations;
pub mod predict;
pub(crate) mod scaling;
pub mod tensor;
#[cfg(test)]
mod tests;
pub(crate) mod version;
