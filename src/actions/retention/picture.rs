//! Drawing of the chunks that the next run of a retention policy drops, before and after a change.

use crate::actions::policy::picture::limits;
use crate::actions::policy::rule::AgeRule;
use crate::model::moment::Stamp;
use crate::model::picture::{Picture, State, Strip, sum};

use super::dropped::Dropped;
use super::facts::Retention;

/// Shows which chunks are dropped at the age `before` (`None`: there was no policy) and at the age `after`. Returns `None` if a limit is
/// unknown.
pub(super) fn picture(
    facts: &Retention,
    before: Option<AgeRule>,
    after: AgeRule,
    now: Stamp,
) -> Option<Box<Picture>> {
    let strips = vec![
        strip(facts, "before", before, now)?,
        strip(facts, "after", Some(after), now)?,
    ];
    Some(Box::new(Picture {
        axis: facts.axis(),
        chunks: facts
            .chunks
            .iter()
            .map(|chunk| (chunk.start, chunk.end))
            .collect(),
        strips,
        marks: limits(&facts.now(now), before, after),
        legend: vec![
            (State::Dropped, "the next run drops"),
            (State::Done, "stays"),
            (State::Frozen, "frozen, never dropped"),
        ],
    }))
}

fn strip(
    facts: &Retention,
    label: &'static str,
    rule: Option<AgeRule>,
    now: Stamp,
) -> Option<Strip> {
    let cut = match rule {
        None => None,
        Some(rule) => Some(facts.cut(rule, now)?),
    };
    let dropped = cut.map_or(0, |cut| Dropped::of(facts, cut).chunks.len());
    let states = facts.chunks.iter().map(|chunk| {
        let takes = cut.is_some_and(|cut| cut.takes(chunk.end, chunk.created));
        match (takes, chunk.is_frozen()) {
            (true, true) => State::Frozen,
            (true, false) => State::Dropped,
            (false, _) => State::Done,
        }
    });
    let all = facts.chunks.len();
    Some(Strip {
        label,
        states: states.collect(),
        count: sum('-', dropped, all - dropped, all),
    })
}
