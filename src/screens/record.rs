//! The parts of a screen: a typed row with its columns, verdict and details.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::Result;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::screens::axis::TimeAxis;
use crate::screens::history::History;
use crate::server::known::{At, Server};
use crate::server::row::{self, Line};
use crate::server::sql::{Param, Query};

/// One column: the same value is shown, sorted, filtered and printed as JSON or CSV.
#[derive(Debug)]
pub struct Column<R: 'static> {
    /// Key in JSON and CSV; empty: on the screen only.
    pub name: &'static str,
    /// Heading on the screen; empty: in JSON and CSV only.
    pub title: &'static str,
    /// Width in terminal cells (the heading included).
    pub width: u16,
    /// Whether it takes the remaining width.
    pub(crate) grows: bool,
    /// Width to which it shrinks before it is left out.
    pub(crate) least: u16,
    pub right: bool,
    /// Rank 0 is always shown; on a narrow terminal the highest ranks are left out first.
    pub(crate) rank: u8,
    /// The rules whose findings are about this cell, and colour it.
    pub(crate) rules: &'static [&'static Rule],
    pub value: fn(&R, &At) -> Value,
}

impl<R> Column<R> {
    pub const fn text(
        name: &'static str,
        title: &'static str,
        width: u16,
        value: fn(&R, &At) -> Value,
    ) -> Self {
        Self {
            name,
            title,
            width,
            grows: false,
            least: width,
            right: false,
            rank: 0,
            rules: &[],
            value,
        }
    }

    pub const fn number(
        name: &'static str,
        title: &'static str,
        width: u16,
        value: fn(&R, &At) -> Value,
    ) -> Self {
        Self {
            name,
            title,
            width,
            grows: false,
            least: width,
            right: true,
            rank: 0,
            rules: &[],
            value,
        }
    }

    /// In JSON and CSV only.
    pub const fn hidden(name: &'static str, value: fn(&R, &At) -> Value) -> Self {
        Self::text(name, "", 0, value)
    }

    #[must_use]
    pub(crate) const fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }

    /// The rules whose findings are about this cell.
    #[must_use]
    pub(crate) const fn wrong(mut self, rules: &'static [&'static Rule]) -> Self {
        self.rules = rules;
        self
    }

    /// The worst level of the findings that are about this cell.
    pub(crate) fn level(&self, findings: &[Finding]) -> Level {
        let own = findings.iter().filter(|of| self.rules.contains(&of.rule));
        own.map(|of| of.level).max().unwrap_or(Level::Ok)
    }

    #[must_use]
    pub(crate) const fn shrinks(mut self, least: u16) -> Self {
        self.least = least;
        self
    }

    #[must_use]
    pub(crate) const fn grows(mut self) -> Self {
        self.grows = true;
        self
    }
}

/// Figures that cost too much for a whole list. They are read for the rows on the screen (for all rows in `show` and
/// `check`), in slices, on the second connection.
#[derive(Debug)]
pub struct Exact<R: 'static> {
    /// The Overview reads them too, for every row.
    pub overview: bool,
    /// They cost so much that the Overview reads them last, in a separate round, and seldom again.
    pub later: bool,
    /// Whether findings of this rule need them.
    pub judges: fn(&'static Rule) -> bool,
    /// Age after which they are read again; expensive ones are read less often.
    pub every: Duration,
    /// `$1` is `int8[]`, the ids; returns a column `id` (int8) and the columns named in `figures` (int8, may be NULL).
    pub query: Query,
    pub figures: &'static [&'static str],
    /// Greatest cost of one statement.
    pub slice: usize,
    /// The row's id and its cost (number of relations that the server opens); `None`: this row needs no figures.
    pub want: fn(&R) -> Option<(i64, usize)>,
    /// Takes the figures in the order of `figures`, or the error (a lock, a privilege).
    pub take: fn(&mut R, Result<&[Option<i64>], &str>),
}

/// One block of a details view.
#[derive(Debug, Clone, PartialEq)]
pub enum Section {
    /// Labels and values, one per line.
    Facts {
        title: String,
        facts: Vec<(String, Value)>,
    },
    /// A table; `levels` gives each row's sign and colour (empty: none).
    Grid {
        title: String,
        heads: Vec<&'static str>,
        rows: Vec<Vec<Value>>,
        levels: Vec<Level>,
    },
    /// Unchanged text: a definition, a configuration, an error.
    Text { title: String, text: String },
    /// The chunks on their time axis, with the limits of policies.
    Axis(TimeAxis),
}

impl Section {
    pub fn text(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text {
            title: title.into(),
            text: text.into(),
        }
    }
}

/// Labels and values, of which [`Section::Facts`] is made.
#[derive(Debug)]
pub(crate) struct Labelled {
    title: String,
    facts: Vec<(String, Value)>,
}

impl Labelled {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            facts: Vec::new(),
        }
    }

    #[must_use]
    pub fn add(mut self, label: impl Into<String>, value: impl Into<Value>) -> Self {
        self.facts.push((label.into(), value.into()));
        self
    }

    /// Adds no line without a value.
    #[must_use]
    pub fn some(self, label: impl Into<String>, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.add(label, value),
            None => self,
        }
    }
}

impl From<Labelled> for Section {
    fn from(Labelled { title, facts }: Labelled) -> Self {
        Self::Facts { title, facts }
    }
}

/// Heading and text of the cell that findings of this rule are about.
pub(crate) fn figure_of<R: Record>(
    row: &R,
    rule: &'static Rule,
    at: &At,
) -> Option<(String, String)> {
    let about = |column: &&Column<R>| !column.title.is_empty() && column.rules.contains(&rule);
    let column = R::COLUMNS.iter().find(about)?;
    let value = (column.value)(row, at);
    (value != Value::Null).then(|| (column.title.to_lowercase(), value.show(at.now)))
}

