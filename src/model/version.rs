//! The TimescaleDB version.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A TimescaleDB version. Query texts depend on major and minor only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// From this version on, TimescaleDB chooses a missing segmentby when it compresses a chunk, and options can be reset. Before this version,
/// NULL in the catalogue means no segmentby.
pub(crate) const LEAVES_OPEN: Version = Version::new(2, 22);

impl Version {
    pub const fn new(major: u32, minor: u32) -> Self {
        Self {
            major,
            minor,
            patch: 0,
        }
    }

    /// Whether `alter_job` refuses every change of the refresh policy of an aggregate on an aggregate. TimescaleDB 2.22.0 to 2.23.0 do so,
    /// because they mistake the job itself for a second policy.
    pub fn alters_no_hierarchy(self) -> bool {
        let fixed = Self {
            patch: 1,
            ..Self::new(2, 23)
        };
        self >= Self::new(2, 22) && self < fixed
    }

    /// Reads `2.28.3`, `2.29.0-dev`, `2.11`. `None`: no major and minor number.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next().and_then(|digits| digits.parse().ok());
        Some(Self {
            major: next()?,
            minor: next()?,
            patch: next().unwrap_or(0),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
