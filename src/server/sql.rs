//! SQL text by name and by TimescaleDB version.
//!
//! A query is one file, `queries/NAME.sql`; a variant for newer servers is `queries/NAME.since-X.Y.sql`.
//! The files are the version ladder: the newest variant that is not newer than the server is taken.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A TimescaleDB version, as far as SQL text depends on it: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    pub const fn new(major: u32, minor: u32) -> Self {
        Self {
            major,
            minor,
            patch: 0,
        }
    }

    /// Reads `2.28.3`, `2.29.0-dev`, `2.11`; anything after the numbers is ignored.
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

/// One query in all its variants, newest first; the last one is for any version.
#[derive(Debug)]
pub struct Query {
    pub name: &'static str,
    pub variants: &'static [(Version, &'static str)],
}

impl Query {
    /// Of a screen whose rows are kept on this machine.
    pub const NONE: Self = Self {
        name: "",
        variants: &[],
    };

    /// The text for a server of this version.
    pub fn text(&self, server: Version) -> &'static str {
        self.variants
            .iter()
            .find(|(since, _)| *since <= server)
            .map_or("", |(_, text)| text)
    }
}

/// Names a query and the versions that have a text of their own, newest first.
/// A file that is missing is a compile error; one that no `query!` names fails a test.
#[macro_export]
macro_rules! query {
    ($name:literal $(, ($major:literal, $minor:literal))* $(,)?) => {
        $crate::server::sql::Query {
            name: $name,
            variants: &[
                $(($crate::server::sql::Version::new($major, $minor), include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/queries/", $name, ".since-", $major, ".", $minor, ".sql"))),)*
                ($crate::server::sql::Version::new(0, 0), include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/queries/", $name, ".sql"))),
            ],
        }
    };
}

/// A parameter of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    Int(i32),
    BigInt(i64),
    Text(String),
    BigInts(Vec<i64>),
    Texts(Vec<String>),
}
