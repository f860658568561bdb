//! A row that was read again after an action.

/// A row after an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub listed: bool,
    /// Name and text of the rule's figure; `None`: unknown, or the rule has none.
    pub figure: Option<(String, String)>,
    /// Reason of the rule's finding; `None`: there is none.
    pub reason: Option<String>,
    /// Reason of the whole verdict.
    pub verdict: String,
}
