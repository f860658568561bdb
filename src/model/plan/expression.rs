//! An expression that a plan's statements contain.

/// An expression of an index, which must be immutable. The preview asks the server whether it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression {
    /// Field of the form that contains the expression.
    pub field: &'static str,
    pub text: String,
    /// An EXPLAIN whose plan is empty only if the expression is immutable.
    pub question: String,
}
