//! Facts about a server's machine that SQL cannot read.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub(crate) memory_bytes: Option<i64>,
    pub(crate) cores: Option<i64>,
    /// Free bytes of the disk with the data directory.
    pub(crate) disk_free_bytes: Option<i64>,
}
