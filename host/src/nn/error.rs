//! Errors that the guest sees as a `wasi:nn` error resource.

use std::fmt;

use super::bindings::wasi::nn::errors::ErrorCode;

/// A `wasi:nn` error code with the backend's own words.
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
