//! Positions and ranges in the time dimension of an aggregate: the position up to which it should be refreshed, the ranges where a refresh
//! would delete rows, and the steps of a refresh.

use super::facts::{AgePolicy, Aggregate, since};
use super::guard;
use super::window::{Lost, Window};
use crate::actions::act::{Context, Refusal};
use crate::actions::policy::row_loss::{self, Back};
use crate::model::bucket::Buckets;
use crate::model::moment::{Axis, Stamp};
use crate::model::plan::{Lit, Mode, Plan, Statement, Step};
use crate::model::span::{Now, Span};
use crate::model::{clock, text};

/// Default number of source chunks per step.
const STEP_CHUNKS: i64 = 24;
/// Maximum number of steps by default. If the window needs more, each step is made larger.
const MOST_STEPS: i64 = 100;
/// Maximum number of steps if the form sets the size of a step.
const LIMIT: i64 = 2000;

/// An aggregate, with the facts that decide how it is refreshed.
pub(super) struct Timeline<'a> {
    pub level: &'a Aggregate,
    pub buckets: Buckets,
    /// "Now" for the refresh policies; unknown if the `integer_now` function may not be run.
    pub now: Now<'a>,
    moment: Stamp,
    pub lost: Vec<Lost>,
}

/// Options of a refresh and the size of its steps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How {
    pub force: bool,
    /// Buckets per step. `None`: as many as [`STEP_CHUNKS`] source chunks span. Zero: everything in one step.
    pub step_buckets: Option<i64>,
}

impl<'a> Timeline<'a> {
    pub(super) fn of(level: &'a Aggregate, context: &Context) -> Result<Self, Refusal> {
        let buckets = level.buckets()?;
        Ok(Self {
            lost: guard::lost(level, &buckets, context),
            now: level.now(&level.clock_zone, context.at.now),
            moment: context.at.now,
            level,
            buckets,
        })
    }

    pub(super) fn axis(&self) -> Axis {
        self.level.axis()
    }

    /// The position that lies `span` before now. `None`: "now" is unknown, or `span` cannot be parsed.
    pub(super) fn back(&self, span: &str) -> Option<i64> {
        self.now.less(Span::parse(self.axis(), span)?)
    }

