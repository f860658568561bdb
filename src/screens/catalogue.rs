//! All screens, with their rows and tables, in the order of `model/screen_id.rs`.

#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::verdict::{Finding, Verdict};
use crate::screens::about::About;
use crate::screens::history::History;
use crate::screens::record::{Record, Section};
use crate::screens::table::{Freshness, Table};
use crate::screens::{
    activity, aggregates, compression, hypertables, indexes, jobs, journal, overview, policies,
    queries, retention, server,
};
use crate::server::exact::Figures;
use crate::server::known::{At, Counters};
use crate::server::row;
use crate::server::sql::{Param, Query};

macro_rules! screens {
    ($($id:ident: $module:ident),+ $(,)?) => {
        /// Rows of one screen: all rows of its query, or the one row whose details are requested.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub enum Rows { $($id(Vec<$module::Row>)),+ }

        #[derive(Debug, Default)]
        pub struct Screens { $(pub $module: Table<$module::Row>),+ }

        $(const _: () = assert!(
            is_explained::<$module::Row>(),
            "LEGEND must have a line for each column with a heading, in the same order",
        );)+

        impl ScreenId {
            /// Properties of the screen that do not depend on its rows.
            pub fn about(self) -> About {
                match self { $(Self::$id => About::of::<$module::Row>()),+ }
            }

            /// Reads the rows of the screen's query and of its companion query.
            pub(super) fn read(self, rows: &[tokio_postgres::Row], companion: &[tokio_postgres::Row]) -> Result<Rows> {
                Ok(match self { $(Self::$id => Rows::$id(read(rows, companion)?)),+ })
            }
        }

        impl Rows {
            /// Title, query and parameters of each query for the details of the first row.
            pub fn details(&self) -> Vec<(&'static str, &'static Query, Vec<Param>)> {
                match self { $(Self::$id(rows) => details(rows)),+ }
            }

            /// Builds the sections of the details from the rows that query number `index` of [`Self::details`] returned.
            pub fn build(&self, index: usize, rows: &[tokio_postgres::Row], at: &At) -> Result<Vec<Section>> {
                match self { $(Self::$id(of) => build(of, index, rows, at)),+ }
            }

            pub fn screen(&self) -> ScreenId {
                match self { $(Self::$id(_) => ScreenId::$id),+ }
            }

            /// Key of the first row; `None`: no rows.
            pub(crate) fn key(&self) -> Option<String> {
                match self { $(Self::$id(rows) => rows.first().map(Record::key)),+ }
            }

            /// Targets of actions on these rows.
            pub(crate) fn targets(&self) -> Vec<Target> {
                match self { $(Self::$id(rows) => rows.iter().flat_map(Record::targets).collect()),+ }
            }

            /// Splits the rows into values with one row each.
            pub fn each(&self) -> Vec<Self> {
                match self { $(Self::$id(rows) => rows.iter().map(|row| Self::$id(vec![row.clone()])).collect()),+ }
            }

            fn len(&self) -> usize {
                match self { $(Self::$id(rows) => rows.len()),+ }
            }

            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
        }

        impl Screens {
            /// Passes loaded rows to the table of their screen.
            pub fn load(&mut self, asked: u64, rows: Rows, took: Duration, at: &At) {
                match rows { $(Rows::$id(rows) => self.$module.load(asked, rows, took, at)),+ }
            }

            /// The row with this key, its title, the sections of its details that need no query, and its verdict. `None`: no such row.
            pub(crate) fn open(&self, id: ScreenId, key: &str, at: &At) -> Option<(Rows, String, Vec<Section>, Verdict)> {
                match id { $(ScreenId::$id => self.$module.find(key).map(|row| {
                    (Rows::$id(vec![row.clone()]), row.title(), row.facts(at), row.verdict(at))
                })),+ }
            }

            /// The row with this key, and the indexes in [`Record::DETAILS`] of the queries that its preview needs. `None`: no such row.
            pub(crate) fn pictured(&self, id: ScreenId, key: &str) -> Option<(Rows, &'static [usize])> {
                match id { $(ScreenId::$id => self.$module.find(key).map(|row| {
                    (Rows::$id(vec![row.clone()]), row.pictured())
                })),+ }
            }

            /// The part of `sections` that the preview pane shows.
            pub(crate) fn picture(id: ScreenId, sections: Vec<Section>) -> Vec<Section> {
                match id { $(ScreenId::$id => $module::Row::picture(sections)),+ }
            }

            pub(crate) fn all_rows(&self) -> Vec<Rows> {
                vec![$(Rows::$id(self.$module.rows().to_vec())),+]
            }

            /// Findings about data that this screen lacks, because the role may not see it.
            pub(crate) fn hidden(&self, id: ScreenId, at: &At) -> Vec<Finding> {
                match id { $(ScreenId::$id => $module::Row::hidden(self.$module.rows(), at)),+ }
            }

            /// Texts about data that this screen cannot show; for the Overview, without the texts of the other screens.
            pub(super) fn own_caveats(&self, id: ScreenId, at: &At) -> Vec<String> {
                match id { $(ScreenId::$id => {
                    let mut caveats = self.$module.caveats(at);
                    caveats.extend(self.$module.unread(at.now));
                    caveats
                }),+ }
            }
        }

        /// Runs code with the table of a screen: `with_table!(screens, ScreenId::Jobs, |table| table.reset())`.
        macro_rules! with_table {
            ($screens:expr, $screen:expr, |$table:ident| $body:expr) => {
                match $screen { $($crate::model::screen_id::ScreenId::$id => { let $table = &$screens.$module; $body }),+ }
            };
            (mut $screens:expr, $screen:expr, |$table:ident| $body:expr) => {
                match $screen { $($crate::model::screen_id::ScreenId::$id => { let $table = &mut $screens.$module; $body }),+ }
            };
        }
    };
}

