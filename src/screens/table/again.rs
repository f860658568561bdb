//! The state of a row that was read again after an action.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub listed: bool,
    /// Name and text of the value that the rule is about; `None`: unknown, or the rule has none.
    pub figure: Option<(String, String)>,
    /// Reason of the rule's finding; `None`: the finding is gone.
    pub reason: Option<String>,
    /// Reason of the whole verdict.
    pub verdict: String,
}
