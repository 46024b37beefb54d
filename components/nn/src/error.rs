//! Errors as `wasi:nn` has them.

use std::fmt;

/// The interface's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The caller passed an argument that cannot be right.
    InvalidArgument,
    /// The model is of a form that is not spoken here.
    InvalidEncoding,
    /// It took too long.
    Timeout,
    /// The backend failed at what it was rightly asked to do.
    RuntimeError,
    /// This is not done here at all.
    UnsupportedOperation,
    /// The model is too large.
    TooLarge,
    /// There is no such model.
    NotFound,
    /// It is not allowed, or not what somebody vouched for.
    Security,
    /// Any other reason.
    Unknown,
}

/// A code with the backend's own words.
#[derive(Debug, Clone)]
pub struct NnError {
    /// The code of the interface.
    pub code: ErrorCode,
    /// What the backend or the host has to say.
    pub message: String,
}

impl NnError {
    /// An error of this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The backend failed at what it was rightly asked to do.
    pub fn runtime(error: impl fmt::Display) -> Self {
        Self::new(ErrorCode::RuntimeError, error.to_string())
    }

    /// The backend cannot do this at all.
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
