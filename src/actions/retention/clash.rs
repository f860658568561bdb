//! Conflicts between retention and refreshes. A refresh of a range whose source rows were dropped deletes rows of the aggregate. Rows that
//! are dropped before their refresh never get into the aggregate.

use crate::actions::act::Refusal;
use crate::actions::form::Inputs;
use crate::actions::policy::row_loss;
use crate::model::moment::Stamp;
use crate::model::plan::{Consent, Plan};
use crate::model::remade::REMADE;
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;

use super::dropped::Dropped;
use super::facts::{Reader, RefreshPolicy, Retention};

/// The start of a refresh policy's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Everything,
    /// `start_offset`, and the position that it means now.
    Back(Span, i64),
    /// `start_offset` cannot be parsed.
    Unknown,
}

impl Reach {
    fn of(facts: &Retention, refresh: &RefreshPolicy, now: Stamp) -> Self {
        let Some(start) = refresh
            .start_offset
            .as_ref()
            .filter(|start| !start.is_null())
        else {
            return Self::Everything;
        };
        let span = Span::of(start);
        let place = span.and_then(|span| facts.reach_of(refresh, span, now));
        span.zip(place)
            .map_or(Self::Unknown, |(span, place)| Self::Back(span, place))
    }

    /// True if the refresh window starts before `edge`, the end of the dropped range. False if the start is unknown.
    fn passes(self, edge: i64) -> bool {
        let start = match self {
            Self::Everything => row_loss::Back::TO_THE_BEGINNING,
            Self::Back(_, place) => row_loss::Back::at(place),
            Self::Unknown => return false,
        };
        row_loss::reads_dropped(start, row_loss::Back::at(edge))
    }

    fn text(self) -> String {
        match self {
            Self::Everything => "everything".to_owned(),
            Self::Back(span, _) => format!("the last {span}"),
            Self::Unknown => "an unknown range".to_owned(),
        }
    }
}

/// The refresh policies whose windows contain dropped rows. `edge`: end of the dropped range.
fn losses(facts: &Retention, edge: i64, now: Stamp) -> Vec<(&Reader, &RefreshPolicy, Reach)> {
    let each = |aggregate| refreshes(facts, aggregate, now);
    let all = facts.aggregates.iter().flat_map(each);
    all.filter(|(.., reach)| reach.passes(edge)).collect()
}

fn refreshes<'a>(
    facts: &Retention,
    aggregate: &'a Reader,
    now: Stamp,
) -> impl Iterator<Item = (&'a Reader, &'a RefreshPolicy, Reach)> {
    let refreshes = aggregate.refreshes.iter();
    refreshes.map(move |refresh| (aggregate, refresh, Reach::of(facts, refresh, now)))
}

fn job(refresh: &RefreshPolicy) -> String {
    let paused = if refresh.scheduled {
        ""
    } else {
        ", paused now"
    };
    format!("refresh policy (job {}{paused})", refresh.id)
}

/// Refuses a retention policy that drops rows inside a refresh window, unless the user allowed the loss. `edge`: end of the dropped range.
pub(super) fn guard(
    facts: &Retention,
    edge: Option<i64>,
    now: Stamp,
    inputs: &Inputs,
) -> Result<(), Refusal> {
    let losses = edge.map_or_else(Vec::new, |edge| losses(facts, edge, now));
    if losses.is_empty() || inputs.flag("override_data_loss") {
        return Ok(());
    }
    let said: Vec<_> = losses
        .iter()
        .map(|(aggregate, refresh, reach)| {
            format!(
                "the {} of {} refreshes {}",
                job(refresh),
                aggregate.name,
                reach.text()
            )
        })
        .collect();
    let why = format!(
        "DATA LOSS: {}, and a refresh over dropped source rows deletes the aggregate's rows there for good. Shorten start_offset first (edit-refresh-policy), drop later, or allow the loss with override_data_loss",
        said.join("; ")
    );
    let refusal = Refusal::new(why);
    // The longest refresh window determines the shortest safe `drop_after`.
    let mut longest = None;
    for (.., reach) in &losses {
        let Reach::Back(span, place) = *reach else {
            return Err(refusal);
        };
        if longest.is_none_or(|(_, farthest)| place < farthest) {
            longest = Some((span, place));
        }
    }
    let offered = longest.filter(|_| inputs.text("drop_after").is_some());
    Err(match offered {
        Some((span, _)) => refusal.offering(
            "keep all rows that the refreshes read",
            vec![("drop_after", span.typed())],
        ),
        None => refusal,
    })
}

/// Adds notes for each aggregate that loses rows by later refreshes, or is never filled. `edge`: end of the dropped range. `what`: text on
/// the rows that a refresh would delete.
pub(super) fn note_all(
    mut plan: Plan,
    facts: &Retention,
    edge: i64,
    now: Stamp,
    what: &str,
) -> Plan {
    for aggregate in &facts.aggregates {
        plan = note_row_loss(plan, facts, aggregate, edge, now, what);
        plan = note_never_filled(plan, facts, aggregate, edge, now);
    }
    plan
}

