//! What a job's runs take from an aggregate or leave out for good, said before it runs, with the refresh of exactly that.

use super::{Known, RETENTION};
use crate::actions::act::{Context, Refusal};
use crate::actions::aggregates;
use crate::actions::aggregates::{Range, Unread};
use crate::actions::form::{Field, Form, Inputs, Kind};
use crate::model::plan::{Consent, Plan, Statement, Step};
use crate::model::value::Stamp;
use crate::model::verdict::Level;

const FIELD: &str = "refresh_missing";

/// Nothing to choose, unless runs leave out what can be refreshed with it.
pub fn form(context: &Context) -> Result<Form, Refusal> {
    let known = Known::of(context)?;
    let missing = known.missing(context.at.now);
    let safe = missing.filter(|(unread, range)| unread.apart(*range).0.is_none());
    if safe.is_none() || known.gaps {
        return Ok(Form::default());
    }
    let field = Field::new(FIELD, "Refresh what it leaves", Kind::Flag, "no").optional();
    Ok(Form::new(vec![field.help(
        "yes: before it is scheduled again, refreshes what its runs would never go back to",
    )]))
}

/// The plan of resuming it, with what its runs leave out: refreshed first where that was asked for.
pub fn beside(
    context: &Context,
    known: &Known,
    inputs: &Inputs,
    mut plan: Plan,
) -> Result<Plan, Refusal> {
    let missing = known.missing(context.at.now);
    let Some((unread, range)) = missing.filter(|_| inputs.flag(FIELD)) else {
        return Ok(known.left_out(plan, context.at.now));
    };
    if unread.apart(range).0.is_some() {
        return Err(Refusal::new(format!(
            "{FIELD}: DATA LOSS: {}: {} looks at that first",
            aggregates::REMADE,
            unread.by_hand(range)
        )));
    }
    if known.gaps {
        return Err(Refusal::new(format!(
            "{FIELD}: chunks are missing between those of its source, and a refresh over them deletes rows: {} looks at that first",
            unread.by_hand(range)
        )));
    }
    let [from, to] = unread.literals(range);
    let kind = unread.kind();
    let sql = format!(
        "call {}($1::regclass, $2::{kind}, $3::{kind})",
        context.function("refresh_continuous_aggregate")
    );
    let params = vec![unread.name.clone().into(), from.into(), to.into()];
    let label = format!("refresh {}, {}", unread.name, unread.show(range));
    let step = Step::new(label.clone(), vec![Statement::new(sql, params)], Vec::new());
    plan.steps.insert(0, step.plain());
    Ok(plan.note(
        Level::Notice,
        format!("first: {label}, which no run would go back to; that needs no undo"),
    ))
}

impl Known {
    /// What the next runs of a refresh policy leave out for good.
    fn missing(&self, now: Stamp) -> Option<(&Unread, Range)> {
        let start = self.job.setting("start_offset")?;
        let unread = self
            .unread
            .first()
            .filter(|_| self.job.policy() == "refresh policy")?;
        let edge = aggregates::reach(unread, &start, now, self.local_shift)?;
        Some((unread, unread.before(edge, true)?))
    }

    /// The plan, with what no run takes in.
    pub(super) fn left_out(&self, mut plan: Plan, now: Stamp) -> Plan {
        let Some((unread, range)) = self.missing(now) else {
            return plan;
        };
        let (remade, rest) = unread.apart(range);
        if let Some(range) = remade {
            plan = plan.note(
                Level::Warning,
                format!(
                    "DATA LOSS by a refresh of {}, {}, where late rows wait that no run takes in: {}",
                    unread.name,
                    unread.show(range),
                    aggregates::REMADE
                ),
            );
        }
        rest.into_iter().fold(plan, |plan, range| {
            plan.note(
            Level::Warning,
            format!(
                "stays missing: what {} has from {} and {} has not taken in: no run goes back that far: {} brings it in",
                self.source.as_deref().unwrap_or("its source"),
                unread.show(range),
                unread.name,
                unread.by_hand(range)
            ),
        )
        })
    }

    /// The plan, with what a retention policy drops before an aggregate has read it.
    pub(super) fn dropping_unread(&self, mut plan: Plan, now: Stamp) -> Plan {
        if self.job.policy() != RETENTION {
            return plan;
        }
        let ends = self.ends.as_deref().unwrap_or_default();
        let after = self.job.setting("drop_after");
        for unread in &self.unread {
            let edge = after.as_ref().and_then(|after| {
                aggregates::dropped_up_to(unread, ends, after, now, self.local_shift)
            });
            let Some(range) = edge.and_then(|edge| unread.before(edge, false)) else {
                continue;
            };
            let (remade, rest) = unread.apart(range);
            let reads = rest.into_iter().map(|range| {
                let (why, first) = (unread.why(), unread.by_hand(range));
                let lost =
                    format!("and they will be missing there for good ({why}): first {first}");
                (range, lost)
            });
            let again = remade.map(|range| {
                let by_hand = unread.by_hand(range);
                let words = format!("but {}: {by_hand} says what would go", aggregates::REMADE);
                (range, words)
            });
            for (range, what) in reads.chain(again) {
                let words = format!(
                    "DATA LOSS: it drops rows that {} has not read, {}, {what}",
                    unread.name,
                    unread.show(range)
                );
                plan = plan.note(Level::Critical, words).wanting(Consent::Name);
            }
        }
        plan
    }
}
