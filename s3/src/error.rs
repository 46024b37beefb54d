//! Failures of making a request.

/// A request that can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bucket and key do not form a URI.
    #[error("bucket and key do not form a URI; check the bucket's name")]
    Uri,
    /// A header's name or value has a character that headers can't carry.
    #[error("the value of `{0}` can't stand in a header; remove control characters from it")]
    Header(String),
    /// The access key has a character that headers can't carry.
    #[error("the access key holds a character that can't stand in a header; copy it again")]
    AccessKey,
    /// The session token has a character that headers can't carry.
    #[error("the session token holds a character that can't stand in a header; copy it again")]
    SessionToken,
}
