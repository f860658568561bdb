//! Acting on retention: add, edit and remove the policy, drop chunks now.

mod drop;
pub mod facts;
mod whatif;

use serde_json::Value as Json;

use crate::action::{Action, Group, act};
use crate::form::{Field, Form, Inputs, Kind as FieldKind};
use crate::plan::{Consent, Lit, Plan, Statement, Step, Undo};
use crate::plans::policy::{Call, Change, Job};
use crate::plans::{Act, Context, Kind, Refusal};
use crate::query;
use crate::server::Edition;
use crate::sql::{Query, Version};
use crate::text;
use crate::value::Axis;
use crate::verdict::Level;

use facts::{Cut, Policy, Retention, Span};
use whatif::Going;

const FACTS: Query = query!("plan_retention", (2, 29));
/// What a rollback of a policy's change compares.
const POLICY: &str = "/policies/policy_retention";

pub static ACTIONS: &[Action] = &[
    act(
        "add-retention-policy",
        &[],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(add_form),
            plan: add,
        },
        "Drop chunks of the selected hypertable by a policy",
    ),
    act(
        "edit-retention-policy",
        &[],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(edit_form),
            plan: edit,
        },
        "Change after which time the retention policy drops, and how often it looks",
    ),
    act(
        "remove-retention-policy",
        &[],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: None,
            plan: remove,
        },
        "Remove the retention policy of the selected hypertable",
    ),
    act(
        "drop-chunks",
        &["D"],
        Group::Retention,
        Act {
            on: Kind::Hypertable,
            facts: FACTS,
            form: Some(drop::form),
            plan: drop::plan,
        },
        "Drop the chunks of the selected hypertable that are old enough, now",
    ),
];

/// Policies are the Community edition's.
pub fn community(context: &Context) -> Result<(), Refusal> {
    if context.at.server.edition == Edition::Apache {
        return Err("this server runs TimescaleDB's Apache edition, which has no policies: timescaledb.license = 'timescale' and a restart give them".into());
    }
    Ok(())
}

fn add_form(context: &Context) -> Result<Form, Refusal> {
    let facts = Retention::read(context)?;
    Ok(Form::new(vec![
        Field::span("drop_after", "Drop after", facts.axis(), "")
            .optional()
            .help("chunks whose newest possible row is older than this go"),
        Field::new("drop_created_before", "or created before", FieldKind::Interval, "")
            .optional()
            .help("instead of drop_after: chunks that were made longer ago than this go, whatever time their rows bear"),
        Field::new("schedule_interval", "Looks every", FieldKind::Interval, "1 day")
            .help("how often the policy looks for chunks to drop"),
        Field::new("first_run", "First run in", FieldKind::Interval, "")
            .optional()
            .help("empty: within seconds"),
    ]))
}

/// What a policy is told to drop.
enum Rule {
    After(Span),
    CreatedBefore(crate::interval::Interval),
}

fn rule(context: &Context, facts: &Retention, inputs: &Inputs) -> Result<Rule, Refusal> {
    let after = Span::given(inputs, "drop_after", facts.axis());
    let created = inputs.interval("drop_created_before");
    match (after, created) {
        (Some(_), Some(_)) => Err("either drop_after or drop_created_before: one of them is enough".into()),
        (None, None) => Err("drop_after is wanted: after which time do chunks go?".into()),
        (Some(after), None) => {
            usable(facts, after)?;
            Ok(Rule::After(after))
        }
        (None, Some(interval)) => {
            let broken = created_before_fails(context.at.server.sql_version(), facts.axis());
            if let Some(why) = broken {
                return Err(why.into());
            }
            if !interval.is_positive() {
                return Err("drop_created_before must be longer than nothing".into());
            }
            Ok(Rule::CreatedBefore(interval))
        }
    }
}

/// Why `drop_created_before` is of no use on this version.
fn created_before_fails(version: Version, axis: Axis) -> Option<&'static str> {
    let fixed = Version { patch: 4, ..Version::new(2, 26) };
    if version < Version::new(2, 17) {
        Some("drop_created_before drops the wrong chunks, or is not there, before TimescaleDB 2.17: use drop_after")
    } else if version < fixed && axis != Axis::Integer {
        Some("before TimescaleDB 2.26.4 a policy with drop_created_before fails at every run where time is no integer: use drop_after")
    } else {
        None
    }
}

/// Refuses a drop-after that the server could not apply, or that would drop what is not old.
fn usable(facts: &Retention, after: Span) -> Result<(), Refusal> {
    if !after.is_positive() {
        return Err("drop_after must be longer than nothing: else chunks go while they are written".into());
    }
    if facts.axis() == Axis::Integer && !facts.has_now {
        return Err(format!(
            "time in {} is an integer, and nothing says what \"now\" is: make a function that returns it, then select set_integer_now_func({}, 'schema.function')",
            facts.relation, text::quote_literal(&facts.relation)
        ).into());
    }
    if facts.axis() == Axis::Integer && facts.integer_now.is_none() {
        return Err(format!("the integer_now_func of {} returns NULL: it must say what \"now\" is", facts.relation).into());
    }
    Ok(())
}

