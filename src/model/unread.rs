//! Rows of a source that an aggregate has not materialized yet, computed from the catalogue alone. Used to warn before rows of the
//! source are dropped.

use serde::{Deserialize, Serialize};

use super::bucket::{Buckets, Shape};
use super::{clock, remade};
use crate::model::bucket::Range;
use crate::model::moment::{Axis, Stamp};
use crate::model::span::{Now, Span};
use crate::model::target::{Target, TargetKind};

/// Buckets, watermark and changed ranges of an aggregate. The `i64` times are in the unit of its time dimension (`axis`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unread {
    /// Id of the materialization hypertable.
    id: i64,
    /// `schema.name`, quoted if necessary.
    pub name: String,
    axis: String,
    bucket: Option<String>,
    zone: Option<String>,
    offset: Option<String>,
    origin: Option<i64>,
    /// Start of the newest range, which was never refreshed and has no end; `None`: there is no such range.
    tail: Option<i64>,
    /// Rows up to this time were never materialized; `None`: there are no such rows.
    never_before: Option<i64>,
    /// Start of the first changed range that still has rows in the source; `None`: there is none.
    low: Option<i64>,
    /// End of the changed ranges that start before the source's first chunk. Dropping chunks logs such ranges. `None`: there are none.
    cut_to: Option<i64>,
    /// Start of the source's oldest chunk; `None`: there is no chunk.
    source_from: Option<i64>,
    /// Start of the chunks that may have been dropped and created again; `None`: there are none.
    #[serde(default)]
    remade_from: Option<i64>,
    #[serde(default)]
    remade_to: Option<i64>,
    /// Time zone of the retention policy (or of the session) that would drop the rows.
    #[serde(default)]
    clock_zone: Option<String>,
    policies: Vec<Run>,
}

/// The next run of a refresh policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    id: i64,
    scheduled: bool,
    fails: bool,
    /// Next start; `None`: running, due at once, or no statistics yet. `None` counts as now.
    next: Option<i64>,
    /// Time zone of the job's owner; `None`: the database's.
    #[serde(default)]
    zone: Option<String>,
    /// Configured offsets; `None`: an open end of the window.
    start: Option<String>,
    end: Option<String>,
}

impl Unread {
    fn axis(&self) -> Axis {
        Axis::of(&self.axis)
    }

    fn buckets(&self) -> Option<Buckets> {
        let shape = Shape {
            axis: self.axis(),
            width: self.bucket.as_deref(),
            zone: self.zone.as_deref(),
            offset: self.offset.as_deref(),
            origin: self.origin,
        };
        Buckets::of(&self.name, shape).ok()
    }

    /// One range of whole buckets that covers all rows before `edge` that are not materialized and that the source still has. `history`:
    /// include rows that were never materialized. `None`: no such rows, or the buckets cannot be parsed.
    pub(crate) fn before(&self, edge: i64, history: bool) -> Option<Range> {
        let (buckets, start) = (self.buckets()?, self.source_from?);
        let first = buckets.step(buckets.floor(start)?, 1)?;
        let mut all = Vec::new();
        match self.tail.filter(|at| self.axis().is_place(*at)) {
            Some(tail) => all.push((tail, edge)),
            None => all.extend(self.tail.map(|_| (start, edge))),
        }
        all.extend(self.low.map(|low| (low, edge)));
        let cut = self.cut_to.filter(|to| first < *to);
        // Dropping chunks logs a change up to the bucket of the source's first remaining chunk. Only a range that ends later has rows left.
        all.extend(cut.map(|to| (start, to.min(edge))));
        let never = self
            .never_before
            .filter(|at| history && self.axis().is_place(*at));
        all.extend(never.map(|never| (start, never.saturating_add(1).min(edge))));
        let inside = |(from, to): &(i64, i64)| (*from).max(start) < *to;
        let all: Vec<_> = all.into_iter().filter(inside).collect();
        let from = all.iter().map(|(from, _)| (*from).max(start)).min()?;
        let to = all.iter().map(|(_, to)| *to).max()?;
        // A bucket whose rows are partly dropped cannot be computed again.
        let from = match buckets.floor(from)? {
            whole if whole >= start => whole,
            _ => buckets.ceil(start)?,
        };
        let to = buckets.ceil(to)?;
        (from < to).then_some(Range { from, to })
    }

