//! Declarations of variables.

/// A variable as an application declares it.
#[derive(Debug, Clone, Default)]
pub struct VariableDecl {
    /// Default value; without one the variable is required.
    pub default: Option<String>,
    /// Marks a value that must not be shown.
    pub secret: bool,
}