fn add(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    community(context)?;
    let facts = Retention::read(context)?;
    if let Some(Policy { job, .. }) = facts.policy() {
        return Err(format!(
            "{} has a retention policy already, job {}: edit-retention-policy changes it",
            facts.relation, job.id
        )
        .into());
    }
    let rule = rule(context, &facts, inputs)?;
    let now = context.at.now;
    let first = inputs.interval("first_run").filter(|first| first.is_positive());
    let cut = match rule {
        Rule::After(after) => facts.older(after, now),
        Rule::CreatedBefore(interval) => facts.created_before(interval, now),
    };
    let going = cut.map(|cut| Going::of(&facts, cut));
    let drops = going.as_ref().is_none_or(|going| !going.chunks.is_empty());
    let step = Step::new(
        format!("add a retention policy to {}", facts.relation),
        add_statements(context, &facts, inputs, &rule)?,
        vec![Statement::new(
            format!("select {}($1::int)", context.function("delete_job")),
            vec![Lit::Kept("job_id".to_owned())],
        )],
    );
    let undo = if drops {
        Undo::Partly("the policy goes; chunks that it has dropped by then do not come back".to_owned())
    } else {
        Undo::Exact("the policy goes; it has nothing to drop yet".to_owned())
    };
    let mut plan = Plan::new(format!("Add a retention policy to {}", facts.relation), vec![step], undo).changing(&[POLICY]);
    let when = first.map_or_else(
        || "the first run, within seconds,".to_owned(),
        |first| format!("the first run, in {first}, judged by now,"),
    );
    plan = note_cut(plan, context, &facts, going.as_ref(), &when);
    if drops && first.is_none() {
        plan = plan.wanting(Consent::Name);
    }
    if let Rule::After(after) = rule {
        plan = whatif::note_conflicts(plan, &facts, after, now);
        plan = whatif::note_zone(plan, &facts);
    }
    Ok(plan)
}

fn note_cut(plan: Plan, context: &Context, facts: &Retention, going: Option<&Going>, when: &str) -> Plan {
    match going {
        Some(going) => whatif::note_going(plan, context, facts, going, when),
        None => plan.note(Level::Unknown, format!("what {when} would drop is not known: the boundary lies outside all time")),
    }
}

fn add_statements(
    context: &Context,
    facts: &Retention,
    inputs: &Inputs,
    rule: &Rule,
) -> Result<Vec<Statement>, Refusal> {
    let mut call = Call::new(format!("select {}", context.function("add_retention_policy")));
    call.give("", "regclass", facts.relation.as_str().into());
    match rule {
        Rule::After(Span::Number(number)) => call.give("drop_after", "bigint", (*number).into()),
        Rule::After(Span::Interval(interval)) => call.give("drop_after", "interval", interval.to_string().into()),
        Rule::CreatedBefore(interval) => {
            call.give("drop_created_before", "interval", interval.to_string().into());
        }
    }
    call.give_some("schedule_interval", "interval", inputs.text("schedule_interval"));
    let mut statements = vec![call.statement().keeping("job_id")];
    if let Some(first) = inputs.interval("first_run").filter(|first| first.is_positive()) {
        let start = text::rfc3339(context.at.now.plus_seconds(first.seconds()))
            .ok_or("first_run lies outside all time")?;
        let mut call = Call::new(format!("select job_id from {}", context.function("alter_job")));
        call.give("", "int", Lit::Kept("job_id".to_owned()));
        call.give("next_start", "timestamptz", start.into());
        statements.push(call.statement());
    }
    Ok(statements)
}

/// The policy of the target, or the words that there is none.
fn policy<'a>(context: &Context, facts: &'a Retention) -> Result<&'a Policy, Refusal> {
    community(context)?;
    facts.policy().ok_or_else(|| {
        Refusal::new(format!(
            "{} has no retention policy: add-retention-policy makes one",
            facts.relation
        ))
    })
}

/// The setting that the policy has: `drop_after`, or `drop_created_before`.
fn key(job: &Job) -> &'static str {
    let created = job.config.as_ref().and_then(|config| config.get("drop_created_before"));
    if created.is_some_and(|created| !created.is_null()) {
        "drop_created_before"
    } else {
        "drop_after"
    }
}

fn edit_form(context: &Context) -> Result<Form, Refusal> {
    let facts = Retention::read(context)?;
    let job = &policy(context, &facts)?.job;
    let has = job.config.as_ref().and_then(|config| config.get(key(job)));
    let has = has.map_or_else(String::new, |value| {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    });
    let rule = if key(job) == "drop_after" {
        Field::span("drop_after", "Drop after", facts.axis(), has)
            .help("chunks whose newest possible row is older than this go")
    } else {
        Field::new("drop_created_before", "Created before", FieldKind::Interval, has)
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
    ]))
}

