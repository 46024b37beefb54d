//! A picture: bytes to pixels or blocks, the label, the heat map, the redaction, and back to bytes.

pub mod annotate;
mod blocks;
mod blur;
pub mod boxes;
pub mod decode;
pub mod heatmap;
mod jpeg;
mod markers;
#[cfg(test)]
mod mutations;
pub mod redact;
pub mod resize;
mod scans;
pub mod sniff;
pub mod source;