    /// Start and end of the chunks that may have been created again.
    fn made_again(&self) -> Option<(i64, i64)> {
        self.remade_from.zip(self.remade_to)
    }

    /// Splits a range into the buckets that overlap chunks that may have been recreated, and the rest.
    pub(crate) fn apart(&self, range: Range) -> (Option<Range>, Vec<Range>) {
        match self.buckets() {
            Some(buckets) => remade::apart(&buckets, range, self.made_again()),
            None => (None, vec![range]),
        }
    }

    /// The buckets between two times that overlap chunks that may have been recreated; `None`: no such buckets.
    pub(crate) fn remade(&self, from: i64, to: i64) -> Option<Range> {
        remade::touched(&self.buckets()?, Range { from, to }, self.made_again())
    }

    /// Ranges that are not materialized yet and would be dropped: all rows before `edge`, or only those in `chunks` (start, end).
    pub(crate) fn dropped(&self, edge: i64, chunks: &[(i64, i64)]) -> Vec<Range> {
        match self.before(edge, false) {
            None => Vec::new(),
            Some(range) if chunks.is_empty() => vec![range],
            Some(range) => self.within(range, chunks),
        }
    }

    /// Parts of a range that lie in these chunks (start, end), in whole buckets.
    fn within(&self, range: Range, chunks: &[(i64, i64)]) -> Vec<Range> {
        let Some(buckets) = self.buckets() else {
            return vec![range];
        };
        let mut parts: Vec<Range> = Vec::new();
        for (low, high) in chunks {
            let from = buckets.floor(*low).unwrap_or(*low).max(range.from);
            let to = buckets.ceil(*high).unwrap_or(*high).min(range.to);
            match parts.last_mut() {
                Some(last) if from <= last.to => last.to = last.to.max(to),
                _ if from < to => parts.push(Range { from, to }),
                _ => {}
            }
        }
        parts
    }