fn edit(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let job = &policy(context, &facts)?.job;
    let now = context.at.now;
    let key = key(job);
    let (value, cut) = if key == "drop_after" {
        let after = Span::given(inputs, key, facts.axis()).ok_or("drop_after is wanted")?;
        usable(&facts, after)?;
        (after, facts.older(after, now))
    } else {
        let interval = inputs.interval(key).filter(|interval| interval.is_positive()).ok_or("drop_created_before must be longer than nothing")?;
        (Span::Interval(interval), facts.created_before(interval, now))
    };
    let change = change(job, key, value, inputs)?;
    let back = Change {
        config: change.config.as_ref().and(job.config.clone()),
        schedule_interval: change.schedule_interval.as_ref().map(|_| job.schedule_interval.clone()),
        ..Change::default()
    };
    let step = Step::new(
        format!("change {}", job.describe()),
        vec![job.alter(context, &change)],
        vec![job.alter(context, &back)],
    );
    let going = cut.map(|cut| Going::of(&facts, cut));
    let before = had(&facts, job, context);
    let more = match (&going, before) {
        (Some(going), Some(before)) => going.count() > before,
        _ => true,
    };
    let undo = if more && change.config.is_some() {
        Undo::Partly("the policy is as it was; chunks that it has dropped by then do not come back".to_owned())
    } else {
        Undo::Exact("the policy is as it was, with its next start".to_owned())
    };
    let mut plan = Plan::new(format!("Change {}", job.describe()), vec![step], undo).changing(&[POLICY]);
    let (when, soon) = whatif::next_run(job, now);
    plan = note_cut(plan, context, &facts, going.as_ref(), &format!("the next run, {when},"));
    if let Some(before) = before {
        plan = plan.note(Level::Ok, format!("with the present setting it would drop {}", text::plural(before, "chunk")));
    }
    if soon && more && change.config.is_some() {
        plan = plan.wanting(Consent::Name);
    }
    if key == "drop_after" && change.config.is_some() {
        plan = whatif::note_conflicts(plan, &facts, value, now);
        plan = whatif::note_zone(plan, &facts);
    }
    Ok(plan)
}

/// How many chunks the policy would drop as it stands; `None`: its setting is not understood.
fn had(facts: &Retention, job: &Job, context: &Context) -> Option<i64> {
    let has = Span::of(job.config.as_ref()?.get(key(job))?)?;
    let cut: Cut = match has {
        Span::Interval(interval) if key(job) == "drop_created_before" => facts.created_before(interval, context.at.now),
        span => facts.older(span, context.at.now),
    }?;
    Some(Going::of(facts, cut).count())
}

/// What differs from the policy as it stands; a refusal where nothing does.
fn change(job: &Job, key: &str, value: Span, inputs: &Inputs) -> Result<Change, Refusal> {
    let mut config = job.config.clone().unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    let stands = config.get(key).and_then(Span::of) == Some(value);
    if let Some(settings) = config.as_object_mut() {
        settings.insert(key.to_owned(), value.json());
    }
    let every = inputs.interval("schedule_interval").ok_or("schedule_interval is wanted")?;
    if !every.is_positive() {
        return Err("schedule_interval must be longer than nothing".into());
    }
    let same = crate::interval::Interval::parse(&job.schedule_interval) == Ok(every);
    if stands && same {
        return Err(format!("{} is so already: change {key} or schedule_interval", job.describe()).into());
    }
    Ok(Change {
        config: (!stands).then_some(config),
        schedule_interval: (!same).then(|| every.to_string()),
        ..Change::default()
    })
}

fn remove(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Retention::read(context)?;
    let plan = remove_policy(context, policy(context, &facts)?)?.changing(&[POLICY]);
    let words = format!("{} then keeps every chunk until somebody drops it", facts.relation);
    Ok(plan.note(Level::Ok, words))
}

/// Removes any policy of a hypertable; pausing is offered, because it keeps the job's id and its counters.
pub fn remove_policy(context: &Context, policy: &Policy) -> Result<Plan, Refusal> {
    let job = &policy.job;
    let undo = Undo::Exact(
        "the policy is made again with all its settings and its next start, under a new job id; its counters and its link to the history do not come back".to_owned(),
    );
    let mut plan = Plan::new(format!("Remove {}", job.describe()), vec![job.delete(context)?], undo).note(
        Level::Notice,
        format!("pause-job {} stops it too, and keeps its id, its counters and its history", job.id),
    );
    if let Some(pid) = policy.pid {
        plan = plan.note(
            Level::Warning,
            format!("it runs now (session {pid}): removing it cancels that run, even where the removal itself fails"),
        );
    }
    Ok(plan.wanting(Consent::Yes))
}
