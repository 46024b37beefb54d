//! The files of several encoders in `tests/files`.

use jpeg_blocks::{Jpeg, Limits};

/// Files whose scans are sequential.
pub const SEQUENTIAL: [&str; 11] = [
    "gray",
    "optimized",
    "restarts",
    "coarse",
    "444",
    "422",
    "420",
    "420-restarts",
    "rgb",
    "cmyk",
    "rotated",
];
/// Files whose scans are progressive.
pub const PROGRESSIVE: [&str; 3] = ["progressive", "420-progressive", "mozjpeg"];
/// The name in the metadata of `rotated`, which a copy must not have.
pub const NAME: &[u8] = b"Jane Roe";

/// Returns the names of all files.
pub fn names() -> impl Iterator<Item = &'static str> {
    SEQUENTIAL.into_iter().chain(PROGRESSIVE)
}

/// Reads a file.
pub fn file(name: &str) -> Vec<u8> {
    // Cargo runs tests in the folder of their package.
    let path = format!("tests/files/{name}.jpg");
    std::fs::read(path).unwrap()
}

/// Parses a file that must be readable.
pub fn parse(bytes: &[u8]) -> Jpeg<'_> {
    Jpeg::parse(bytes, &Limits::default()).unwrap()
}
