//! Why a file is not taken.

/// Why a file is not taken, or an edit not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as a JPEG file does.
    #[error("not a JPEG file")]
    NotJpeg,
    /// A sound kind of JPEG that is not edited here; another decoder may read it.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// It breaks the standard's rules, or ends too early.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// It has more pixels than the limit, by its own header.
    #[error("more pixels than allowed")]
    TooLarge,
    /// An edit lies outside of the picture or brings pixels of another size or kind.
    #[error("the edit does not fit the picture")]
    Edit,
}
