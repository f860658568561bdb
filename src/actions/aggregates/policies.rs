//! Adds and edits refresh policies.

use serde_json::Value as Json;

use super::facts::{Aggregate, Hierarchy, STATE, since};
use super::picture::picture;
use super::remove::{none, pick, picked};
use super::timeline::Timeline;
use super::what_if::{self, Setting};
use super::{missing, notes};
use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Change, Job};
use crate::actions::form::{Field, FieldType, Form, Inputs, override_field};
use crate::actions::policy::rule::every;
use crate::actions::policy::{add, change};
use crate::model::clock;
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::plan::{Consent, Note, Plan, Undo};
use crate::model::verdict::Level;

/// Input for `start_offset` or `end_offset`: the window has no limit on that side. An empty field means the same.
const OPEN: &str = "open";
/// Default input if the aggregate has several policies: the picked policy keeps its own value.
const SAME: &str = "same";

pub(super) fn add_form(context: &Context) -> Result<Form, Refusal> {
    let facts = Hierarchy::read(context)?;
    let place = Timeline::of(facts.own()?, context)?;
    if let Some(refusal) = no_more(context, place.level) {
        return Err(refusal);
    }
    let setting = what_if::suggested(&place);
    let mut fields = fields(place.axis(), Some(&setting));
    let start = Field::new(
        "initial_start",
        "First run",
        FieldType::Time(Axis::TimestampTz),
        "",
    );
    let start = start.optional().help(
        "time of the first run, from which the schedule counts (UTC unless the time has an offset); empty: at once",
    );
    let zone = Field::new("timezone", "Time zone", FieldType::Text, "")
        .optional()
        .help(
            "time zone of the schedule, so that it follows daylight saving time; needs a first run",
        );
    fields.extend([start, zone, missing::field(), override_field()]);
    Ok(Form::new(fields))
}

fn fields(axis: Axis, setting: Option<&Setting>) -> Vec<Field> {
    let unit = if axis == Axis::Integer {
        "units of its time"
    } else {
        "7 days, 7d, 1h30m, 1 mon"
    };
    let span = |name, label, value: Option<Option<&str>>, help: &str| {
        let field = match value {
            Some(value) => Field::span(name, label, axis, value.unwrap_or_default()),
            None => Field::new(name, label, FieldType::Text, SAME),
        };
        field.optional().help(format!("{help} ({unit})"))
    };
    let start = setting.map(|setting| setting.start.as_deref());
    let end = setting.map(|setting| setting.end.as_deref());
    let every = match setting {
        Some(setting) => Field::new(
            "schedule_interval",
            "Every",
            FieldType::Interval,
            setting.every.as_str(),
        ),
        None => Field::new("schedule_interval", "Every", FieldType::Text, SAME),
    };
    vec![
        span(
            "start_offset",
            "From (before now)",
            start,
            "how far back each run refreshes; empty: from the beginning",
        ),
        span(
            "end_offset",
            "To (before now)",
            end,
            "rows newer than this wait for later runs; empty: no limit, so the present bucket is included",
        ),
        every.help("how often it runs (1h, 30 min)"),
    ]
}

/// The reason why no refresh policy can be added. `None`: one can be added.
fn no_more(context: &Context, level: &Aggregate) -> Option<Refusal> {
    if level.integer_clock == Some(false) {
        return Some(Refusal::new(format!(
            "the time of {} is an integer, and the table has no integer_now_func: first set a function by set_integer_now_func",
            level.source
        )));
    }
    let job = level.jobs.first()?;
    let several = since(context, 2, 21) && (!level.hierarchical || since(context, 2, 29));
    (!several).then(|| {
        Refusal::new(format!(
            "{} has a refresh policy already (job {}), and this TimescaleDB allows only one: edit-refresh-policy changes it",
            level.name, job.id
        ))
    })
}

