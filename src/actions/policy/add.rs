//! Adds a policy: code that all kinds of policies share.

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::call::Call;
use crate::actions::form::{Field, FieldType, Inputs};
use crate::model::interval::Interval;
use crate::model::plan::{Lit, Plan, Statement, Step, Undo};
use crate::model::text;

const FIRST_RUN: &str = "first_run";

pub(crate) fn first_run_field() -> Field {
    Field::new(FIRST_RUN, "First run in", FieldType::Interval, "")
        .optional()
        .help("empty: within seconds")
}

/// Time until the first run. `None`: the policy runs at once.
pub(crate) fn first_run(inputs: &Inputs) -> Option<Interval> {
    let first = inputs.interval(FIRST_RUN);
    first.filter(|first| first.is_positive())
}

/// `alter_job` call for the settings that `add_…_policy` does not accept. The call takes the job id from the result of `add_…_policy`, kept
/// as `job_id`. `None`: the form has no such settings.
fn set(
    context: &Context,
    inputs: &Inputs,
    every: Option<Interval>,
) -> Result<Option<Statement>, Refusal> {
    let first = first_run(inputs);
    if every.is_none() && first.is_none() {
        return Ok(None);
    }
    let mut call = Call::new(format!(
        "select job_id from {}",
        context.function("alter_job")
    ));
    call.give("", "int", Lit::Kept("job_id".to_owned()));
    let every = every.map(|every| every.to_string());
    call.give_some("schedule_interval", "interval", every);
    if let Some(first) = first {
        let start = text::rfc3339(context.at.now.plus_seconds(first.seconds()));
        let start = start.ok_or("first_run is out of range")?;
        call.give("next_start", "timestamptz", start.into());
    }
    Ok(Some(call.statement()))
}

/// Plan that adds a policy by `call`, and whose undo deletes the policy. `what`: the kind of policy, and its relation. `every`: the
/// schedule interval, if `call` does not set it.
pub(crate) fn plan(
    context: &Context,
    inputs: &Inputs,
    what: (&str, &str),
    call: Call,
    every: Option<Interval>,
    undo: Undo,
) -> Result<Plan, Refusal> {
    let (policy, relation) = what;
    let mut statements = vec![call.statement().keeping("job_id")];
    statements.extend(set(context, inputs, every)?);
    let delete = Statement::new(
        format!("select {}($1::int)", context.function("delete_job")),
        vec![Lit::Kept("job_id".to_owned())],
    );
    let label = format!("add a {policy} to {relation}");
    let step = Step::new(label, statements, vec![delete]);
    let title = format!("Add a {policy} to {relation}");
    Ok(Plan::new(title, vec![step], undo))
}

/// Call of `function`, which adds a policy to this relation.
pub(crate) fn call(context: &Context, function: &str, relation: &str) -> Call {
    let mut call = Call::new(format!("select {}", context.function(function)));
    call.give("", "regclass", relation.into());
    call
}

/// Refuses a second policy of the same kind. `instead`: text on what to do instead.
pub(crate) fn only(relation: &str, job: Option<&Job>, instead: &str) -> Result<(), Refusal> {
    job.map_or(Ok(()), |job| {
        let (policy, id) = (job.policy(), job.id);
        Err(format!("{relation} already has a {policy}, job {id}: {instead}").into())
    })
}
