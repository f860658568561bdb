//! Creates an aggregate over a hypertable, and drops an aggregate.

use super::facts::Hierarchy;
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::plan::{Consent, Mode, Plan, Statement, Step, Undo};
use crate::model::setup::name::Name;
use crate::model::text;
use crate::model::verdict::Level;
use crate::server::known::Server;

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    if context.at.server.simulated {
        return Err(SIMULATED.into());
    }
    let source = &context.target.name;
    Ok(Form::new(vec![
        Field::new("name", "Name", FieldType::Text, "").help("schema.name of the new aggregate"),
        Field::new("query", "Query", FieldType::Text, "").help(format!(
            "its SELECT from {source}, with time_bucket(width, time) in GROUP BY"
        )),
        Field::new(
            "materialized_only",
            "Materialized only",
            FieldType::Flag,
            "yes",
        )
        .help("no: readers also see newer rows, computed at every query"),
    ]))
}

const SIMULATED: &str =
    "TimescaleDB is only simulated here: plain PostgreSQL has no continuous aggregates";

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let name = inputs.text("name").ok_or("name is required")?;
    let name = Name::parse(name).map_err(|why| format!("name: {why}"))?;
    let query = inputs.text("query").ok_or("query is required")?;
    if !query.trim_start().to_lowercase().starts_with("select") {
        return Err("query: write a SELECT".into());
    }
    // The recorded state of the source does not include its aggregates, so the plan changes no part of that state. But an empty list would
    // mean that every part may change. So the list names one part.
    let only = inputs.flag("materialized_only");
    Ok(aggregate(&name, query, only, context.at.server).changing(&["/intervals"]))
}

/// The plan that creates an aggregate without rows. The undo drops the aggregate.
pub(crate) fn aggregate(
    name: &Name,
    query: &str,
    materialized_only: bool,
    server: &Server,
) -> Plan {
    let query = query.trim().trim_end_matches(';').trim_end();
    let create = format!(
        "create materialized view {name} with (timescaledb.continuous, timescaledb.materialized_only = {materialized_only}) as\n{query}\nwith no data"
    );
    let drop = Statement::new(format!("drop materialized view {name}"), Vec::new());
    let step = Step::new(
        format!("create aggregate {name}"),
        vec![
            Statement::new(server.finding_its_functions(), Vec::new()),
            Statement::new(create, Vec::new()),
        ],
        vec![drop],
    );
    let undo =
        Undo::Exact("the aggregate is dropped again, with all rows that it has then".to_owned());
    Plan::new(format!("Create aggregate {name}"), vec![step], undo)
        .wanting(Consent::Yes)
        .note(Level::Notice, "it is created without rows: a refresh policy fills only its window; refresh-aggregate fills any range")
}

pub(super) fn drop(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Hierarchy::read(context)?;
    let level = facts.own()?;
    if context.at.server.simulated {
        return Err(SIMULATED.into());
    }
    if !level.children.is_empty() {
        let names = level.children.join(", ");
        return Err(format!("first drop what is built on it: {names}").into());
    }
    let step = Step::new(
        format!("drop aggregate {}", level.name),
        vec![Statement::new(
            format!("drop materialized view {}", level.name),
            Vec::new(),
        )],
        Vec::new(),
    );
    let undo = Undo::Never(
        "the aggregate's rows are deleted; those whose source rows were dropped cannot be computed again"
            .to_owned(),
    );
    let jobs = text::plural_of(level.jobs.len(), "refresh policy");
    let mut plan = Plan::new(format!("Drop aggregate {}", level.name), vec![step], undo)
        .touching(level.view_oid, level.name.clone(), Mode::AccessExclusive)
        .touching(level.mat_oid, level.mat_name.clone(), Mode::AccessExclusive);
    if !level.jobs.is_empty() {
        plan = plan.note(Level::Notice, format!("this also deletes {jobs}"));
    }
    Ok(plan)
}
