//! Marks on the chunks' time axis: policies, refresh windows of aggregates, the current time.

use serde::Deserialize;

use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::model::verdict::Level;
use crate::screens::axis;
use crate::screens::axis::{Mark, Place};
use crate::server::row::or_default;

/// A mark of a policy, of an aggregate or of the current time. Times are in the unit of the time dimension.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Cut {
    pub(super) kind: CutKind,
    /// Name of the aggregate; `None`: not a mark of an aggregate.
    pub name: Option<String>,
    /// Start of a refresh window; `None`: another mark, or the window has no start.
    #[serde(rename = "range_start")]
    from: Option<i64>,
    /// The boundary of the policy, the end of the refresh window, or the current time; `None`: unknown, or the policy
    /// uses the creation time of chunks (`made_before`).
    #[serde(rename = "range_end")]
    pub to: Option<i64>,
    pub job_id: Option<i32>,
    /// The configured interval; for a refresh window the text `start_offset|end_offset`.
    #[serde(deserialize_with = "or_default")]
    note: String,
    #[serde(deserialize_with = "or_default")]
    scheduled: bool,
    #[serde(deserialize_with = "or_default")]
    failing: bool,
    pub watermark: Option<i64>,
    /// For a policy that uses the creation time of chunks: chunks created before this time are due. `None`: another kind of mark.
    pub(super) made_before: Option<Stamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CutKind {
    Now,
    Compress,
    Drop,
    /// Refresh window of an aggregate on the hypertable.
    Refresh,
    /// Refresh window of the aggregate whose materialization hypertable is shown.
    Own,
}

impl Cut {
    pub(crate) fn is_window(&self) -> bool {
        matches!(self.kind, CutKind::Refresh | CutKind::Own)
    }

    /// Whether this is the refresh window of the aggregate whose materialization hypertable is shown.
    pub(crate) fn is_own(&self) -> bool {
        self.kind == CutKind::Own
    }

    /// Text and level for the job's state. The text is empty if there is no job, or if the job is scheduled and does not fail.
    pub(crate) fn state(&self) -> (&'static str, Level) {
        match (self.job_id, self.scheduled, self.failing) {
            (None, ..) | (_, true, false) => ("", Level::Ok),
            (_, false, _) => (" (paused)", Level::Notice),
            (_, _, true) => (" (failing)", Level::Warning),
        }
    }

    /// Text for the refresh window: `3h to 1m ago`.
    pub(crate) fn window(&self) -> String {
        let (start, end) = self.note.split_once('|').unwrap_or_default();
        let start = if start.is_empty() {
            "from the beginning".to_owned()
        } else {
            text::interval(start)
        };
        format!("{start} to {} ago", text::interval(end))
    }

    pub(super) fn mark(&self, unit: Axis) -> Option<Mark> {
        let (state, level) = self.state();
        let at = |raw: Option<i64>| raw.map(|raw| axis::to_the_minute(Point { axis: unit, raw }));
        let place = self.to.map_or(Place::Nowhere, Place::At);
        let cut = |sign, what: &str| {
            let until = match (at(self.to), self.made_before) {
                (Some(to), _) => format!(": {to}"),
                (None, Some(_)) => ", whatever the time of their rows".to_owned(),
                (None, None) => ": its place on the time axis is unknown".to_owned(),
            };
            let note = text::interval(&self.note);
            let label = match note.strip_prefix("created ") {
                Some(ago) => {
                    let verb = what.trim_end_matches(" after");
                    format!("{verb} chunks created {ago} or before{until}{state}")
                }
                None => format!("{what} {note}{until}{state}"),
            };
            Mark {
                sign,
                label,
                level,
                place,
            }
        };
        Some(match self.kind {
            CutKind::Now => Mark {
                sign: 'N',
                label: format!("now {}", at(self.to)?),
                level,
                place,
            },
            CutKind::Compress => cut('C', "compress after"),
            CutKind::Drop => cut('D', "drop after"),
            CutKind::Refresh | CutKind::Own => self.refresh_mark(unit, state, level),
        })
    }

    fn refresh_mark(&self, unit: Axis, state: &str, level: Level) -> Mark {
        let name = match (&self.name, self.is_own()) {
            (Some(name), false) => name.as_str(),
            _ => "its rows",
        };
        let done = self
            .watermark
            .map(|raw| axis::to_the_minute(Point { axis: unit, raw }));
        let done = done.map_or("nothing materialized".to_owned(), |done| {
            format!("watermark W {done}")
        });
        let (place, label) = match (self.to, self.watermark) {
            (Some(to), letter) => (
                Place::Window {
                    from: self.from,
                    to,
                    letter,
                },
                format!("refresh {name} {}{state}, {done}", self.window()),
            ),
            (None, _) if self.job_id.is_some() => (
                Place::Nowhere,
                format!(
                    "refresh {name} {}{state}: its place on the time axis is unknown; {done}",
                    self.window()
                ),
            ),
            (None, Some(at)) => (Place::At(at), format!("{name}: no refresh policy, {done}")),
            (None, None) => (Place::Nowhere, format!("{name}: no refresh policy, {done}")),
        };
        Mark {
            sign: 'W',
            label,
            level,
            place,
        }
    }
}
