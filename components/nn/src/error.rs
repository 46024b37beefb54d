//! Errors of `wasi:nn`.

use std::fmt;

/// Error codes of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// Argument that can't be valid.
    InvalidArgument,
    /// Unsupported model format.
    InvalidEncoding,
    /// Deadline exceeded.
    Timeout,
    /// Failure of the backend on a valid request.
    RuntimeError,
    /// Operation that the backend does not support.
    UnsupportedOperation,
    /// Model too large.
    TooLarge,
    /// No such model.
    NotFound,
    /// Operation not permitted, or a model other than the one its contract names.
    Security,
    /// Any other error.
    Unknown,
}

/// An error code with the backend's message.
#[derive(Debug, Clone)]
pub struct NnError {
    /// Error code.
    pub code: ErrorCode,
    /// Message of the backend or the host.
    pub message: String,
}

impl NnError {
    /// Creates an error with this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Creates a [`ErrorCode::RuntimeError`].
    pub fn runtime(error: impl fmt::Display) -> Self {
        Self::new(ErrorCode::RuntimeError, error.to_string())
    }

    /// Creates a [`ErrorCode::UnsupportedOperation`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::UnsupportedOperation, message)
    }
}

impl fmt::Display for NnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.message, self.code)
    }
}

impl std::error::Error for NnError {}
