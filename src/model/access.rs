//! What a connection allows.

/// What is so for one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Why nothing may be changed.
    pub read_only: Option<String>,
    pub protected: bool,
}
