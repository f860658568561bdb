//! Restrictions of a connection.

/// Restrictions of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Reason why nothing may be changed; `None`: changes are allowed.
    pub read_only: Option<String>,
    /// Every action asks for its target's name.
    pub protected: bool,
}
