//! A database or connection that the user can switch to.

/// One database or connection to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub(crate) name: String,
    /// A remark for the list. Empty: no remark.
    pub(crate) about: String,
}
