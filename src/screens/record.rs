//! The parts of a screen: a typed row with columns, verdict and details.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::model::screen_id::ScreenId;
use crate::model::setup::reason::Reasons;
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
    /// Key in JSON and CSV; empty: the column is on the screen only.
    pub name: &'static str,
    /// Heading on the screen; empty: the column is in JSON and CSV only.
    pub title: &'static str,
    /// Width in terminal cells; the heading fits into it.
    pub(crate) width: u16,
    /// Whether the column grows if the terminal is wider than all columns.
    pub(crate) grows: bool,
    /// Minimum width in cells. If there is less room, the column is left out.
    pub(crate) least: u16,
    pub(crate) right: bool,
    /// On a narrow terminal, columns of the highest rank are left out first. Columns of rank 0 always stay.
    pub(crate) rank: u8,
    /// Whether long values are cut in the middle, because names differ at their ends.
    pub(crate) named: bool,
    /// Columns with a rank are left out before values up to this width, in cells, are cut.
    pub(crate) whole: u16,
    /// Rules whose findings are about this column; the findings colour its cells.
    pub(super) rules: &'static [&'static Rule],
    pub value: fn(&R, &At) -> Value,
}

impl<R> Column<R> {
    pub(super) const fn text(
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
            named: false,
            whole: 0,
            rules: &[],
            value,
        }
    }

    pub(super) const fn number(
        name: &'static str,
        title: &'static str,
        width: u16,
        value: fn(&R, &At) -> Value,
    ) -> Self {
        let mut column = Self::text(name, title, width, value);
        column.right = true;
        column
    }

    /// A column that is in JSON and CSV only.
    pub(super) const fn hidden(name: &'static str, value: fn(&R, &At) -> Value) -> Self {
        Self::text(name, "", 0, value)
    }

    #[must_use]
    pub(super) const fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }

    /// Sets the rules whose findings are about this column.
    #[must_use]
    pub(super) const fn wrong(mut self, rules: &'static [&'static Rule]) -> Self {
        self.rules = rules;
        self
    }

    /// The worst level of the findings that are about this column.
    pub(crate) fn level(&self, findings: &[Finding]) -> Level {
        let own = findings.iter().filter(|of| self.rules.contains(&of.rule));
        own.map(|of| of.level).max().unwrap_or(Level::Ok)
    }

    #[must_use]
    pub(super) const fn shrinks(mut self, least: u16) -> Self {
        self.least = least;
        self
    }

    #[must_use]
    pub(super) const fn whole(mut self, most: u16) -> Self {
        self.whole = most;
        self
    }

    /// The values are names: see [`Self::named`].
    #[must_use]
    pub(crate) const fn names(mut self) -> Self {
        self.named = true;
        self
    }

    #[must_use]
    pub(super) const fn grows(mut self) -> Self {
        self.grows = true;
        self
    }
}

/// Figures that are too expensive to read with the list. They are read on the second connection in slices: in the console for the visible
/// rows, in `show` and `check` for all rows.
#[derive(Debug)]
pub struct Exact<R: 'static> {
    /// Whether the Overview reads the figures too, for all rows.
    pub(super) overview: bool,
    /// Whether the figures are so expensive that the Overview reads them last, in a separate request, and seldom again.
    pub(super) later: bool,
    /// Whether findings of this rule depend on the figures.
    pub(super) judges: fn(&'static Rule) -> bool,
    /// Age after which the figures are read again.
    pub(super) every: Duration,
    /// `$1`: ids (`int8[]`). Returns a column `id` (int8), and the columns named in `figures` (int8, may be NULL).
    pub query: Query,
    pub figures: &'static [&'static str],
    /// Maximum cost of one statement; see `want`.
    pub(super) slice: usize,
    /// The row's id, and its cost (number of relations that the server opens); `None`: this row needs no figures.
    pub want: fn(&R) -> Option<(i64, usize)>,
    /// Takes the figures in the order of `figures`, or the server's error (such as a lock timeout).
    pub take: fn(&mut R, Result<&[Option<i64>], &str>),
}

