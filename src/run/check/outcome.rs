//! The findings of a check, over all databases that it read.

use serde_json::{Value as Json, json};

use super::figures::Figures;
use super::look::Look;
use super::metrics::{self, Metric};
use super::options::{NoticeAs, Options};
use crate::model::text::shell_word;
use crate::model::verdict::{Finding, Level};
use crate::screens::overview::Row;

/// A finding that the options select.
#[derive(Debug)]
pub(super) struct Found {
    /// Title of the finding's row; if there are several databases, with the name of the database.
    pub subject: String,
    pub finding: Finding,
    /// Shell command that runs the fix. `None`: no action fixes the finding, or there is no target.
    pub command: Option<String>,
}

impl Found {
    /// `database`: the name to add to title and command; `None`: only one database is read.
    fn new(row: Row, database: Option<&str>) -> Self {
        let command = row.command();
        Self {
            subject: of_database(row.subject, database),
            command: command.map(|command| match database {
                Some(database) => format!("{command} -d {}", shell_word(database)),
                None => command,
            }),
            finding: row.finding,
        }
    }
}

fn of_database(text: String, database: Option<&str>) -> String {
    match database {
        Some(database) => format!("{database}: {text}"),
        None => text,
    }
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub level: Level,
    /// The findings that the options select, worst first.
    pub found: Vec<Found>,
    /// Notes on what is unknown, and on findings that were left out.
    pub notes: Vec<String>,
    pub figures: Figures,
    pub metrics: Vec<Metric>,
    pub json: Json,
}

/// Joins the results of the databases. `several`: whether findings and fixes name their database.
pub(super) fn of(looks: Vec<Look>, several: bool, options: &Options) -> Outcome {
    let mut outcome = Outcome {
        level: Level::Ok,
        found: Vec::new(),
        notes: Vec::new(),
        figures: Figures::default(),
        metrics: Vec::new(),
        json: Json::Null,
    };
    let (mut databases, mut lacking) = (Vec::new(), 0);
    for look in looks {
        let database = look.database;
        let of = several.then_some(database.as_str());
        let found = look.rows.into_iter().map(|row| Found::new(row, of));
        outcome.found.extend(found);
        let notes = look.notes.into_iter();
        outcome
            .notes
            .extend(notes.map(|note| of_database(note, of)));
        lacking += usize::from(look.figures.is_empty());
        outcome.figures.join(look.figures);
        outcome.metrics = metrics::joined(outcome.metrics, look.metrics);
        databases.push(look.json);
    }
    (0..lacking).for_each(|_| outcome.figures.lack());
    outcome.json = match databases.pop() {
        Some(one) if !several => one,
        last => {
            databases.extend(last);
            json!({ "databases": databases })
        }
    };
    let found = &mut outcome.found;
    found.sort_by_key(|found| std::cmp::Reverse(severity(found.finding.level)));
    let levels = found
        .iter()
        .map(|found| counted(found.finding.level, options.notice_as));
    let worst = levels.max_by_key(|level| severity(*level));
    outcome.level = worst.unwrap_or(Level::Ok);
    outcome
}

/// The level that a finding counts as.
fn counted(level: Level, notice_as: NoticeAs) -> Level {
    match (level, notice_as) {
        (Level::Notice, NoticeAs::Warning) => Level::Warning,
        (Level::Notice, NoticeAs::Critical) => Level::Critical,
        (Level::Notice, NoticeAs::Ok) => Level::Ok,
        (level, _) => level,
    }
}

/// Rank of a level. For monitoring, a warning ranks above unknown.
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::Ok => 0,
        Level::Notice => 1,
        Level::Unknown => 2,
        Level::Warning => 3,
        Level::Critical => 4,
    }
}