screens! {
    Overview: overview,
    Compression: compression,
    Retention: retention,
    Indexes: indexes,
    Jobs: jobs,
    Aggregates: aggregates,
    Hypertables: hypertables,
    Activity: activity,
    Queries: queries,
    Journal: journal,
    Server: server,
    Policies: policies,
}

pub(crate) use with_table;

/// Whether the legend has exactly the columns that have a heading, in the same order.
const fn is_explained<R: Record>() -> bool {
    let (mut column, mut line) = (0, 0);
    while column < R::COLUMNS.len() {
        let title = R::COLUMNS[column].title;
        column += 1;
        if title.is_empty() {
            continue;
        }
        if line == R::LEGEND.len() || !is_same(title, R::LEGEND[line].0) {
            return false;
        }
        line += 1;
    }
    line == R::LEGEND.len()
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The part of a row's preview that needs no query.
#[derive(Debug)]
pub(crate) struct Brief {
    pub title: String,
    pub verdict: Verdict,
    pub sections: Vec<Section>,
    /// Whether the preview also needs queries.
    pub reads: bool,
}

impl ScreenId {
    pub fn title(self) -> &'static str {
        self.about().title
    }

    /// Whether the screen has rows; `timescaledb`: whether the database has TimescaleDB.
    pub(crate) fn is_served(self, timescaledb: bool) -> bool {
        // Two screens need no TimescaleDB: the journal is a local file, and the Overview has the findings of the other screens.
        timescaledb
            || matches!(self, Self::Journal | Self::Overview)
            || self.about().plain.is_some()
    }

    /// The screens whose rows this screen needs: several for the Overview, otherwise the screen itself.
    pub(crate) fn parts(self) -> Vec<Self> {
        match self {
            Self::Overview => overview::PARTS.to_vec(),
            one => vec![one],
        }
    }
}

impl Screens {
    /// The console's screens, in which rows without findings are folded into one line if [`Record::is_bare`] is true for them.
    pub(crate) fn folding() -> Self {
        let mut screens = Self::default();
        for id in ScreenId::ALL {
            with_table!(mut screens, *id, |table| table.folds = true);
        }
        screens
    }

    /// Key of the selected row; `None`: no row is selected.
    pub fn selected_key(&self, id: ScreenId) -> Option<String> {
        with_table!(self, id, |table| table.selected().map(Record::key))
    }

