//! What a retention setting would do: which chunks and bytes go, and with which other policy it quarrels.

use crate::actions::act::Context;
use crate::actions::alter_job::Job;
use crate::model::moment::{Axis, Stamp};
use crate::model::plan::Plan;
use crate::model::text;
use crate::model::verdict::Level;

use super::clash;
use super::facts::{Chunk, Cut, Retention, Span};

/// Chunks that a cut takes, and those that it would take were they not frozen.
#[derive(Debug)]
pub struct Going<'a> {
    pub chunks: Vec<&'a Chunk>,
    pub frozen: usize,
}

impl<'a> Going<'a> {
    pub fn of(facts: &'a Retention, cut: Cut) -> Self {
        let (frozen, chunks): (Vec<_>, Vec<_>) = facts
            .chunks
            .iter()
            .filter(|chunk| cut.takes(chunk))
            .partition(|chunk| chunk.is_frozen());
        Self {
            chunks,
            frozen: frozen.len(),
        }
    }

    pub fn count(&self) -> i64 {
        count(self.chunks.len())
    }

    /// Where the newest of them ends; `None`: there are none.
    pub fn edge(&self) -> Option<i64> {
        self.chunks.iter().map(|chunk| chunk.end).max()
    }

    pub fn start(&self) -> Option<i64> {
        self.chunks.iter().map(|chunk| chunk.start).min()
    }

    /// `12 chunks, 2026-01-01 to 2026-01-13 (3.2 GB, about 1 200 000 rows)`.
    pub fn describe(&self, context: &Context, facts: &Retention) -> String {
        let mut said = text::plural(self.count(), "chunk");
        if let (Some(start), Some(end)) = (self.start(), self.edge()) {
            said = format!("{said}, {} to {}", facts.at(start), facts.at(end));
        }
        format!("{said} ({}, {})", self.bytes(context), self.rows())
    }

    fn bytes(&self, context: &Context) -> String {
        let asked: Vec<_> = self
            .chunks
            .iter()
            .filter(|chunk| context.facts.sizes.contains_key(&chunk.oid))
            .collect();
        let bytes = context.bytes(asked.iter().flat_map(|chunk| chunk.oids()));
        match bytes.map(text::bytes) {
            Some(bytes) if asked.len() == self.chunks.len() => bytes,
            Some(bytes) => format!("the oldest {} of them {bytes}", count(asked.len())),
            None => "size not known: a lock kept it from being read".to_owned(),
        }
    }

    fn rows(&self) -> String {
        let known: Option<i64> = self.chunks.iter().map(|chunk| chunk.rows).sum();
        known.map_or_else(
            || "rows not known: not all of them were analyzed".to_owned(),
            |rows| format!("about {} rows", text::count(rows)),
        )
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// When a policy runs next, in words, and whether that is within the next minutes.
pub fn next_run(job: &Job, now: Stamp) -> (String, bool) {
    if !job.scheduled {
        return ("after resume-job, for it is paused".to_owned(), false);
    }
    let next = job.next_start.as_deref();
    let next = next.and_then(|next| next.parse::<jiff::Timestamp>().ok());
    let next = next.map(|next| Stamp(next.as_microsecond()));
    match next {
        Some(next) if next > now => (text::age(next, now), next < now.plus_seconds(300.0)),
        _ => ("at once".to_owned(), true),
    }
}

/// Notes what a cut takes. `when` follows "would drop": `the first run, at once,`.
pub fn note_going(
    plan: Plan,
    context: &Context,
    facts: &Retention,
    going: &Going,
    when: &str,
) -> Plan {
    let mut plan = if going.chunks.is_empty() {
        plan.note(Level::Ok, format!("{when} would drop nothing"))
    } else {
        plan.note(
            Level::Warning,
            format!("{when} would drop {}", going.describe(context, facts)),
        )
    };
    if going.frozen > 0 {
        plan = plan.note(
            Level::Notice,
            format!(
                "{} past the boundary: retention skips what is frozen",
                text::plural(count(going.frozen), "frozen chunk")
            ),
        );
    }
    let stay = facts.chunks.len() - going.chunks.len();
    plan.note(
        Level::Ok,
        format!(
            "{} of {} stay; whole chunks go, each only when its newest row may be old enough (new chunks span {})",
            text::count(count(stay)),
            text::plural(count(facts.chunks.len()), "chunk"),
            facts.length(facts.interval_length)
        ),
    )
}

/// Says in which zone local time is meant, where that makes a difference.
pub fn note_zone(plan: Plan, facts: &Retention) -> Plan {
    match facts.axis() {
        Axis::Timestamp | Axis::Date if facts.zone_hidden_by.is_some() => plan.note(
            Level::Unknown,
            format!(
                "the time column has no zone, and the server's own is not known: \"now\" is taken as local time in {}, this session's",
                facts.zone
            ),
        ),
        Axis::Timestamp | Axis::Date => plan.note(
            Level::Notice,
            format!(
                "the time column has no zone: \"now\" is local time in {}, where the policy runs",
                facts.zone
            ),
        ),
        _ => plan,
    }
}

/// Notes where a policy that drops after `drop` quarrels with the others.
pub fn note_conflicts(mut plan: Plan, facts: &Retention, drop: Span, now: Stamp) -> Plan {
    let Some(edge) = facts.reach(drop, now) else {
        return plan;
    };
    plan = clash::note_all(plan, facts, edge, now, &format!("rows older than {drop}"));
    let compress = facts.setting("policy_compression", "compress_after");
    if let Some(after) = compress
        && facts
            .reach(after, now)
            .is_some_and(|compress| compress <= edge)
    {
        plan = plan.note(
            Level::Warning,
            format!(
                "the compression policy compresses after {after}: chunks are dropped before that, so it never has work"
            ),
        );
    }
    plan
}