/// One offset of the window as typed. `old`: the present offset, which the input `same` keeps.
fn side(
    inputs: &Inputs,
    name: &'static str,
    axis: Axis,
    old: Option<String>,
) -> Result<Option<String>, Refusal> {
    match inputs.text(name) {
        None | Some(OPEN) => Ok(None),
        Some(SAME) => Ok(old),
        Some(text) if axis == Axis::Integer => {
            let number = text.replace(['_', ' '], "").parse::<i64>();
            let number = number.map_err(|_| format!("{name}: {text:?} is not a whole number"))?;
            Ok(Some(number.to_string()))
        }
        Some(text) => {
            let interval = Interval::parse(text).map_err(|error| format!("{name}: {error}"))?;
            Ok(Some(interval.to_string()))
        }
    }
}

fn setting(inputs: &Inputs, axis: Axis, old: Option<&Setting>) -> Result<Setting, Refusal> {
    let name = "schedule_interval";
    let beat = match (inputs.text(name), old) {
        (None, _) => return Err(format!("{name} is required").into()),
        (Some(SAME), Some(old)) => old.every.clone(),
        _ => every(inputs)?.unwrap_or_default().to_string(),
    };
    Ok(Setting {
        start: side(
            inputs,
            "start_offset",
            axis,
            old.and_then(|old| old.start.clone()),
        )?,
        end: side(
            inputs,
            "end_offset",
            axis,
            old.and_then(|old| old.end.clone()),
        )?,
        every: beat,
    })
}

pub(super) fn add(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    let place = Timeline::of(facts.own()?, context)?;
    let level = place.level;
    if let Some(refusal) = no_more(context, level) {
        return Err(refusal);
    }
    let new = setting(inputs, place.axis(), None)?;
    what_if::check(&place, &new, None)?;
    let start = inputs
        .text("initial_start")
        .map(|text| clock::parse(Axis::TimestampTz, text, Some(context.at.now.0)))
        .transpose()
        .map_err(|error| Refusal::new(format!("initial_start: {error}")))?
        .and_then(|at| clock::literal(Axis::TimestampTz, at));
    let zone = inputs.text("timezone");
    if zone.is_some() && start.is_none() {
        return Err("timezone: set initial_start too".into());
    }
    let first = start.as_ref().map_or_else(
        || "its first run begins within seconds".to_owned(),
        |at| format!("its first run begins at {at}"),
    );
    let mut call = add::call(context, "add_continuous_aggregate_policy", &level.name);
    let span = place.span_kind();
    call.give("start_offset", span, new.start.clone().into());
    call.give("end_offset", span, new.end.clone().into());
    call.give("schedule_interval", "interval", new.every.as_str().into());
    call.give_some("initial_start", "timestamptz", start);
    call.give_some("timezone", "text", zone);
    let undo = Undo::Exact(
        "the policy is deleted again; rows that its runs have refreshed stay".to_owned(),
    );
    let what = ("refresh policy", level.name.as_str());
    let plan = add::plan(context, inputs, what, call, None, undo)?
        .changing(&[STATE])
        .note(Level::Notice, first);
    let plan = with_risk(&place, &facts, inputs, plan, &new, None)?;
    missing::add(context, &place, inputs, plan, &new, true)
}

/// Adds the notes on the policy's effects. Refuses if runs of the policy would delete rows, unless the user allowed that.
fn with_risk(
    place: &Timeline,
    facts: &Hierarchy,
    inputs: &Inputs,
    mut plan: Plan,
    new: &Setting,
    old: Option<(&Job, &Setting)>,
) -> Result<Plan, Refusal> {
    if let Some(risk) = what_if::row_loss_risk(place, new) {
        if !inputs.flag("override_data_loss") {
            let before = old.map(|(_, setting)| setting);
            return Err(risk
                .refusal(place, new)
                .picturing(picture(place, before, new)));
        }
        plan.undo = Undo::Partly(format!(
            "the change is undone, but the rows of {} that the policy's runs delete meanwhile are lost for good",
            place.level.name
        ));
        plan = plan
            .wanting(Consent::Name)
            .note(Level::Critical, format!("DELETES DATA: {}", risk.why));
    }
    for (level, words) in notes::notes(place, facts, new, old) {
        plan = plan.note(level, words);
    }
    let before = old.map(|(_, setting)| setting);
    Ok(plan.picturing(picture(place, before, new)))
}

