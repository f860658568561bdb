//! The compression policy: adding, changing, removing; each with what it would compress now and whom it would meet.

use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Call, Change, Job, first_run, put_off};
use crate::actions::form::{Field, Form, Inputs, Kind};
use crate::model::interval::Interval;
use crate::model::plan::{Lit, Note, Plan, Statement, Step, Undo};
use crate::model::verdict::Level;
use crate::model::version::Version;

use super::chunks::setting;
use super::eligible::{Age, Length, older, waits, what_if};
use super::facts::Known;
use super::facts::known;
use super::rule::{AFTER, BY_CREATION, CREATED, Rule};

const POLICY: &str = "/jobs/policy_compression";
const MOST: &str = "maxchunks_to_compress";
const RECOMPRESS: &str = "recompress";

fn fields(
    context: &Context,
    known: &Known,
    after: String,
    created: String,
    every: &str,
) -> Vec<Field> {
    let mut fields = vec![
        Field::span(AFTER, "Compress after", known.axis(), after)
            .optional()
            .help(if known.integer_time {
                "chunks that end so far before now; a whole number"
            } else {
                "chunks that ended so long ago: 7 days, 7d, 1h30m, 1 mon"
            }),
    ];
    if context.at.server.sql_version() >= BY_CREATION {
        fields.push(
            Field::new(CREATED, "Or created before", Kind::Interval, created)
                .optional()
                .help("instead: chunks that were made so long ago, whatever time their rows bear"),
        );
    }
    fields.push(
        Field::new("schedule_interval", "Looks every", Kind::Interval, every)
            .optional()
            .help("how often it looks for chunks; empty: TimescaleDB's default, half a chunk's interval, at most 12 hours"),
    );
    fields
}

pub(crate) fn add_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?.enabled()?;
    let mut fields = fields(context, &known, String::new(), String::new(), "");
    fields.push(
        Field::new("first_run", "First run in", Kind::Interval, "")
            .optional()
            .help("empty: within seconds"),
    );
    Ok(Form::new(fields))
}

pub fn add(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?.enabled()?;
    if let Some(job) = &known.job {
        return Err(format!(
            "{} has a compression policy already, job {}: edit-compression-policy changes it",
            known.relation, job.id
        )
        .into());
    }
    let version = context.at.server.sql_version();
    if known.aggregate
        && version < Version::new(2, 27)
        && !known.refreshes.iter().any(|refresh| refresh.own)
    {
        return Err(format!(
            "{} has no refresh policy, and TimescaleDB {version} wants one before a compression policy: add-refresh-policy makes it",
            known.relation
        )
        .into());
    }
    let rule = Rule::read(context, &known, inputs)?;
    let step = Step::new(
        format!("add a compression policy to {}", known.relation),
        add_statements(context, &known, inputs, &rule)?,
        vec![Statement::new(
            format!("select {}($1::int)", context.function("delete_job")),
            vec![Lit::Kept("job_id".to_owned())],
        )],
    );
    let due = older(&known, rule.length, rule.age);
    let idle = due.is_some_and(|due| !due.into_iter().any(waits));
    let undo = if idle {
        Undo::Exact("the policy goes; it has nothing to compress yet".to_owned())
    } else {
        Undo::Partly(
            "the policy goes; chunks that it has compressed by then stay compressed: decompress-chunks unpacks them".to_owned(),
        )
    };
    let mut plan = Plan::new(
        format!("Add a compression policy to {}", known.relation),
        vec![step],
        undo,
    )
    .changing(&[POLICY]);
    plan.notes
        .extend(what_if(context, &known, rule.length, rule.age));
    plan = match first_run(inputs) {
        Some(first) => plan.note(Level::Notice, format!("first run in {first}")),
        None => plan.note(
            Level::Notice,
            "first run within seconds, by a background worker",
        ),
    };
    Ok(plan)
}

fn add_statements(
    context: &Context,
    known: &Known,
    inputs: &Inputs,
    rule: &Rule,
) -> Result<Vec<Statement>, Refusal> {
    let mut call = Call::new(format!(
        "select {}",
        context.function("add_compression_policy")
    ));
    call.give("", "regclass", known.relation.as_str().into());
    call.give(rule.key(), rule.kind(), rule.lit());
    call.give_some(
        "schedule_interval",
        "interval",
        inputs.text("schedule_interval"),
    );
    let mut statements = vec![call.statement().keeping("job_id")];
    statements.extend(put_off(context, inputs)?);
    Ok(statements)
}

/// The policy, or the words that there is none.
fn policy(known: &Known) -> Result<&Job, Refusal> {
    known.job.as_ref().ok_or_else(|| {
        Refusal::new(format!(
            "{} has no compression policy: add-compression-policy makes one",
            known.relation
        ))
    })
}