/// Adds a note on the rows that refreshes would delete from the aggregate after a drop up to `edge`.
fn note_row_loss(
    mut plan: Plan,
    facts: &Retention,
    aggregate: &Reader,
    edge: i64,
    now: Stamp,
    what: &str,
) -> Plan {
    let name = &aggregate.name;
    let below = match aggregate.read_by.as_slice() {
        [] => String::new(),
        names => format!(", and then from {}", names.join(", ")),
    };
    for (_, refresh, reach) in refreshes(facts, aggregate, now) {
        if reach == Reach::Unknown {
            let words = format!(
                "it is unknown whether the {} of {name} reads the dropped rows, because its start_offset cannot be parsed",
                job(refresh)
            );
            plan = plan.note(Level::Unknown, words);
        } else if reach.passes(edge) {
            let words = format!(
                "DATA LOSS: the {} of {name} refreshes {}: it would delete {what} from {name}{below}. Shorten its start_offset first",
                job(refresh),
                reach.text()
            );
            plan = plan.note(Level::Critical, words).wanting(Consent::Name);
        }
    }
    plan
}

/// Adds a note if the aggregate's refresh windows contain only dropped rows.
fn note_never_filled(
    plan: Plan,
    facts: &Retention,
    aggregate: &Reader,
    edge: i64,
    now: Stamp,
) -> Plan {
    let mut ends = aggregate.refreshes.iter().map(|refresh| {
        let end = refresh.end_offset.as_ref().and_then(Span::of)?;
        facts.reach_of(refresh, end, now)
    });
    let never_filled =
        !aggregate.refreshes.is_empty() && ends.all(|end| end.is_some_and(|newest| newest <= edge));
    if never_filled {
        let words = format!(
            "{} is never filled: rows are dropped before its refresh reaches them (end_offset)",
            aggregate.name
        );
        return plan.note(Level::Critical, words).wanting(Consent::Name);
    }
    plan
}

/// Adds notes on the aggregates' losses by a policy that drops by creation time. Such a policy has no fixed limit in the time
/// dimension.
pub(super) fn note_created(mut plan: Plan, facts: &Retention, edge: i64, now: Stamp) -> Plan {
    plan = note_all(plan, facts, edge, now, "the rows of the dropped chunks");
    for aggregate in &facts.aggregates {
        if refreshes(facts, aggregate, now).any(|(.., reach)| !reach.passes(edge)) {
            let words = format!(
                "it is unknown whether {} refreshes dropped ranges: chunks are dropped by creation time, not by the time of their rows",
                aggregate.name
            );
            plan = plan.note(Level::Unknown, words);
        }
    }
    plan
}

/// Adds notes on rows that are dropped before an aggregate has read them.
pub(super) fn note_unread(mut plan: Plan, facts: &Retention, going: &Dropped) -> Plan {
    let (Some(start), Some(edge)) = (going.start(), going.edge()) else {
        return plan;
    };
    for aggregate in &facts.aggregates {
        let read = aggregate.refreshed_to.filter(|read| *read < edge);
        let unread = facts.unread.iter().find(|of| of.name == aggregate.name);
        let range = unread.and_then(|unread| Some((unread, unread.before(edge, false)?)));
        let changed = range.map(|(_, range)| range.from);
        let Some(from) = [read, changed].into_iter().flatten().min() else {
            continue;
        };
        let from = if from > start {
            facts.at(from)
        } else {
            "the beginning".to_owned()
        };
        let remade = range.is_some_and(|(unread, range)| unread.apart(range).0.is_some());
        let how = if remade {
            format!(
                "; do not refresh that range first, because the refresh would lose more: {REMADE}"
            )
        } else {
            ", unless it is refreshed first".to_owned()
        };
        let words = format!(
            "{} has not read all of the dropped rows: the rows between {from} and {} will be missing in the aggregate{how}",
            aggregate.name,
            facts.at(edge)
        );
        plan = plan.note(Level::Critical, words);
    }
    plan
}

/// Adds notes on the rows that the aggregates lose or keep when this plan drops the chunks.
pub(super) fn note_readers(mut plan: Plan, facts: &Retention, going: &Dropped, now: Stamp) -> Plan {
    plan = note_unread(plan, facts, going);
    let Some(edge) = going.edge() else {
        return plan;
    };
    for aggregate in &facts.aggregates {
        if aggregate.oldest.is_none_or(|oldest| oldest >= edge) {
            continue;
        }
        let what = format!("the rows before {}", facts.at(edge));
        let said = plan.notes.len();
        plan = note_row_loss(plan, facts, aggregate, edge, now, &what);
        if plan.notes.len() == said {
            let policy = match aggregate.refreshes.as_slice() {
                [] => "it has no refresh policy",
                _ => "its policy does not reach that far back",
            };
            let words = format!(
                "{} keeps its rows, because {policy}. But a manual refresh over the dropped range would delete them",
                aggregate.name
            );
            plan = plan.note(Level::Notice, words);
        }
    }
    plan
}

/// Text such as `1 aggregate on it: mes.x`. `None`: no aggregate reads the hypertable.
pub(super) fn readers(facts: &Retention) -> Option<String> {
    let names: Vec<_> = facts
        .aggregates
        .iter()
        .map(|aggregate| aggregate.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} built on it: {}",
            text::plural_of(names.len(), "aggregate"),
            names.join(", ")
        )
    })
}
