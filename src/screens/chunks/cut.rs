//! What cuts the chunks' time axis: policies, the refresh windows of aggregates, the clock.

use serde::Deserialize;

use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::model::verdict::Level;
use crate::screens::axis;
use crate::screens::axis::{Mark, Place};
use crate::server::row::or_default;

/// What a policy, an aggregate or the clock cuts the axis by.
#[derive(Debug, Clone, Deserialize)]
pub struct Cut {
    pub(super) kind: Kind,
    /// The aggregate.
    pub name: Option<String>,
    /// Where a refresh window begins; `None`: at the beginning of time.
    #[serde(rename = "range_start")]
    pub from: Option<i64>,
    /// The boundary; `None`: not known here, or none.
    #[serde(rename = "range_end")]
    pub to: Option<i64>,
    pub job_id: Option<i32>,
    /// As it is configured; of a refresh `start|end`.
    #[serde(deserialize_with = "or_default")]
    note: String,
    #[serde(deserialize_with = "or_default")]
    scheduled: bool,
    #[serde(deserialize_with = "or_default")]
    failing: bool,
    pub watermark: Option<i64>,
    /// Of a policy by creation: it takes what was made before.
    pub(super) made_before: Option<Stamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Now,
    Compress,
    Drop,
    /// Of an aggregate on it.
    Refresh,
    /// Its own refresh: it is an aggregate's materialization.
    Own,
}

impl Cut {
    /// A refresh, of an aggregate on it or of itself.
    pub fn is_window(&self) -> bool {
        matches!(self.kind, Kind::Refresh | Kind::Own)
    }

    /// Whether it is the hypertable's own: it is an aggregate's materialization.
    pub fn is_own(&self) -> bool {
        self.kind == Kind::Own
    }

    /// The job's state, where it is worth a word.
    pub fn state(&self) -> (&'static str, Level) {
        match (self.job_id, self.scheduled, self.failing) {
            (None, ..) | (_, true, false) => ("", Level::Ok),
            (_, false, _) => (" (paused)", Level::Notice),
            (_, _, true) => (" (failing)", Level::Warning),
        }
    }

    /// The refresh window in words: `3h to 1m ago`.
    pub fn window(&self) -> String {
        let (start, end) = self.note.split_once('|').unwrap_or_default();
        let start = if start.is_empty() {
            "all".to_owned()
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
                (None, Some(_)) => ", whatever its time".to_owned(),
                (None, None) => ": where that is now is not known".to_owned(),
            };
            let note = text::interval(&self.note);
            let label = match note.strip_prefix("created ") {
                Some(ago) => {
                    let verb = what.trim_end_matches(" after");
                    format!("{verb} what was created {ago} or before{until}{state}")
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
            Kind::Now => Mark {
                sign: 'N',
                label: format!("now {}", at(self.to)?),
                level,
                place,
            },
            Kind::Compress => cut('C', "compress after"),
            Kind::Drop => cut('D', "drop after"),
            Kind::Refresh | Kind::Own => self.refresh_mark(unit, state, level),
        })
    }

    fn refresh_mark(&self, unit: Axis, state: &str, level: Level) -> Mark {
        let name = match (&self.name, self.is_own()) {
            (Some(name), false) => name.as_str(),
            _ => "its own",
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
                    "refresh {name} {}{state}: where that is now is not known; {done}",
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
