//! SQL text by name and by TimescaleDB version: a query is one file, `queries/NAME.sql`, in the words that `script` reads.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::script;

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

/// A query's texts, each with the version from which on it serves; newest first, the last one for any version.
pub type Texts = Vec<(Version, String)>;

/// A query by its name.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    pub name: &'static str,
    /// Reads the file the first time.
    pub texts: fn() -> &'static Texts,
}

impl Query {
    /// Of a screen whose rows are kept on this machine.
    pub const NONE: Self = Self {
        name: "",
        texts: || const { &Texts::new() },
    };

    /// The text for a server of this version.
    pub fn text(&self, server: Version) -> &'static str {
        let mut texts = (self.texts)().iter();
        texts
            .find(|(since, _)| *since <= server)
            .map_or("", |(_, text)| text)
    }
}

/// Names a query. A file that is missing is a compile error; one that no `query!` names, or that cannot be read, fails a test.
macro_rules! query {
    ($name:literal) => {{
        const _: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/queries/",
            $name,
            ".sql"
        ));
        $crate::server::sql::Query {
            name: $name,
            texts: || {
                static TEXTS: std::sync::LazyLock<$crate::server::sql::Texts> =
                    std::sync::LazyLock::new(|| $crate::server::sql::texts($name));
                &TEXTS
            },
        }
    }};
}

/// The names of all queries.
pub fn names() -> impl Iterator<Item = &'static str> {
    script::names()
}

/// The text of a query as a server of this version gets it.
pub fn text(name: &str, server: Version) -> Result<String, String> {
    script::text(name, server)
}

/// The texts of a query that differ. A file that cannot be read has none: tests read every one.
pub fn texts(name: &str) -> Texts {
    let mut texts = Texts::new();
    for since in std::iter::once(Version::new(0, 0)).chain(script::versions(name)) {
        let text = script::text(name, since).unwrap_or_default();
        if texts.last().is_none_or(|(_, last)| *last != text) {
            texts.push((since, text));
        }
    }
    texts.reverse();
    texts
}

pub(crate) use query;

/// A parameter of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    Int(i32),
    BigInt(i64),
    Text(String),
    BigInts(Vec<i64>),
    Texts(Vec<String>),
}
