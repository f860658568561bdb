//! Adds, edits and removes the compression policy, with notes on the chunks that are due and on conflicts.

use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Change, Job};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::actions::policy::rule::{AgeRule, COMPRESS, every};
use crate::actions::policy::{add, change};
use crate::model::moment::Axis;
use crate::model::plan::{Note, Plan, Undo};
use crate::model::verdict::Level;
use crate::model::version::Version;

use super::eligible::{many, older, waits, what_if};
use super::facts::Compression;
use super::facts::known;
use super::picture::picture;
use super::rule::{self, BY_CREATION};

const POLICY: &str = "/jobs/policy_compression";
const MOST: &str = "maxchunks_to_compress";
const RECOMPRESS: &str = "recompress";

fn fields(
    context: &Context,
    known: &Compression,
    after: String,
    created: String,
    every: &str,
) -> Vec<Field> {
    let mut fields = vec![
        Field::span(COMPRESS.after, "Compress after", known.axis(), after)
            .optional()
            .help(if known.integer_time {
                "chunks that ended at least this far before now; a whole number"
            } else {
                "chunks that ended at least this long ago: 7 days, 7d, 1h30m, 1 mon"
            }),
    ];
    if context.at.server.sql_version() >= BY_CREATION {
        fields.push(
            Field::new(
                COMPRESS.created,
                "Or created before",
                FieldType::Interval,
                created,
            )
            .optional()
            .help(
                "instead of compress_after: chunks that were created at least this long ago, whatever the time of their rows",
            ),
        );
    }
    fields.push(
        Field::new("schedule_interval", "Run every", FieldType::Interval, every)
            .optional()
            .help("how often it runs; empty: TimescaleDB's default, half a chunk's interval, at most 12 hours"),
    );
    fields
}

pub(super) fn add_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?.enabled()?;
    let mut fields = fields(context, &known, String::new(), String::new(), "");
    fields.push(add::first_run_field());
    Ok(Form::new(fields))
}

pub(super) fn add(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?.enabled()?;
    let relation = known.relation.as_str();
    let instead = "edit-compression-policy changes it";
    add::only(relation, known.job.as_ref(), instead)?;
    let version = context.at.server.sql_version();
    if known.aggregate
        && version < Version::new(2, 27)
        && !known.refreshes.iter().any(|refresh| refresh.own)
    {
        return Err(format!(
            "{relation} has no refresh policy, and TimescaleDB {version} needs one before a compression policy: \
             use add-refresh-policy first"
        )
        .into());
    }
    let rule = rule::rule(context, &known, inputs)?;
    let mut call = add::call(context, "add_compression_policy", relation);
    rule.give(&mut call, &COMPRESS);
    let every = every(inputs)?.map(|every| every.to_string());
    call.give_some("schedule_interval", "interval", every);
    let due = older(&known, rule);
    let idle = due.is_some_and(|due| !due.into_iter().any(waits));
    let undo = if idle {
        Undo::Exact("the policy is deleted; no chunk is due yet".to_owned())
    } else {
        Undo::Partly(
            "the policy is deleted; chunks that it has compressed by then stay compressed: decompress-chunks decompresses them".to_owned(),
        )
    };
    let what = ("compression policy", relation);
    let mut plan = add::plan(context, inputs, what, call, None, undo)?
        .changing(&[POLICY])
        .picturing(picture(&known, None, rule));
    plan.notes.extend(what_if(context, &known, rule, None));
    let first = add::first_run(inputs).map_or_else(
        || "first run within seconds, by a background worker".to_owned(),
        |first| format!("first run in {first}"),
    );
    Ok(plan.note(Level::Notice, first))
}

/// The compression policy. Refuses if there is none.
fn policy(known: &Compression) -> Result<&Job, Refusal> {
    let job = known.job.as_ref();
    job.ok_or_else(|| change::none(&known.relation, "compression policy"))
}

pub(super) fn edit_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?;
    let job = policy(&known)?;
    let now = |key| job.setting(key).unwrap_or_default();
    let mut fields = fields(
        context,
        &known,
        now(COMPRESS.after),
        now(COMPRESS.created),
        &job.schedule_interval,
    );
    fields.push(
        Field::new(MOST, "Chunks per run", FieldType::Integer, now(MOST))
            .optional()
            .help("empty: all due chunks"),
    );
    if known.never_recompresses() {
        fields.push(
            Field::new(RECOMPRESS, "Recompress", FieldType::Flag, "no")
                .help("yes: recompresses chunks that got late rows (removes recompress=false from the configuration)"),
        );
    }
    Ok(Form::new(fields))
}

