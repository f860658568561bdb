//! SQL texts by name and TimescaleDB version. A query is one file, `queries/NAME.sql`, that [`script`] reads. The first comment says what
//! the query returns. After it, separated by ` · `, come the columns, the access that a role needs (`any role`: none), and the cost.

use anyhow::Result;
use tokio_postgres::Row;

use super::script;
use crate::model::version::Version;

/// The texts of a query, each with the first version that it applies to; newest first.
pub(crate) type Texts = Vec<(Version, String)>;

#[derive(Debug, Clone, Copy)]
pub struct Query {
    pub name: &'static str,
    /// The texts; the file is read by the first call.
    pub(crate) texts: fn() -> &'static Texts,
}

impl Query {
    /// For a screen that queries no server.
    pub(crate) const NONE: Self = Self {
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

/// Names a query. A missing file is a compile error; an invalid or unused one fails a test.
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

pub use super::script::{names, text};

/// The different texts of a query; empty if its file is invalid (a test reads every file).
pub fn texts(name: &str) -> Texts {
    let mut texts = Texts::new();
    for since in std::iter::once(Version::new(0, 0)).chain(script::versions(name)) {
        let mut text = text(name, since).unwrap_or_default();
        // The texts are kept for as long as the program runs.
        text.shrink_to_fit();
        if texts.last().is_none_or(|(_, last)| *last != text) {
            texts.push((since, text));
        }
    }
    texts.reverse();
    texts
}

pub(crate) use query;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    Int(i32),
    BigInt(i64),
    Text(String),
    BigInts(Vec<i64>),
    Texts(Vec<String>),
}

/// Request to run a list's companion query on the second connection.
#[derive(Debug)]
pub(crate) struct Companion {
    pub query: &'static Query,
    pub reply: tokio::sync::oneshot::Sender<Result<Vec<Row>>>,
}