/// Headings of a grid.
pub(super) fn heads<const N: usize>(names: [&'static str; N]) -> Vec<Cow<'static, str>> {
    names.map(Cow::Borrowed).into()
}

/// A part of a row's details.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Section {
    Facts {
        title: String,
        facts: Vec<(String, Value)>,
    },
    /// A table; `levels` has a level for each row, or is empty.
    Grid {
        title: String,
        heads: Vec<Cow<'static, str>>,
        rows: Vec<Vec<Value>>,
        levels: Vec<Level>,
    },
    /// Text that is shown unchanged: a definition, a configuration, an error.
    Text { title: String, text: String },
    /// The chunks on their time axis, with marks of the policies.
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

#[derive(Debug)]
pub(crate) struct Labelled {
    title: String,
    facts: Vec<(String, Value)>,
}

impl Labelled {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            facts: Vec::new(),
        }
    }

    #[must_use]
    pub(super) fn add(mut self, label: impl Into<String>, value: impl Into<Value>) -> Self {
        self.facts.push((label.into(), value.into()));
        self
    }

    /// Adds a line unless the value is `None`.
    #[must_use]
    pub(super) fn some(self, label: impl Into<String>, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.add(label, value),
            None => self,
        }
    }

    /// Adds the reasons that the comment of a database object gives for its settings. `None`: the object has no comment.
    #[must_use]
    pub(super) fn reasons(self, comment: Option<&str>) -> Self {
        let reasons = comment.map(Reasons::read).unwrap_or_default();
        self.some("why (its comment)", reasons.own)
            .some("why this compress_after", reasons.compress)
            .some("why this drop_after", reasons.retain)
    }
}

impl From<Labelled> for Section {
    fn from(Labelled { title, facts }: Labelled) -> Self {
        Self::Facts { title, facts }
    }
}

/// Heading and text of the cell that findings of this rule are about; `None`: no such cell, or its value is NULL.
pub(super) fn figure_of<R: Record>(
    row: &R,
    rule: &'static Rule,
    at: &At,
) -> Option<(String, String)> {
    let about = |column: &&Column<R>| !column.title.is_empty() && column.rules.contains(&rule);
    let column = R::COLUMNS.iter().find(about)?;
    let value = (column.value)(row, at);
    (value != Value::Null).then(|| (column.title.to_lowercase(), value.show(at.now)))
}

/// A part of a row's details with a query of its own.
#[derive(Debug)]
pub struct Detail<R: 'static> {
    /// Title; it also names this part in an error message.
    pub title: &'static str,
    pub query: Query,
    pub params: fn(&R) -> Vec<Param>,
    pub build: fn(&R, &[Row], &At) -> Result<Vec<Section>>,
}

