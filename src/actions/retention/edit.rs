//! Editing a retention policy.

use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Change, Job};
use crate::actions::form::{Field, Form, Inputs, Kind as FieldKind};
use crate::model::interval::Interval;
use crate::model::moment::Stamp;
use crate::model::plan::{Consent, Plan, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;

use super::clash;
use super::facts::{Cut, Retention, Span};
use super::facts::{POLICY, policy};
use super::going::Going;
use super::rule::{Rule, created_before_fails, note_cut, note_others, override_field, usable};
use super::whatif;

pub fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Retention::read(context)?;
    let job = &policy(context, &facts)?.job;
    let has = job.config.as_ref().and_then(|config| config.get(key(job)));
    let has = has.map_or_else(String::new, |value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    });
    let rule = if key(job) == "drop_after" {
        Field::span("drop_after", "Drop after", facts.axis(), has)
            .help("chunks whose newest possible row is older than this go")
    } else {
        Field::new(
            "drop_created_before",
            "Created before",
            FieldKind::Interval,
            has,
        )
        .help("chunks that were made longer ago than this go")
    };
    Ok(Form::new(vec![
        rule,
        Field::new(
            "schedule_interval",
            "Looks every",
            FieldKind::Interval,
            job.schedule_interval.as_str(),
        )
        .help("how often the policy looks for chunks to drop; its next start stays as it is"),
        override_field(),
    ]))
}

pub fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let job = &policy(context, &facts)?.job;
    let now = context.at.now;
    let rule = edited(context, &facts, job, inputs)?;
    let going = rule.cut(&facts, now).map(|cut| Going::of(&facts, cut));
    let Some(change) = change(job, rule, inputs)? else {
        return Err(stands(context, &facts, rule, going.as_ref(), inputs));
    };
    let before = present(job).and_then(|rule| rule.cut(&facts, now));
    let before = before.map(|cut| Going::of(&facts, cut).count());
    let more = change.config.is_some()
        && match (&going, before) {
            (Some(going), Some(before)) => going.count() > before,
            _ => true,
        };
    if drops_sooner(&facts, job, rule, now) {
        clash::guard(&facts, rule.edge(&facts, going.as_ref(), now), now, inputs)?;
    }
    let undo = if more {
        Undo::Partly(
            "the policy is as it was; chunks that it has dropped by then do not come back"
                .to_owned(),
        )
    } else {
        Undo::Exact("the policy is as it was, with its next start".to_owned())
    };
    let back = job.alter(context, &captured(job, &change));
    let label = format!("change {}", job.describe());
    let step = Step::new(label, vec![job.alter(context, &change)], vec![back]);
    let title = format!("Change {}", job.describe());
    let mut plan = Plan::new(title, vec![step], undo).changing(&[POLICY]);
    let (when, soon) = whatif::next_run(job, now);
    let when = format!("the next run, {when},");
    plan = note_cut(plan, context, &facts, going.as_ref(), &when);
    if let Some(before) = before {
        let chunks = text::plural(before, "chunk");
        plan = plan.note(
            Level::Ok,
            format!("with the present setting it would drop {chunks}"),
        );
    }
    if soon && more {
        plan = plan.wanting(Consent::Name);
    }
    Ok(note_others(plan, &facts, rule, going.as_ref(), now))
}

/// Nothing would change: what the present setting does, or, where it loses data, the guard's words and offer.
fn stands(
    context: &Context,
    facts: &Retention,
    rule: Rule,
    going: Option<&Going>,
    inputs: &Inputs,
) -> Refusal {
    let now = context.at.now;
    if let Err(danger) = clash::guard(facts, rule.edge(facts, going, now), now, inputs) {
        return danger;
    }
    let job = match policy(context, facts) {
        Ok(policy) => &policy.job,
        Err(none) => return none,
    };
    let (when, _) = whatif::next_run(job, now);
    // Only its remarks are wanted.
    let bare = Plan::new("", Vec::new(), Undo::Needless(String::new()));
    let plan = note_cut(
        bare,
        context,
        facts,
        going,
        &format!("the next run, {when},"),
    );
    let plan = note_others(plan, facts, rule, going, now);
    Refusal::unchanged(job.already_so(), plan.notes)
}

/// What the policy is told to drop as it stands; `None`: not understood.
fn present(job: &Job) -> Option<Rule> {
    let span = Span::of(job.config.as_ref()?.get(key(job))?)?;
    match span {
        Span::Interval(interval) if key(job) == "drop_created_before" => {
            Some(Rule::CreatedBefore(interval))
        }
        span => Some(Rule::After(span)),
    }
}

/// Whether the new setting may take from an aggregate what the present one leaves.
fn drops_sooner(facts: &Retention, job: &Job, rule: Rule, now: Stamp) -> bool {
    let edge = |rule| match rule {
        Rule::After(after) => facts.reach(after, now),
        Rule::CreatedBefore(interval) => match facts.created_before(interval, now) {
            Some(Cut::Created(edge)) => Some(edge),
            _ => None,
        },
    };
    match (present(job).and_then(edge), edge(rule)) {
        (Some(before), Some(after)) => after > before,
        _ => true,
    }
}

/// What the form makes of the policy's setting.
fn edited(
    context: &Context,
    facts: &Retention,
    job: &Job,
    inputs: &Inputs,
) -> Result<Rule, Refusal> {
    let key = key(job);
    if key == "drop_after" {
        let after = Span::given(inputs, key, facts.axis()).ok_or("drop_after is wanted")?;
        usable(facts, after)?;
        return Ok(Rule::After(after));
    }
    if let Some(why) = created_before_fails(context.at.server.sql_version(), facts) {
        return Err(format!("{why}: remove-retention-policy, then add-retention-policy").into());
    }
    let interval = inputs
        .interval(key)
        .filter(|interval| interval.is_positive());
    Ok(Rule::CreatedBefore(interval.ok_or(
        "drop_created_before must be longer than nothing",
    )?))
}

/// What the change touches, as it was.
fn captured(job: &Job, change: &Change) -> Change {
    let every = || job.schedule_interval.clone();
    Change {
        config: change.config.as_ref().and(job.config.clone()),
        schedule_interval: change.schedule_interval.as_ref().map(|_| every()),
        ..Change::default()
    }
}

/// What differs from the policy as it stands; `None`: nothing.
fn change(job: &Job, rule: Rule, inputs: &Inputs) -> Result<Option<Change>, Refusal> {
    let key = key(job);
    let value = match rule {
        Rule::After(span) => span,
        Rule::CreatedBefore(interval) => Span::Interval(interval),
    };
    let mut config = job
        .config
        .clone()
        .unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    let stands = config.get(key).and_then(Span::of) == Some(value);
    if let Some(settings) = config.as_object_mut() {
        settings.insert(key.to_owned(), value.json());
    }
    let every = inputs
        .interval("schedule_interval")
        .ok_or("schedule_interval is wanted")?;
    if !every.is_positive() {
        return Err("schedule_interval must be longer than nothing".into());
    }
    let same = Interval::parse(&job.schedule_interval) == Ok(every);
    if stands && same {
        return Ok(None);
    }
    Ok(Some(Change {
        config: (!stands).then_some(config),
        schedule_interval: (!same).then(|| every.to_string()),
        ..Change::default()
    }))
}

/// The setting that the policy has: `drop_after`, or `drop_created_before`.
pub fn key(job: &Job) -> &'static str {
    let created = job
        .config
        .as_ref()
        .and_then(|config| config.get("drop_created_before"));
    if created.is_some_and(|created| !created.is_null()) {
        "drop_created_before"
    } else {
        "drop_after"
    }
}