pub(super) fn edit_form(context: &Context) -> Result<Form, Refusal> {
    let facts = Hierarchy::read(context)?;
    let level = facts.own()?;
    let job = level.jobs.first().ok_or_else(|| none(level))?;
    let only = Some(Setting::of(job)).filter(|_| level.jobs.len() == 1);
    let mut all: Vec<Field> = pick(level).into_iter().collect();
    all.extend(fields(level.axis(), only.as_ref()));
    all.push(override_field());
    Ok(Form::new(all))
}

pub(super) fn edit(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    let place = Timeline::of(facts.own()?, context)?;
    let jobs = picked(place.level, inputs)?;
    let [job] = jobs.as_slice() else {
        return Err("policy: pick exactly one, because each has its own window".into());
    };
    let old = Setting::of(job);
    let new = setting(inputs, place.axis(), Some(&old))?;
    let risk = what_if::row_loss_risk(&place, &new).filter(|_| !inputs.flag("override_data_loss"));
    if let Some(risk) = risk {
        let picture = picture(&place, Some(&old), &new);
        return Err(risk.refusal(&place, &new).picturing(picture));
    }
    if new == old {
        let words = format!(
            "no change: {} already refreshes {}; change a field",
            job.describe(),
            old.describe(place.axis())
        );
        let next = change::next_run_note(job, context.at.now);
        let mut refusal = stands(&place, &facts, &old, words);
        refusal.stands.get_or_insert_default().extend(next);
        return Err(refusal);
    }
    what_if::check(&place, &new, Some(job.id))?;
    let change = Change {
        schedule_interval: Some(new.every.clone()).filter(|_| new.every != old.every),
        config: Some(config(&place, job, &new))
            .filter(|_| (&new.start, &new.end) != (&old.start, &old.end)),
        ..Change::default()
    };
    let plan = match job.unalterable(context) {
        None => {
            let undo =
                Undo::Exact("the policy gets its old settings and next start back".to_owned());
            change::edit(context, job, &change, job.restore(context), undo)
        }
        Some(why) => {
            let steps = vec![job.replace(context, &change)?];
            Plan::changing_settings(&job.describe(), job.changed(&change), steps, replaced(&why))
        }
    };
    let plan = plan.changing(&[STATE]);
    let mut plan = with_risk(&place, &facts, inputs, plan, &new, Some((job, &old)))?;
    plan.notes
        .extend(change::next_run_note(job, context.at.now));
    if place.level.jobs.len() > 1 {
        return Ok(plan);
    }
    missing::add(context, &place, inputs, plan, &new, false)
}

/// Refusal because nothing would change, with notes on the present window and on the rows that the next run would delete.
fn stands(place: &Timeline, facts: &Hierarchy, old: &Setting, words: String) -> Refusal {
    let risk = what_if::row_loss_risk(place, old)
        .map(|risk| (Level::Critical, format!("DELETES DATA: {}", risk.why)));
    let notes = risk
        .into_iter()
        .chain(notes::notes(place, facts, old, None));
    let note = |(level, text)| Note { level, text };
    let picture = picture(place, Some(old), old);
    Refusal::unchanged(words, notes.map(note).collect()).picturing(picture)
}

/// The job's configuration with the offsets of `new`. All other keys stay.
fn config(place: &Timeline, job: &Job, new: &Setting) -> Json {
    let mut config = job
        .config
        .clone()
        .unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    let json = |side: &Option<String>| match side {
        None => Json::Null,
        Some(text) if place.axis() == Axis::Integer => {
            text.parse::<i64>().map_or(Json::Null, Json::from)
        }
        Some(text) => Json::from(text.as_str()),
    };
    if let Some(map) = config.as_object_mut() {
        map.insert("start_offset".to_owned(), json(&new.start));
        map.insert("end_offset".to_owned(), json(&new.end));
    }
    config
}

fn replaced(why: &Refusal) -> Undo {
    Undo::Partly(format!(
        "the policy is deleted and created again, because {}. Its window and its schedule are restored; its state (paused), max_runtime, \
         max_retries and next start are not",
        why.why
    ))
}