/// A row of a screen, and everything that defines the screen.
pub trait Record: Clone + Debug + DeserializeOwned + Send + Sized + 'static {
    const ID: ScreenId;
    const TITLE: &'static str;
    const QUERY: Query;
    /// The companion query returns further columns for the rows of `QUERY`. It runs at the same time, on the second connection. Its first
    /// column is the id of the row to which the other columns belong.
    const COMPANION: Option<Query> = None;
    /// Age at which the rows of the companion query are read again. Zero: they are read whenever `QUERY` runs.
    const COMPANION_EVERY: Duration = Duration::ZERO;
    /// The query for a database without TimescaleDB; `None`: the screen then shows an error.
    const PLAIN: Option<Query> = None;
    /// The catalogue tables (`schema.table`) whose changes make the rows stale. Tables that do not exist are ignored.
    const WATCHED: &'static [&'static str];
    /// Whether a changed policy file makes the rows stale too.
    const WATCHES_FILES: bool = false;
    /// Age after which the rows are read again even if no catalogue table changed.
    const MAX_AGE: Duration;
    /// [`Self::MAX_AGE`] of rows that only the Overview needs.
    const MAX_AGE_GATHERED: Duration = Self::MAX_AGE;
    /// The columns, in the order of the JSON keys; every screen also has `verdict` and `reason`.
    const COLUMNS: &'static [Column<Self>];
    /// The headings in the order of the columns, with their meanings.
    const LEGEND: &'static [(&'static str, &'static str)];
    /// Index of the column by which the rows are sorted at first, descending; `None`: by level, the worst first.
    const SORTED: Option<usize> = None;
    /// Whether rows are grouped by [`Record::group`] at first.
    const GROUPED: bool = false;
    const DETAILS: &'static [Detail<Self>] = &[];
    /// Text that is shown if there are no rows.
    const EMPTY: &'static str = "no rows";
    /// Text about the rows for which [`Record::is_bare`] is true. The console folds these rows into one line.
    const BARE: &'static str = "";
    /// The exact figures, in the order in which they are read.
    const EXACT: &'static [Exact<Self>] = &[];

    /// The text of `QUERY` for this server and role.
    fn list_text(server: &Server) -> &'static str {
        Self::QUERY.text(server.sql_version())
    }

    /// Reads one row of `QUERY` with its row of `COMPANION`.
    fn read(row: Line<'_>) -> Result<Self> {
        row::read(row)
    }

    /// Identifies the row's object across loads.
    fn key(&self) -> String;

    fn title(&self) -> String {
        self.key()
    }

    fn verdict(&self, at: &At) -> Verdict;

    /// Texts about data that cannot be shown because of the role, the server or its version. They are shown above the rows.
    fn caveats(_rows: &[Self], _at: &At) -> Vec<String> {
        Vec::new()
    }

    /// Findings about data that this role may not see, with the GRANT that shows it. Shown above the rows and on the Overview.
    fn hidden(_rows: &[Self], _at: &At) -> Vec<Finding> {
        Vec::new()
    }

    /// At most two lines of totals over all rows, shown above the rows. The parts of a line are separated by ` · `. `findings` has the
    /// findings of each row.
    fn headline(_rows: &[Self], _findings: &[Box<[Finding]>], _at: &At) -> Vec<String> {
        Vec::new()
    }

    /// Whether the row has nothing to show on this screen, for example because it has no policy. Such rows may be folded.
    fn is_bare(&self) -> bool {
        false
    }

    /// The sections of the details that need no query.
    fn facts(&self, at: &At) -> Vec<Section>;

    /// The indexes in `DETAILS` of the queries that the preview pane needs.
    fn pictured(&self) -> &'static [usize] {
        &[]
    }

    /// The part of `sections` that the preview pane shows. `sections` come from the queries in `pictured`.
    fn picture(mut sections: Vec<Section>) -> Vec<Section> {
        sections.retain(|section| matches!(section, Section::Axis(_)));
        sections
    }

    /// The sections of the preview pane that need no query.
    fn brief(&self, at: &At, _history: &History) -> Vec<Section> {
        let mut facts = self.facts(at);
        facts.truncate(1);
        facts
    }

    /// Targets of actions on this row, the main target first.
    fn targets(&self) -> Vec<Target> {
        Vec::new()
    }

    /// Name and text of the value that findings of this rule are about; `None`: no such value, or it is NULL.
    fn figure(&self, rule: &'static Rule, at: &At) -> Option<(String, String)> {
        figure_of(self, rule, at)
    }

    /// Why an action on the row is impossible, as far as the row shows; `None`: it may be possible.
    fn unfit(&self, _action: &str) -> Option<&'static str> {
        None
    }

    /// Called after each load. Sorts the new rows, and sets their fields that depend on other rows or on the rows of the previous load.
    fn settle(_before: &[Self], _rows: &mut Vec<Self>) {}

    /// Called after each load, and after each request for exact figures. Sets the fields that depend on other rows and on exact figures.
    fn relate(_rows: &mut [Self], _at: &At) {}

    /// Id of the row's family. If the list is sorted by level, rows of one family stay together, in the order of [`Record::settle`].
    /// `None`: no family.
    fn family(&self) -> Option<i64> {
        None
    }

    /// Name of the group that the row belongs to; `None`: no group.
    fn group(&self) -> Option<&'static str> {
        None
    }

    /// Rows that were merged into this one. They are not listed, but a filter finds them by title.
    fn parts(&self) -> Vec<Self> {
        Vec::new()
    }

    /// The row that the line of a group shows; only on the screen, not in JSON or CSV. `rows` are the rows of the group in order.
    fn head(_rows: &[&Self], _at: &At) -> Option<Self> {
        None
    }

    /// Time at which the row changes without a change in a catalogue table, for example because a chunk becomes due; `None`: no such time.
    fn due(&self) -> Option<Stamp> {
        None
    }
}
