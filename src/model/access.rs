//! Restrictions of a connection.

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Reason why nothing may be changed on this connection; `None`: changes are allowed.
    pub read_only: Option<String>,
    /// Every action requires the target's name to be typed.
    pub protected: bool,
}