    /// "Now" for another policy, in that policy's time zone.
    pub(super) fn now_of<'p>(&self, policy: &'p AgePolicy) -> Now<'p> {
        self.level.now(&policy.clock_zone, self.moment)
    }

    /// True if a refresh from this `start_offset` on would reach rows that the source's `policy` drops.
    pub(super) fn reads_dropped(&self, start: Option<&str>, policy: &AgePolicy) -> bool {
        let axis = self.axis();
        let Some(after) = policy.span(axis) else {
            return false;
        };
        let drops = Back::of(&self.now_of(policy), after);
        let start = match start {
            None => Some(Back::TO_THE_BEGINNING),
            Some(start) => Span::parse(axis, start).map(|start| Back::of(&self.now, start)),
        };
        start.is_some_and(|start| row_loss::reads_dropped(start, drops))
    }

    pub(super) fn show(&self, window: Window) -> String {
        let side = |at: Option<i64>, open: &str| {
            at.map_or_else(|| open.to_owned(), |at| clock::show(self.axis(), at))
        };
        format!(
            "{} to {}",
            side(window.from, "the beginning"),
            side(window.to, "the end")
        )
    }

    /// Position up to which the policies should have refreshed: now minus the smallest `end_offset`, in whole buckets. Without an
    /// `end_offset`: now.
    pub(super) fn end(&self) -> Result<i64, Refusal> {
        let Some(now) = self.now.at else {
            if let Some(code) = &self.level.code {
                return Err(format!(
                    "use refresh-aggregate with from and to, because \"now\" on {}'s integer time is unknown: {}",
                    self.level.name,
                    code.words(None)
                )
                .into());
            }
            return Err(format!(
                "\"now\" on {}'s time is unknown (its time zone or its integer_now_func cannot be used): use refresh-aggregate with from and to",
                self.level.name
            )
            .into());
        };
        let back = self
            .level
            .newest_policy()
            .and_then(|job| job.setting("end_offset"));
        let end = match back {
            None => Some(now),
            Some(back) => self.back(&back),
        };
        end.and_then(|end| self.buckets.floor(end)).ok_or_else(|| {
            Refusal::new(format!(
                "it is unknown up to where {} should be refreshed: use refresh-aggregate with from and to",
                self.level.name
            ))
        })
    }

    /// Range from the first position that needs a refresh to [`Self::end`]. `None`: nothing is late.
    pub(super) fn behind(&self) -> Result<Option<Window>, Refusal> {
        let end = self.end()?;
        let next = match self.level.refreshed() {
            // Nothing is late after the source's newest chunk. 2.28 keeps invalidation log entries there, which no refresh removes.
            Some(at) => Some(at).filter(|at| self.level.source_to.is_some_and(|to| to > *at)),
            // Never refreshed, so everything in the source is late.
            None => self.level.source_from,
        };
        let from = [next, self.level.pending_from]
            .into_iter()
            .flatten()
            .min()
            .and_then(|at| self.buckets.floor(at));
        Ok(from.filter(|from| *from < end).map(|from| Window {
            from: Some(from),
            to: Some(end),
        }))
    }

    /// Splits the window into steps, oldest first. Each step is a transaction of its own.
    pub(super) fn steps(
        &self,
        context: &Context,
        window: Window,
        how: How,
    ) -> Result<Vec<Step>, Refusal> {
        self.split(window, how.step_buckets)?
            .into_iter()
            .map(|part| self.step(context, part, how.force))
            .collect()
    }

    /// Splits a window into parts. If the window has no start, the first part has none; if it has no end, the last part has none.
    fn split(&self, window: Window, size: Option<i64>) -> Result<Vec<Window>, Refusal> {
        let whole = Ok(vec![window]);
        let first = window.from.or(self.level.source_from);
        let last = window.to.or(self.level.source_to);
        let Some((first, last)) = first
            .and_then(|at| self.buckets.floor(at))
            .zip(last.and_then(|at| self.buckets.ceil(at)))
        else {
            return whole;
        };
        let Some(all) = self.buckets.between(first, last).filter(|all| *all > 0) else {
            return whole;
        };
        let size = match size {
            Some(0) => return whole,
            Some(size) if all / size.max(1) > LIMIT => {
                return Err(Refusal::new(format!(
                    "that would be {} steps: set more buckets per step",
                    text::count(all / size.max(1))
                )));
            }
            Some(size) => size.max(1),
            None => self.step_size().unwrap_or(all).max(all / MOST_STEPS + 1),
        };
        let (mut parts, mut from, mut at) = (Vec::new(), window.from, first);
        while let Some(next) = self.buckets.step(at, size).filter(|next| *next < last) {
            parts.push(Window {
                from,
                to: Some(next),
            });
            (from, at) = (Some(next), next);
        }
        parts.push(Window {
            from,
            to: window.to,
        });
        Ok(parts)
    }

    /// Number of buckets in [`STEP_CHUNKS`] chunks, if each chunk has the length of the source's newest chunk. `None`: unknown.
    fn step_size(&self) -> Option<i64> {
        let (low, high, _) = self.level.slices.first()?;
        let span = high.checked_sub(*low)?.checked_mul(STEP_CHUNKS)?;
        Some(self.buckets.between(*low, low.checked_add(span)?)?.max(1))
    }

    fn step(&self, context: &Context, window: Window, force: bool) -> Result<Step, Refusal> {
        let kind = self.kind();
        let side = |at: Option<i64>| match at {
            None => Ok(Lit::Null),
            Some(at) => clock::literal(self.axis(), at)
                .map(Lit::Text)
                .ok_or_else(|| Refusal::new("the window is outside the range of timestamps")),
        };
        let more = if force { ", force => true" } else { "" };
        let sql = format!(
            "call {}($1::regclass, $2::{kind}, $3::{kind}{more})",
            context.function("refresh_continuous_aggregate")
        );
        let params = vec![
            Lit::from(self.level.name.clone()),
            side(window.from)?,
            side(window.to)?,
        ];
        let label = format!("refresh {}, {}", self.level.name, self.show(window));
        Ok(Step::new(label, vec![Statement::new(sql, params)], Vec::new()).plain())
    }

    /// SQL type of a position.
    pub(super) fn kind(&self) -> &str {
        match self.axis() {
            Axis::TimestampTz => "timestamptz",
            Axis::Timestamp => "timestamp",
            Axis::Date => "date",
            Axis::Integer => self.level.axis.as_str(),
        }
    }

    /// SQL type of an offset.
    pub(super) fn span_kind(&self) -> &str {
        match self.axis() {
            Axis::Integer => self.level.axis.as_str(),
            _ => "interval",
        }
    }

    pub(super) fn touch(&self, context: &Context, plan: Plan) -> Plan {
        let mode = if since(context, 2, 18) {
            Mode::ShareUpdateExclusive
        } else {
            Mode::Exclusive
        };
        plan.touching(self.level.mat_oid, self.level.mat_name.clone(), mode)
            .touching(
                self.level.source_oid,
                self.level.source.clone(),
                Mode::AccessShare,
            )
    }

    /// Text on the size of a window: the number of buckets, and of the source's chunks.
    pub(super) fn amount(&self, window: Window) -> String {
        let level = self.level;
        let known_from = level.slices.last().map(|slice| slice.0);
        let complete = level.slices.iter().map(|slice| slice.2).sum::<i64>() == level.source_chunks
            || window
                .from
                .zip(known_from)
                .is_some_and(|(from, known)| from >= known);
        let chunks: i64 = level
            .slices
            .iter()
            .filter(|(low, high, _)| {
                window.from.is_none_or(|from| from < *high) && window.to.is_none_or(|to| *low < to)
            })
            .map(|slice| slice.2)
            .sum();
        let at_least = if complete { "" } else { "at least " };
        let buckets = window
            .from
            .zip(window.to)
            .and_then(|(from, to)| self.buckets.between(from, to))
            .map_or_else(String::new, |number| {
                format!(
                    "{} of {}, ",
                    text::plural(number, "bucket"),
                    text::interval(&self.buckets.text)
                )
            });
        format!(
            "{buckets}over {at_least}{} of {}",
            text::plural(chunks, "chunk"),
            level.source
        )
    }
}