/// A part of a row's details with its own query.
#[derive(Debug)]
pub struct Detail<R: 'static> {
    /// Title, and name in the message of a failure.
    pub title: &'static str,
    pub query: Query,
    pub params: fn(&R) -> Vec<Param>,
    pub build: fn(&R, &[Row], &At) -> Result<Vec<Section>>,
}

/// A row of a screen, with everything that defines the screen.
pub trait Record: Clone + Debug + DeserializeOwned + Send + Sized + 'static {
    const ID: ScreenId;
    const TITLE: &'static str;
    const QUERY: Query;
    /// The companion query of a list, which runs at the same time on the second connection. Its columns follow those of the
    /// list's row that has the same id; its first column is that id and is not repeated.
    const COMPANION: Option<Query> = None;
    /// The query for a database without TimescaleDB; `None`: the screen shows an error there.
    const PLAIN: Option<Query> = None;
    /// The catalogues whose change makes the rows stale, as `schema.table`; those that do not exist are ignored.
    const WATCHED: &'static [&'static str];
    /// Age at which the rows are read again even if no catalogue changed.
    const MAX_AGE: Duration;
    /// The same for rows that only the Overview needs.
    const MAX_AGE_GATHERED: Duration = Self::MAX_AGE;
    /// The columns, in the order of JSON; every screen also has `verdict` and `reason`.
    const COLUMNS: &'static [Column<Self>];
    /// The headings on the screen, in the order of the columns, with their meanings.
    const LEGEND: &'static [(&'static str, &'static str)];
    /// The column by which rows are sorted at first, descending; `None`: worst verdict first.
    const SORTED: Option<usize> = None;
    /// Rows are shown by [`Record::group`] at first.
    const GROUPED: bool = false;
    const DETAILS: &'static [Detail<Self>] = &[];
    /// What the rows of [`Record::is_bare`] have in common; they are folded into one line.
    const BARE: &'static str = "";
    /// Exact figures, in the order in which they are read.
    const EXACT: &'static [Exact<Self>] = &[];

    /// The text of `QUERY` for this server and role.
    fn list_text(server: &Server) -> &'static str {
        Self::QUERY.text(server.sql_version())
    }

    /// Reads one row of `QUERY` and of `COMPANION`, by column name.
    fn read(row: Line<'_>) -> Result<Self> {
        row::read(row)
    }

    /// Identifies the row's object across reloads.
    fn key(&self) -> String;

    /// Title of the details.
    fn title(&self) -> String {
        self.key()
    }

    fn verdict(&self, at: &At) -> Verdict;

    /// What this role, server or version cannot show; printed above the rows.
    fn caveats(_rows: &[Self], _at: &At) -> Vec<String> {
        Vec::new()
    }

    /// What this role may not see of the whole screen, each with the GRANT that shows it. They are caveats of the screen, and
    /// findings of the Overview.
    fn hidden(_rows: &[Self], _at: &At) -> Vec<Finding> {
        Vec::new()
    }

    /// At most two lines of totals over all rows and what they mean, in parts separated by ` · `; printed above the rows.
    /// They cost no query. `findings` are those of each row.
    fn headline(_rows: &[Self], _findings: &[Box<[Finding]>], _at: &At) -> Vec<String> {
        Vec::new()
    }

    /// Whether the row has nothing that this screen is about (no policy, nothing compressed), so that it may be folded.
    fn is_bare(&self) -> bool {
        false
    }

    /// The sections of the details that need no query.
    fn facts(&self, at: &At) -> Vec<Section>;

    /// The queries of the details that the preview pane needs, by their index in `DETAILS`.
    fn pictured(&self) -> &'static [usize] {
        &[]
    }

    /// Chooses what the preview pane shows of the sections that these queries gave.
    fn picture(mut sections: Vec<Section>) -> Vec<Section> {
        sections.retain(|section| matches!(section, Section::Axis(_)));
        sections
    }

    /// What the preview pane shows without a query.
    fn brief(&self, at: &At, _history: &History) -> Vec<Section> {
        let mut facts = self.facts(at);
        facts.truncate(1);
        facts
    }

    /// The row's targets for actions, the main one first.
    fn targets(&self) -> Vec<Target> {
        Vec::new()
    }

    /// Name and text of the figure that findings of this rule are about; `None`: there is none, or it is unknown.
    fn figure(&self, rule: &'static Rule, at: &At) -> Option<(String, String)> {
        figure_of(self, rule, at)
    }

    /// Why an action cannot be done on the row, as far as the row itself shows it.
    fn unfit(&self, _action: &str) -> Option<&'static str> {
        None
    }

    /// Called with all new rows, and those shown before: sorts them, and connects rows with each other.
    fn settle(_before: &[Self], _rows: &mut Vec<Self>) {}

    /// Connects rows with each other after exact figures have arrived; called each time.
    fn relate(_rows: &mut [Self], _at: &At) {}

    /// Rows of one family stay together, in the order of [`Record::settle`], if rows are sorted by verdict.
    fn family(&self) -> Option<i64> {
        None
    }

    /// The group of rows that the row belongs to; `None`: the row stands alone.
    fn group(&self) -> Option<&'static str> {
        None
    }

    /// Rows that this one stands for. They are not listed, and a filter finds them by their titles.
    fn parts(&self) -> Vec<Self> {
        Vec::new()
    }

    /// The line that stands for the rows of a group, which are given in their order. It is shown and read as a row, and never
    /// printed.
    fn head(_rows: &[&Self], _at: &At) -> Option<Self> {
        None
    }

    /// Time at which the row changes without a change in the catalogue (the next chunk falls due).
    fn due(&self) -> Option<Stamp> {
        None
    }
}
