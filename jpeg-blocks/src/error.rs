//! The crate's error type.

/// Reason for which a file is rejected or an edit can't be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not begin as a JPEG file does.
    #[error("not a JPEG file")]
    NotJpeg,
    /// A valid kind of JPEG that this crate does not edit; another decoder may read it.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// The file violates the standard or is truncated.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// The frame header declares more pixels than the limit.
    #[error("more pixels than allowed")]
    TooLarge,
    /// An edit lies outside of the picture, or has pixels of another size or kind.
    #[error("the edit does not fit the picture")]
    Edit,
}