pub(crate) fn edit_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?;
    let job = policy(&known)?;
    let now = |key| setting(job, key).unwrap_or_default();
    let mut fields = fields(
        context,
        &known,
        now(AFTER),
        now(CREATED),
        &job.schedule_interval,
    );
    fields.push(
        Field::new(MOST, "Chunks a run, at most", Kind::Integer, now(MOST))
            .optional()
            .help("empty: all that are due"),
    );
    if known.never_recompresses() {
        fields.push(
            Field::new(RECOMPRESS, "Recompress", Kind::Flag, "no")
                .help("whether it recompresses chunks into which late rows came; yes takes recompress=false out of its configuration"),
        );
    }
    Ok(Form::new(fields))
}

pub fn edit(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?;
    let job = policy(&known)?;
    let rule = Rule::read(context, &known, inputs)?;
    let config = config(job, &rule, inputs)?;
    let every = inputs
        .text("schedule_interval")
        .unwrap_or(&job.schedule_interval);
    let every = (Interval::parse(every).ok() != Interval::parse(&job.schedule_interval).ok())
        .then(|| every.to_owned());
    let same = job.config.as_ref() == Some(&config);
    if same && every.is_none() {
        return Err(stands(context, &known, job, &rule));
    }
    let change = Change {
        schedule_interval: every,
        config: (!same).then_some(config),
        ..Change::default()
    };
    let step = Step::new(
        format!("change {}", job.describe()),
        vec![job.alter(context, &change)],
        vec![job.restore(context)],
    );
    let undo = Undo::Exact("the policy is as it was, in all its settings; what it compresses meanwhile stays compressed".to_owned());
    let mut plan =
        Plan::new(format!("Change {}", job.describe()), vec![step], undo).changing(&[POLICY]);
    if let Some(now) = was(&known, job) {
        plan = plan.note(Level::Notice, format!("now: {now}"));
    }
    plan.notes
        .extend(what_if(context, &known, rule.length, rule.age));
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

/// Nothing would change; what the present rule means.
fn stands(context: &Context, known: &Known, job: &Job, rule: &Rule) -> Refusal {
    let mut notes = what_if(context, known, rule.length, rule.age);
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
    Refusal::unchanged(job.already_so(), notes)
}

/// The present rule, and how many chunks wait by it.
fn was(known: &Known, job: &Job) -> Option<String> {
    let (key, age) = if setting(job, AFTER).is_some() {
        (AFTER, Age::Range)
    } else {
        (CREATED, Age::Creation)
    };
    let text = setting(job, key)?;
    let length = match age {
        Age::Range => Length::read(known, &text)?,
        Age::Creation => Length::Time(Interval::parse(&text).ok()?),
    };
    let due = older(known, length, age)?
        .into_iter()
        .filter(|chunk| waits(chunk))
        .count();
    Some(format!(
        "{key} {text}, by which {} due now",
        super::eligible::many(due)
    ))
}

/// The configuration with what the form says; everything else in it stays.
fn config(job: &Job, rule: &Rule, inputs: &Inputs) -> Result<Json, Refusal> {
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
    for key in [AFTER, CREATED] {
        if key != rule.key() {
            config.remove(key);
        }
    }
    // The same length stays as the server wrote it.
    let same = setting(job, rule.key()).is_some_and(|text| match rule.length {
        Length::Number(number) => text.parse() == Ok(number),
        Length::Time(interval) => Interval::parse(&text) == Ok(interval),
    });
    if !same {
        config.insert(rule.key().to_owned(), rule.json());
    }
    match inputs.integer(MOST) {
        Some(most) if most < 1 => {
            return Err(format!("{MOST} must be at least 1; empty: all that are due").into());
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

/// Between 2.22 and 2.27 a policy that may not recompress does nothing at all.
fn idle_by_configuration(context: &Context, known: &Known) -> Option<String> {
    let version = context.at.server.sql_version();
    let broken = (Version::new(2, 18)..Version::new(2, 27)).contains(&version);
    (broken && known.never_recompresses()).then(|| {
        format!(
            "its configuration has \"recompress\": false, by which a policy of TimescaleDB {version} compresses nothing, silently \
             (seen on 2.22 and 2.26, fixed in 2.27): recompress=yes here takes that key out"
        )
    })
}

pub fn remove(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?;
    let job = policy(&known)?;
    let step = job.delete(context)?;
    let undo = Undo::Exact("the policy is made anew with all its settings and its next start, under a new id; its counters and history begin anew".to_owned());
    let mut plan = Plan::new(format!("Remove {}", job.describe()), vec![step], undo)
        .changing(&[POLICY])
        .note(
            Level::Notice,
            format!(
                "pause-job {} stops it as well, and keeps its id, its counters and its history",
                job.id
            ),
        );
    plan = job.calmed(context, plan);
    if let Some(now) = was(&known, job) {
        plan = plan.note(
            Level::Warning,
            format!(
                "from then on nothing compresses {} by itself; {now}",
                known.relation
            ),
        );
    }
    Ok(plan.note(
        Level::Notice,
        "a run that is under way is cancelled; the chunk that it is at stays as it is",
    ))
}
