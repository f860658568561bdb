//! A validation as data: what was checked, by whom, where and when. Printed as JSON, or as Markdown.

use std::fmt::Write as _;

use serde::Serialize;

use crate::model::moment::Stamp;
use crate::model::text::{self, printable};
use crate::server::known::Server;

use super::check::{Check, Checks, State};
use super::machine::Known;
use super::measured::Measured;
use super::since::Since;

#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    result: State,
    /// `before` or `after` the apply.
    validation: &'static str,
    files: Vec<String>,
    database: &'a str,
    host: &'a str,
    role: &'a str,
    /// By the server's clock.
    time: Option<String>,
    hypertop: &'static str,
    postgresql: String,
    timescaledb: Option<String>,
    /// The journal entry of the apply that the checks compare with.
    journal_entry: Option<&'a Since>,
    machine: &'a Known,
    measured: Option<&'a Measured>,
    checks: &'a [Check],
    #[serde(skip)]
    sum: String,
}

/// The data of a report other than its checks.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) files: &'a [String],
    pub(super) since: Option<&'a Since>,
    pub(super) machine: &'a Known,
    pub(super) measured: Option<&'a Measured>,
    pub(super) after: bool,
    pub(super) now: Stamp,
}

impl<'a> Report<'a> {
    pub(super) fn of(server: &'a Server, checks: &'a Checks, about: About<'a>) -> Self {
        Self {
            result: checks.worst(),
            validation: if about.after { "after" } else { "before" },
            files: about.files.to_vec(),
            database: &server.database,
            host: &server.host,
            role: &server.role,
            time: text::rfc3339(about.now),
            hypertop: env!("CARGO_PKG_VERSION"),
            postgresql: server.postgres_text(),
            timescaledb: server.timescaledb.map(|version| version.to_string()),
            journal_entry: about.since,
            machine: about.machine,
            measured: about.measured,
            checks: &checks.0,
            sum: checks.sum(),
        }
    }

    pub(super) fn markdown(&self) -> String {
        let cell = |text: &str| printable(text).replace('|', "\\|");
        let mut out = format!("# Validation {} apply\n\n", self.validation);
        let mut line = |name: &str, text: &str| {
            let _ = writeln!(out, "- {name}: {}", cell(text));
        };
        line("result", &self.sum);
        line("files", &self.files.join(", "));
        let place = format!("{} on {}", self.database, self.host);
        line("database", &place);
        line(
            "by",
            &format!("role {}, hypertop {}", self.role, self.hypertop),
        );
        line("time", self.time.as_deref().unwrap_or_default());
        let extension = self.timescaledb.as_deref().unwrap_or("none");
        let versions = format!("PostgreSQL {}, TimescaleDB {extension}", self.postgresql);
        line("server", &versions);
        line("machine", &self.machine.words());
        if let Some(since) = self.journal_entry {
            let words = format!(
                "{} ({}), begun {} by {}, {}",
                since.id, since.title, since.at, since.role, since.state
            );
            line("journal entry", &words);
        } else if self.validation == "after" {
            line(
                "journal entry",
                "none: no apply in this database is in the journal",
            );
        }
        out.push_str("\n## Checks\n\n| result | check | expected | seen |\n|---|---|---|---|\n");
        for check in self.checks {
            let (state, expected) = (check.state.name(), check.expected.as_deref());
            let seen = cell(&check.seen);
            let (what, expected) = (cell(&check.what), cell(expected.unwrap_or_default()));
            let _ = writeln!(out, "| {state} | {what} | {expected} | {seen} |");
        }
        if let Some(measured) = self.measured {
            out.push_str("\n## Measured\n\n| figure | value |\n|---|---|\n");
            for (name, value) in measured.rows() {
                let _ = writeln!(out, "| {name} | {} |", cell(&value));
            }
        }
        out
    }
}
