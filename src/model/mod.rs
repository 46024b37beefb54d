//! The model: its contract, its input tensor, its output as a prediction, and the checks of its input.

pub mod contract;
pub mod doubt;
#[cfg(test)]
mod mutations;
pub mod predict;