pub(super) fn edit(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?;
    let job = policy(&known)?;
    let rule = rule::rule(context, &known, inputs)?;
    let config = config(job, known.axis(), rule, inputs)?;
    let every = change::every(inputs, job)?;
    let same = job.config.as_ref() == Some(&config);
    if same && every.is_none() {
        return Err(stands(context, &known, job, rule));
    }
    let change = Change {
        schedule_interval: every,
        config: (!same).then_some(config),
        ..Change::default()
    };
    let undo = Undo::Exact(
        "all settings of the policy are restored; compressed chunks stay compressed".to_owned(),
    );
    let mut plan =
        change::edit(context, job, &change, job.restore(context), undo).changing(&[POLICY]);
    let present = AgeRule::of(job, known.axis(), &COMPRESS);
    plan = plan.picturing(picture(&known, present, rule));
    // The effect comes first, because a small terminal shows only the first lines.
    let most = inputs.integer(MOST);
    plan.notes.extend(what_if(context, &known, rule, most));
    if let Some(now) = was(&known, job) {
        plan = plan.note(Level::Notice, now);
    }
    plan.notes
        .extend(change::next_run_note(job, context.at.now));
    if !job.scheduled {
        plan = plan.note(
            Level::Notice,
            format!("{} is paused: resume-job schedules it", job.describe()),
        );
    }
    if let Some(why) = idle_by_configuration(context, &known).filter(|_| !inputs.flag(RECOMPRESS)) {
        plan = plan.note(Level::Warning, why);
    }
    Ok(plan)
}

/// Refusal because nothing would change, with notes on the effects of the present age limit `rule`.
fn stands(context: &Context, known: &Compression, job: &Job, rule: AgeRule) -> Refusal {
    let mut notes = Vec::from_iter(change::next_run_note(job, context.at.now));
    let most = job.setting(MOST).and_then(|most| most.parse().ok());
    notes.extend(what_if(context, known, rule, most));
    let mut note = |level, text| notes.push(Note { level, text });
    if !job.scheduled {
        note(
            Level::Notice,
            format!("{} is paused: resume-job schedules it", job.describe()),
        );
    }
    if let Some(why) = idle_by_configuration(context, known) {
        note(Level::Warning, why);
    }
    Refusal::unchanged(job.already_so(), notes).picturing(picture(known, Some(rule), rule))
}

/// Text on the present age limit, and on the number of chunks that are due by it. `None`: the age limit or the number is unknown.
fn was(known: &Compression, job: &Job) -> Option<String> {
    let rule = AgeRule::of(job, known.axis(), &COMPRESS)?;
    let due = older(known, rule)?.into_iter();
    let due = many(due.filter(|chunk| waits(chunk)).count());
    let key = COMPRESS.of_job(job);
    let text = job.setting(key)?;
    Some(format!(
        "with the present {key} {text} the policy would compress {due}"
    ))
}

/// The configuration with the form's values. Other keys stay.
fn config(job: &Job, axis: Axis, rule: AgeRule, inputs: &Inputs) -> Result<Json, Refusal> {
    let mut config = match &job.config {
        Some(Json::Object(config)) => config.clone(),
        _ => {
            return Err(format!(
                "{} has no configuration that could be changed",
                job.describe()
            )
            .into());
        }
    };
    let key = rule.key(&COMPRESS);
    config.retain(|had, _| had == key || had != COMPRESS.after && had != COMPRESS.created);
    // If the typed age is equal but spelled differently, the old spelling is kept.
    let old = AgeRule::of(job, axis, &COMPRESS);
    if old != Some(rule) {
        config.insert(key.to_owned(), rule.span().json());
    }
    match inputs.integer(MOST) {
        Some(most) if most < 1 => {
            return Err(format!("{MOST} must be at least 1; empty: all due chunks").into());
        }
        Some(most) => {
            config.insert(MOST.to_owned(), most.into());
        }
        None => {
            config.remove(MOST);
        }
    }
    if inputs.flag(RECOMPRESS) {
        config.remove(RECOMPRESS);
    }
    Ok(Json::Object(config))
}

/// Text for a policy that compresses nothing because its `recompress` is false, on 2.18 to 2.26. `None`: this is not the case.
fn idle_by_configuration(context: &Context, known: &Compression) -> Option<String> {
    let version = context.at.server.sql_version();
    let broken = (Version::new(2, 18)..Version::new(2, 27)).contains(&version);
    (broken && known.never_recompresses()).then(|| {
        format!(
            "its configuration has \"recompress\": false. With that, a policy of TimescaleDB {version} compresses nothing and reports no error (fixed in 2.27). recompress=yes removes that key"
        )
    })
}

pub(super) fn remove(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?;
    let job = policy(&known)?;
    let mut plan = change::remove(context, job)?.changing(&[POLICY]);
    plan = job.clear_retries_first(context, plan);
    if let Some(now) = was(&known, job) {
        plan = plan.note(
            Level::Warning,
            format!("after that, no policy compresses {}; {now}", known.relation),
        );
    }
    Ok(plan.note(
        Level::Notice,
        "a run in progress is cancelled; its current chunk is left unchanged",
    ))
}
