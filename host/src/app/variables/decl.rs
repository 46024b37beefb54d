//! The declaration of a variable.

/// A declared variable.
#[derive(Debug, Clone, Default)]
pub struct VariableDecl {
    /// Value when nobody sets one; without it the variable is required.
    pub default: Option<String>,
    /// Whether the value must not be shown.
    pub secret: bool,
}
