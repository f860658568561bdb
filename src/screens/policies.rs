//! Policies: the objects of the policy file, and their differences from the database. The rows contain plans. The folder `actions` makes
//! plans and may not be imported here, so `run::policies::rows` makes these rows.

mod details;
mod files;
mod headline;
mod row;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Verdict};
use crate::screens::history::History;
use crate::screens::record::{Column, Record, Section};
use crate::server::known::At;
use crate::server::row::Line;
use crate::server::sql::Query;

pub(super) use self::files::fingerprint;
pub(crate) use self::row::{Change, Fate, Possible, Row, State};

/// Shown if no policy file is configured: how to create one, and how to configure it.
const NO_FILE: &str = "no policy file is configured: `hypertop export > policies.toml` writes one from the present setup. Name it with \
                       --policies policies.toml, or in config.toml: policies = [\"/path/policies.toml\"]";

impl Record for Row {
    const ID: ScreenId = ScreenId::Policies;
    const TITLE: &'static str = "Policies";
    /// The rows are made from several queries and the policy file.
    const QUERY: Query = Query::NONE;
    const WATCHED: &'static [&'static str] = &[
        "_timescaledb_catalog.hypertable",
        "_timescaledb_catalog.dimension",
        "_timescaledb_catalog.continuous_agg",
        "_timescaledb_catalog.compression_settings",
        "_timescaledb_catalog.hypertable_compression",
        "_timescaledb_config.bgw_job",
        "_timescaledb_catalog.bgw_job",
        "pg_catalog.pg_index",
    ];
    const WATCHES_FILES: bool = true;
    const MAX_AGE: Duration = Duration::from_secs(60);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("object", "OBJECT", 28, |row, _| row.object.as_str().into())
            .names()
            .shrinks(18)
            .grows(),
        Column::<Self>::text("", "STATE", 17, |row, _| {
            format!("{} {}", row.sign(), row.state().words()).into()
        })
        .wrong(const { &[&rules::POLICY_FILE] }),
        Column::<Self>::hidden("sign", |row, _| row.sign().to_string().into()),
        Column::<Self>::hidden("state", |row, _| row.state().words().into()),
        Column::<Self>::text("kind", "KIND", 10, |row, _| row.kind().into()).rank(3),
        Column::<Self>::text("differences", "DATABASE -> FILE", 32, |row, _| {
            row.differences().into()
        })
        .wrong(const { &[&rules::POLICY_FILE] })
        .shrinks(20)
        .grows(),
        Column::<Self>::text("hazards", "HAZARDS", 14, |row, _| {
            let hazards = row.hazards();
            if hazards.is_empty() {
                Value::Null
            } else {
                hazards.join(", ").into()
            }
        })
        .rank(1),
        Column::<Self>::text("why", "WHY", 20, |row, _| row.reasons().into())
            .rank(2)
            .grows(),
        Column::<Self>::number("changes", "CHANGES", 7, |row, _| {
            i64::try_from(row.changes.len()).ok().into()
        })
        .rank(4),
        Column::<Self>::hidden("file", |row, _| row.place.as_deref().into()),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("OBJECT", "Hypertable or continuous aggregate, with its policies and indexes"),
        ("STATE", "= same, ~ differs, + missing or to add, - to remove, ! cannot be applied, ? not in the file or not compared"),
        ("KIND", "hypertable or aggregate"),
        ("DATABASE -> FILE", "Settings that differ, shortest first: setting, value in the database -> value in the file"),
        ("HAZARDS", "Risks of applying the file, with the names that hypertop apply uses"),
        ("WHY", "The reason in the file"),
        ("CHANGES", "Number of changes that hypertop apply would make"),
    ];
    const BARE: &'static str = "as the file says";

    fn read(_: Line<'_>) -> Result<Self> {
        bail!("the rows of a policy file are not read from the server")
    }

    fn key(&self) -> String {
        self.object.clone()
    }

    fn verdict(&self, _: &At) -> Verdict {
        self.judged()
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        let named = !at.server.policy_files.is_empty();
        (rows.is_empty() && !named)
            .then(|| NO_FILE.to_owned())
            .into_iter()
            .collect()
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, at)
    }

    fn is_bare(&self) -> bool {
        self.state() == State::Same
    }

    fn brief(&self, at: &At, _: &History) -> Vec<Section> {
        self.facts(at)
    }

    fn facts(&self, _: &At) -> Vec<Section> {
        details::facts(self)
    }

    fn targets(&self) -> Vec<Target> {
        let id = self.id.and_then(|id| i32::try_from(id).ok());
        id.map_or_else(Vec::new, |id| {
            Target::relation(id, &self.object, self.aggregate)
        })
    }
}