    /// Current time for a policy that runs in this zone (`None`: the database's zone).
    fn now<'a>(&self, clock: &Clock, zone: Option<&'a str>) -> Now<'a> {
        let axis = self.axis();
        let Some(zone) = zone else {
            let at = match axis {
                Axis::Integer => clock.integer,
                Axis::TimestampTz => Some(clock.now.0),
                Axis::Timestamp | Axis::Date => clock.now.0.checked_add(clock.local_shift),
            };
            return Now { axis, at, zone };
        };
        Now::on(axis, clock.now, clock.integer, zone)
    }

    /// The time that is `span` before now, computed in `clock_zone`. `None`: unknown.
    fn back(&self, clock: &Clock, span: &str) -> Option<i64> {
        let now = self.now(clock, self.clock_zone.as_deref());
        now.less(Span::parse(now.axis, span)?)
    }

    /// The time zone that is needed to compute the time `span` before now, if this program does not know the zone. `None`: it is known, or
    /// not needed.
    pub(crate) fn odd_zone(&self, span: &str) -> Option<&str> {
        let zone = self.clock_zone.as_deref();
        let zone = zone.filter(|zone| clock::zone(zone).is_none())?;
        let now = Now::on(self.axis(), Stamp(0), Some(0), zone);
        let place = Span::parse(now.axis, span).and_then(|span| now.less(span));
        place.is_none().then_some(zone)
    }

    /// Start of the window of a refresh that runs now with this `start_offset`; `None`: unknown.
    pub(crate) fn reach(&self, start_offset: &str, clock: &Clock) -> Option<i64> {
        let at = self.back(clock, start_offset)?;
        self.buckets()?.ceil(at)
    }

    /// End (exclusive) of the window of a refresh that runs now with this `end_offset`; `None`: unknown.
    pub(crate) fn reach_end(&self, end_offset: &str, clock: &Clock) -> Option<i64> {
        let at = self.back(clock, end_offset)?;
        self.buckets()?.floor(at)
    }

    /// End of the newest chunk that a retention policy of the source would drop now; `ends` are the ends of the chunks. `None`:
    /// no chunk, or unknown.
    pub(crate) fn dropped_up_to(
        &self,
        ends: &[i64],
        drop_after: &str,
        clock: &Clock,
    ) -> Option<i64> {
        let boundary = self.back(clock, drop_after)?;
        ends.iter().copied().filter(|end| *end <= boundary).max()
    }

    /// Whether a refresh policy that works will cover the range in its next run, and that run starts before `until`. The result of
    /// `integer_now_func` is assumed to be the same at that start.
    pub(crate) fn is_read_by(
        &self,
        range: Range,
        until: Stamp,
        clock: &Clock,
        job_late: f64,
    ) -> bool {
        let Some(buckets) = self.buckets() else {
            return false;
        };
        self.policies.iter().any(|run| {
            let zone = run.zone.as_deref().or(self.clock_zone.as_deref());
            let next = run.next.unwrap_or(clock.now.0).max(clock.now.0);
            let then = Clock {
                now: Stamp(next),
                ..*clock
            };
            let now = self.now(&then, zone);
            let side = |offset: &Option<String>, open: i64| match offset {
                None => now.at.map(|_| open),
                Some(offset) => now.less(Span::parse(now.axis, offset)?),
            };
            let from = side(&run.start, i64::MIN).and_then(|at| match at {
                i64::MIN => Some(at),
                at => buckets.ceil(at),
            });
            let to = side(&run.end, i64::MAX).and_then(|at| match at {
                i64::MAX => Some(at),
                at => buckets.floor(at),
            });
            // A job that is overdue by more than `job_late` seconds may not run at all.
            let late = run
                .next
                .is_some_and(|next| clock.now.seconds_since(Stamp(next)) > job_late);
            run.scheduled
                && !(run.fails || late)
                && next < until.0
                && from.is_some_and(|from| from <= range.from)
                && to.is_some_and(|to| range.to <= to)
        })
    }

    /// Reason why no refresh policy covers the range in time.
    pub(crate) fn why(&self) -> String {
        let fails = self.policies.iter().find(|run| run.fails);
        let Some(run) = fails.or(self.policies.first()) else {
            return "it has no refresh policy".to_owned();
        };
        let job = run.id;
        if self.policies.iter().all(|run| !run.scheduled) {
            format!("its refresh policy (job {job}) is paused")
        } else if fails.is_some() {
            format!("its refresh policy (job {job}) fails")
        } else {
            format!("its refresh policy (job {job}) does not refresh that range in time")
        }
    }

    pub(crate) fn show(&self, range: Range) -> String {
        let at = |at| clock::show(self.axis(), at);
        format!("{} to {}", at(range.from), at(range.to))
    }

    /// Form fields of the action refresh-aggregate for exactly this range.
    pub(crate) fn settings(&self, range: Range) -> [(&'static str, String); 2] {
        let typed = |at| clock::typed(self.axis(), at).unwrap_or_default();
        [("from", typed(range.from)), ("to", typed(range.to))]
    }

    /// Arguments of `hypertop run` that refresh exactly this range.
    pub(crate) fn by_hand(&self, range: Range) -> String {
        let [(_, from), (_, to)] = self.settings(range);
        format!("refresh-aggregate {} from='{from}' to='{to}'", self.name)
    }

    /// Literals of both ends, without quotes, of the type [`Self::kind`]; `None`: outside the calendar.
    pub(crate) fn literals(&self, range: Range) -> [Option<String>; 2] {
        [range.from, range.to].map(|at| clock::literal(self.axis(), at))
    }

    pub(crate) fn kind(&self) -> &str {
        match self.axis() {
            Axis::TimestampTz => "timestamptz",
            Axis::Timestamp => "timestamp",
            Axis::Date => "date",
            Axis::Integer => &self.axis,
        }
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            kind: TargetKind::Aggregate,
            id: self.id,
            name: self.name.clone(),
        }
    }
}

/// Current time, for time dimensions of any type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub now: Stamp,
    /// Offset of the database's time zone from UTC, in microseconds.
    pub local_shift: i64,
    /// Result of `integer_now_func`; `None`: no such function, or it was not called.
    pub integer: Option<i64>,
}
