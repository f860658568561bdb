//! What a screen is made of: a typed row, its columns, its verdict, its details.

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
use crate::model::verdict::{Level, Verdict};
use crate::screens::axis::TimeAxis;
use crate::server::known::{At, Server};
use crate::server::row;
use crate::server::sql::{Param, Query};

/// One column: the same value is shown, sorted, filtered and printed as JSON or CSV.
#[derive(Debug)]
pub struct Column<R: 'static> {
    /// Key in JSON and CSV; empty: on the screen only.
    pub name: &'static str,
    /// Head on the screen; empty: in JSON and CSV only.
    pub title: &'static str,
    /// Terminal cells that it wants (the head included).
    pub width: u16,
    /// Takes what width is left over.
    pub grows: bool,
    pub right: bool,
    /// 0 is always there; on a narrow terminal the highest go first.
    pub rank: u8,
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
            right: false,
            rank: 0,
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
            right: true,
            rank: 0,
            value,
        }
    }

    /// In JSON and CSV only.
    pub const fn hidden(name: &'static str, value: fn(&R, &At) -> Value) -> Self {
        Self::text(name, "", 0, value)
    }

    #[must_use]
    pub const fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }

    #[must_use]
    pub const fn grows(mut self) -> Self {
        self.grows = true;
        self
    }
}

/// Figures that are too dear for a whole list: asked for the rows on the screen (and by the headless twin
/// for all), in slices, on a connection of their own that is renewed now and then.
#[derive(Debug)]
pub struct Exact<R: 'static> {
    /// The Overview asks for them too, of every row.
    pub overview: bool,
    /// They are so dear that the Overview asks for them in a round of its own, when all else was read, and seldom again.
    pub later: bool,
    /// Whether a finding by this rule rests on them: it is not certain before they are in.
    pub judges: fn(&'static Rule) -> bool,
    /// Those that are older are asked for again; later where they are dear.
    pub every: Duration,
    /// `$1` is `int8[]`, the ids; returns a column `id` (int8) and the columns named in `figures` (int8, may be NULL).
    pub query: Query,
    pub figures: &'static [&'static str],
    /// How much cost one statement takes at most.
    pub slice: usize,
    /// The row's id and its cost (relations that the server has to open); `None`: this row wants nothing.
    pub want: fn(&R) -> Option<(i64, usize)>,
    /// Takes the figures in the order of `figures`, or why they could not be had (a lock, a privilege).
    pub take: fn(&mut R, Result<&[Option<i64>], &str>),
}

/// One block of a details view.
#[derive(Debug, Clone, PartialEq)]
pub enum Section {
    /// Labels and values, one a line.
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
    /// Text as it is: a definition, a configuration, an error.
    Text { title: String, text: String },
    /// The chunks on their time axis, with what policies cut it by.
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
pub struct Labelled {
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

/// A part of a row's details that needs a query of its own.
#[derive(Debug)]
pub struct Detail<R: 'static> {
    /// What it is, for the message when it cannot be had.
    pub title: &'static str,
    pub query: Query,
    pub params: fn(&R) -> Vec<Param>,
    pub build: fn(&R, &[Row], &At) -> Result<Vec<Section>>,
}

/// A row of a screen, and with it all that the screen is.
pub trait Record: Clone + Debug + DeserializeOwned + Send + Sized + 'static {
    const ID: ScreenId;
    const TITLE: &'static str;
    const QUERY: Query;
    /// The companion query of a list: a second statement for figures of many rows that the list need not wait for. It is asked at
    /// the same moment on the second connection; both make one reading, see [`Record::join`].
    const COMPANION: Option<Query> = None;
    /// The query where TimescaleDB is not in the database; `None`: the screen says so instead.
    const PLAIN: Option<Query> = None;
    /// The catalogues whose change makes the rows stale, as `schema.table`; those that a version lacks are passed over.
    const WATCHED: &'static [&'static str];
    /// After so long the rows are read again even though no catalogue changed.
    const MAX_AGE: Duration;
    /// The same behind the Overview, which shows little of them.
    const MAX_AGE_GATHERED: Duration = Self::MAX_AGE;
    /// The columns, in JSON's order; `verdict` and `reason` are added to every screen.
    const COLUMNS: &'static [Column<Self>];
    /// The column by which its rows stand at first, falling; `None`: worst verdict first.
    const SORTED: Option<usize> = None;
    const DETAILS: &'static [Detail<Self>] = &[];
    /// In the order in which they are asked for.
    const EXACT: &'static [Exact<Self>] = &[];

    /// The text of `QUERY` for this server and role.
    fn list_text(server: &Server) -> &'static str {
        Self::QUERY.text(server.sql_version())
    }

    /// Reads one row that `QUERY` returned, by column name.
    fn read(row: &Row) -> Result<Self> {
        row::read(row)
    }

    /// Takes what [`Record::COMPANION`] returned into the rows that it belongs to.
    fn join(_rows: &mut [Self], _companion: &[Row]) -> Result<()> {
        Ok(())
    }

    /// What identifies the thing that the row is about, across reloads.
    fn key(&self) -> String;

    /// What the details are headed with.
    fn title(&self) -> String {
        self.key()
    }

    fn verdict(&self, at: &At) -> Verdict;

    /// What this role, server or version cannot show; said on the screen above the rows.
    fn caveats(_rows: &[Self], _at: &At) -> Vec<String> {
        Vec::new()
    }

    /// The part of the details that the row itself knows.
    fn facts(&self, at: &At) -> Vec<Section>;

    /// The things that the row stands for, for the actions that can be taken on them; the main one first.
    fn targets(&self) -> Vec<Target> {
        Vec::new()
    }

    /// Looks at all rows at once, with those shown before: puts them into an order, tells one of the other.
    fn settle(_before: &[Self], _rows: &mut Vec<Self>) {}

    /// Tells one row of the other once their exact figures are in, too; again whenever figures come.
    fn relate(_rows: &mut [Self], _at: &At) {}

    /// Rows of one family stay together in the order of [`Record::settle`] where the worst verdict comes first.
    fn family(&self) -> Option<i64> {
        None
    }

    /// When the clock alone will change what the row says (the next chunk falls due).
    fn due(&self) -> Option<Stamp> {
        None
    }
}
