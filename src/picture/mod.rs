//! A picture: bytes to pixels or blocks, the label, the heat map, the redaction, and back to bytes.

pub mod annotate;
pub(crate) mod blocks;
mod blur;
pub mod boxes;
pub mod decode;
mod flat;
pub mod gray;
pub mod heatmap;
mod icc;
pub mod input;
mod jpeg;
pub mod limits;
pub(crate) mod memory;
#[cfg(test)]
mod mutations;
mod orientation;
pub(crate) mod png;
pub mod redact;
pub(crate) mod resize;
mod scans;
pub mod sniff;
pub mod source;
#[cfg(test)]
mod tests;
