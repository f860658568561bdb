//! Changes that no run of a refresh policy reaches, and rows that a retention policy drops before an aggregate has read them. The preview
//! shows both. The form of resume-job offers to refresh such changes first.

use super::facts::{JobFacts, RETENTION};
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::bucket::Range;
use crate::model::clock;
use crate::model::moment::Stamp;
use crate::model::plan::{Consent, Plan, Statement, Step};
use crate::model::remade::REMADE;
use crate::model::trust;
use crate::model::unread::{Clock, Unread};
use crate::model::verdict::Level;

const FIELD: &str = "refresh_missing";

/// Form that offers to refresh the ranges that the job's runs never reach. Empty: there is no such range, or the refresh would lose rows.
pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let known = JobFacts::of(context)?;
    let missing = known.missing(context.at.now);
    let safe = missing.filter(|(unread, range)| unread.apart(*range).0.is_none());
    if safe.is_none() || known.gaps {
        return Ok(Form::default());
    }
    let field = Field::new(FIELD, "Refresh first", FieldType::Flag, "no").optional();
    Ok(Form::new(vec![field.help(
        "yes: before the job is scheduled again, refreshes the pending ranges that its runs would never reach",
    )]))
}

/// Completes the plan that resumes a job. If the form asks for it, first refreshes the range that its runs never reach. Otherwise,
/// adds a note on that range.
pub(super) fn with_missed_refresh(
    context: &Context,
    known: &JobFacts,
    inputs: &Inputs,
    mut plan: Plan,
) -> Result<Plan, Refusal> {
    let missing = known.missing(context.at.now);
    let Some((unread, range)) = missing.filter(|_| inputs.flag(FIELD)) else {
        return Ok(known.left_out(plan, context.at.now));
    };
    if unread.apart(range).0.is_some() {
        return Err(Refusal::new(format!(
            "{FIELD}: DATA LOSS: {}. See the preview of {} first",
            REMADE,
            unread.by_hand(range)
        )));
    }
    if known.gaps {
        return Err(Refusal::new(format!(
            "{FIELD}: the source has a gap between its chunks, and a refresh over that gap deletes rows. See the preview of {} first",
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
        format!("first: {label}. No run would reach this range. The refresh needs no undo"),
    ))
}

impl JobFacts {
    fn clock(&self, now: Stamp) -> Clock {
        Clock {
            now,
            local_shift: self.local_shift,
            integer: self.integer_now,
        }
    }

    /// If "now" is unknown, adds a warning that `what` is not known. The reason is a time zone that hypertop does not know, or a function
    /// that was not run because its owner is not trusted.
    fn unknown(&self, plan: Plan, what: &str, span: &str) -> Plan {
        let odd = |unread: &Unread| unread.odd_zone(span).map(str::to_owned);
        if let Some(zone) = self.unread.iter().find_map(odd) {
            let why = clock::odd_zone(&zone);
            return plan.note(Level::Warning, format!("{what} is not known: {why}"));
        }
        let Some(code) = self.code.as_ref().filter(|_| !self.unread.is_empty()) else {
            return plan;
        };
        let why = trust::not_called(code, self.code_owner.as_deref(), &self.role);
        plan.note(Level::Warning, format!("{what} is not known: {why}"))
    }

    /// The range that no later run of the refresh policy reaches. `None`: there is no such range, or it is unknown.
    fn missing(&self, now: Stamp) -> Option<(&Unread, Range)> {
        let start = self.job.setting("start_offset")?;
        let unread = self
            .unread
            .first()
            .filter(|_| self.job.policy() == "refresh policy")?;
        let edge = unread.reach(&start, &self.clock(now))?;
        Some((unread, unread.before(edge, true)?))
    }

    /// Warns about late rows whose refresh would delete rows of the aggregate: the chunk of their range was dropped, and the late rows
    /// created the chunk again.
    pub(super) fn reaching_remade(&self, plan: Plan, now: Stamp) -> Plan {
        let refreshes = self.job.policy() == "refresh policy";
        let Some(unread) = self.unread.first().filter(|_| refreshes) else {
            return plan;
        };
        let clock = self.clock(now);
        let side =
            |key: &str, open: i64, place: fn(&Unread, &str, &Clock) -> Option<i64>| match self
                .job
                .setting(key)
            {
                None => Some(open),
                Some(offset) => place(unread, &offset, &clock),
            };
        let from = side("start_offset", i64::MIN, Unread::reach);
        let to = side("end_offset", i64::MAX, Unread::reach_end);
        let range = from.zip(to).and_then(|(from, to)| unread.remade(from, to));
        let Some(range) = range else {
            return plan;
        };
        let words = format!(
            "DATA LOSS: its runs refresh {}, {}, a range with late rows: {}",
            unread.name,
            unread.show(range),
            REMADE
        );
        plan.note(Level::Critical, words).wanting(Consent::Name)
    }

    /// Adds a note on the changes that no run refreshes.
    pub(super) fn left_out(&self, mut plan: Plan, now: Stamp) -> Plan {
        let Some((unread, range)) = self.missing(now) else {
            let start = self.job.setting("start_offset");
            return match start.filter(|_| self.job.policy() == "refresh policy") {
                Some(start) => self.unknown(plan, "the range that no run reaches", &start),
                None => plan,
            };
        };
        let (remade, rest) = unread.apart(range);
        if let Some(range) = remade {
            plan = plan.note(
                Level::Warning,
                format!(
                    "DATA LOSS by a refresh of {}, {}, a range with late rows that no run reaches: {}",
                    unread.name,
                    unread.show(range),
                    REMADE
                ),
            );
        }
        rest.into_iter().fold(plan, |plan, range| {
            plan.note(
            Level::Warning,
            format!(
                "rows of {} from {} stay missing in {}, because no run reaches them: {} refreshes them",
                self.source.as_deref().unwrap_or("its source"),
                unread.show(range),
                unread.name,
                unread.by_hand(range)
            ),
        )
        })
    }

    /// Adds a critical note, and requires the target's name as consent, if the retention policy drops rows that an aggregate has not read.
    pub(super) fn dropping_unread(&self, mut plan: Plan, now: Stamp) -> Plan {
        if self.job.policy() != RETENTION {
            return plan;
        }
        let clock = self.clock(now);
        let ends = self.ends.as_deref().unwrap_or_default();
        let after = self.job.setting("drop_after");
        if let Some(after) = &after {
            plan = self.unknown(
                plan,
                "whether it drops rows that an aggregate has not read",
                after,
            );
        }
        let parts = self.unread.iter().flat_map(|unread| {
            let parts = match (&after, self.made.as_deref()) {
                (Some(after), _) => unread
                    .dropped_up_to(ends, after, &clock)
                    .map(|edge| unread.dropped(edge, &[])),
                (None, Some(made)) => made.last().map(|(_, edge)| unread.dropped(*edge, made)),
                (None, None) => None,
            };
            let parts = parts.into_iter().flatten();
            parts.map(move |part| (unread, part))
        });
        for (unread, range) in parts {
            let (remade, rest) = unread.apart(range);
            let reads = rest.into_iter().map(|range| {
                let (why, first) = (unread.why(), unread.by_hand(range));
                let lost =
                    format!("so they will never be in the aggregate ({why}): first run {first}");
                (range, lost)
            });
            let again = remade.map(|range| {
                let by_hand = unread.by_hand(range);
                let words = format!(
                    "but {REMADE}. The preview of {by_hand} shows the rows that it deletes"
                );
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
