//! What the user can switch to.

/// One database or connection to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub name: String,
    /// What is known of it, for the list. Empty: nothing.
    pub about: String,
}
