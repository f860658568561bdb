//! SQL texts by name and TimescaleDB version. A query is one file, `queries/NAME.sql`, that [`script`] reads. The comment at its head says
//! what the query returns. Then, separated by ` · `, come the columns, the access that a role needs (`any role`: none), and the cost.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use tokio_postgres::Row;

use super::script;
use crate::model::version::Version;

/// The texts of a query that were asked for so far, each with the server's version. They are kept as long as the program runs.
#[derive(Debug)]
pub(crate) struct Texts(Mutex<Vec<(Version, &'static str)>>);

impl Texts {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The query's text for a server of this version; empty if its file is invalid (a test reads every file).
    fn text(&self, name: &str, server: Version) -> &'static str {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = known.iter().find(|(version, _)| *version == server) {
            return text;
        }
        let text = script::text(name, server).unwrap_or_default();
        let text: &str = Box::leak(text.into_boxed_str());
        known.push((server, text));
        text
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Query {
    pub name: &'static str,
    pub(crate) texts: fn() -> &'static Texts,
}

impl Query {
    /// For a screen that queries no server.
    pub(crate) const NONE: Self = Self {
        name: "",
        texts: || {
            static TEXTS: Texts = Texts::new();
            &TEXTS
        },
    };

    /// The texts for servers of all versions, each text once.
    pub(crate) fn all(&self) -> Vec<String> {
        let versions = std::iter::once(Version::new(0, 0)).chain(script::versions(self.name));
        let texts = versions.filter_map(|since| script::text(self.name, since).ok());
        let mut texts: Vec<_> = texts.collect();
        texts.dedup();
        texts
    }

    /// The text for a server of this version.
    pub fn text(&self, server: Version) -> &'static str {
        (self.texts)().text(self.name, server)
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
                static TEXTS: $crate::server::sql::Texts = $crate::server::sql::Texts::new();
                &TEXTS
            },
        }
    }};
}

pub use super::script::{names, text};

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