    /// Screen and key of the row that the preview shows: on the Overview, the row that the selected finding is about.
    /// `None`: no row is selected, or the finding is about several rows.
    pub(crate) fn pictured_key(&self, id: ScreenId) -> Option<(ScreenId, String)> {
        if id != ScreenId::Overview {
            return self.selected_key(id).map(|key| (id, key));
        }
        let row = self.overview.selected()?;
        (!row.of.is_empty()).then(|| (row.screen, row.of.clone()))
    }

    /// The part of the selected row's preview that needs no query; `None`: no row is selected.
    pub(crate) fn brief(&self, id: ScreenId, at: &At, history: &History) -> Option<Brief> {
        let mut brief = with_table!(self, id, |table| table.selected().map(|row| Brief {
            title: row.title(),
            verdict: row.verdict(at),
            sections: Vec::new(),
            reads: false,
        }))?;
        if let Some((screen, key)) = self.pictured_key(id) {
            with_table!(self, screen, |table| if let Some(row) = table.find(&key) {
                brief.sections = row.brief(at, history);
                brief.reads = !row.pictured().is_empty();
            });
        }
        Some(brief)
    }

    pub fn ask(&mut self, id: ScreenId) -> Option<u64> {
        with_table!(mut self, id, |table| table.ask())
    }

    pub(crate) fn fail(&mut self, id: ScreenId, asked: u64, error: String) {
        with_table!(mut self, id, |table| table.fail(asked, error));
    }

    /// Marks a request as ended after the console cancelled it.
    pub(crate) fn cancelled(&mut self, id: ScreenId, asked: u64) {
        with_table!(mut self, id, |table| table.cancelled(asked));
    }

    pub fn abandon(&mut self) {
        for id in ScreenId::ALL {
            with_table!(mut self, *id, |table| table.abandon());
        }
    }

    /// Whether the rows should be read again; `gathered`: they are read only for the Overview.
    pub(crate) fn is_stale(
        &self,
        id: ScreenId,
        counters: &Counters,
        gathered: bool,
        now: Stamp,
    ) -> bool {
        with_table!(self, id, |table| table.is_stale(counters, gathered, now))
    }

    pub(crate) fn counted(&mut self, id: ScreenId, counters: Counters) {
        with_table!(mut self, id, |table| table.counted(counters));
    }

    pub(crate) fn fresh(&self, id: ScreenId) -> &Freshness {
        with_table!(self, id, |table| &table.fresh)
    }

    /// Of the first `lines` rows, those that need the exact figures with index `nth` in [`Record::EXACT`]: their ids and costs.
    pub fn wanted_at_first(
        &mut self,
        id: ScreenId,
        nth: usize,
        lines: usize,
        now: Stamp,
    ) -> Vec<(i64, usize)> {
        with_table!(mut self, id, |table| {
            table.visible(lines);
            table.wanted(nth, false, now)
        })
    }

    pub fn take_exact(
        &mut self,
        id: ScreenId,
        nth: usize,
        figures: Vec<(i64, Figures)>,
        last: bool,
        at: &At,
    ) {
        with_table!(mut self, id, |table| table
            .take_exact(nth, figures, last, at));
    }
}

fn read<R: Record>(
    rows: &[tokio_postgres::Row],
    companion: &[tokio_postgres::Row],
) -> Result<Vec<R>> {
    let lines = row::joined(rows, companion)?;
    row::all(lines.into_iter().map(R::read))
}

fn details<R: Record>(rows: &[R]) -> Vec<(&'static str, &'static Query, Vec<Param>)> {
    let Some(row) = rows.first() else {
        return Vec::new();
    };
    let ask = |detail: &'static crate::screens::record::Detail<R>| {
        (detail.title, &detail.query, (detail.params)(row))
    };
    R::DETAILS.iter().map(ask).collect()
}

fn build<R: Record>(
    of: &[R],
    index: usize,
    rows: &[tokio_postgres::Row],
    at: &At,
) -> Result<Vec<Section>> {
    let (row, detail) = of
        .first()
        .zip(R::DETAILS.get(index))
        .ok_or_else(|| anyhow!("the screen has no details query of this number"))?;
    (detail.build)(row, rows, at)
}
