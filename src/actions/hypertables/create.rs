//! Makes a plain table a hypertable. Its rows are copied into chunks.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::actions::call::Call;
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::actions::policy::rule::longer_than_nothing;
use crate::model::moment::Axis;
use crate::model::plan::{Mode, Plan, Step, Undo};
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;

/// Row of `queries/plan_table.sql`. Names are quoted, except the names of columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Table {
    oid: i64,
    name: String,
    /// Reason why the table cannot become a hypertable by any column, such as `is partitioned`. `None`: no such
    /// reason.
    unfit: Option<String>,
    /// The columns that can be the time column, in the order of the table.
    times: Vec<Time>,
    /// Estimated number of rows. `None`: unknown.
    rows: Option<i64>,
    /// True if the table has rows, or may have some.
    filled: bool,
    /// Unique indexes, with their columns.
    unique: Vec<Unique>,
    /// Foreign keys that refer to this table.
    referenced: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Time {
    name: String,
    /// Type, as `regtype` prints it.
    axis: String,
    not_null: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Unique {
    name: String,
    columns: Vec<String>,
}

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let table = table(context)?;
    let names: Vec<&str> = table.times.iter().map(|time| time.name.as_str()).collect();
    let first = names.first().ok_or_else(|| {
        format!(
            "{} has no column that can be the time column (timestamptz, timestamp, date or an integer)",
            table.name
        )
    })?;
    Ok(Form::new(vec![
        Field::new("time", "Time column", FieldType::Text, *first).help(format!(
            "the column by which rows are divided into chunks: {}",
            names.join(", ")
        )),
        Field::new("chunk_interval", "Chunks span", FieldType::Text, "7 days")
            .help("7 days, 1d or 12h; a whole number if the time column is an integer"),
    ]))
}

/// Reads the table's facts. Refuses if the table cannot become a hypertable.
fn table(context: &Context) -> Result<Table, Refusal> {
    let table: Table = context.read()?;
    if context.at.server.simulated {
        return Err(
            "TimescaleDB is only simulated here: plain PostgreSQL has no hypertables".into(),
        );
    }
    if let Some(unfit) = &table.unfit {
        return Err(format!("{} {unfit}", table.name).into());
    }
    if !table.referenced.is_empty() {
        let keys = table.referenced.join(", ");
        return Err(format!(
            "foreign keys refer to {}, and referenced rows cannot be moved: drop the keys first ({keys})",
            table.name
        )
        .into());
    }
    Ok(table)
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let table = table(context)?;
    let wanted = inputs.text("time").ok_or("time is required")?;
    let time = table.times.iter().find(|time| time.name == wanted);
    let time = time.ok_or_else(|| {
        let names: Vec<&str> = table.times.iter().map(|time| time.name.as_str()).collect();
        format!(
            "time: {wanted:?} cannot be the time column; choose from: {}",
            names.join(", ")
        )
    })?;
    let lacks = |unique: &&Unique| !unique.columns.contains(&time.name);
    let lacking: Vec<&str> = table
        .unique
        .iter()
        .filter(lacks)
        .map(|unique| unique.name.as_str())
        .collect();
    let column = text::quote_identifier(&time.name);
    if !lacking.is_empty() {
        return Err(format!(
            "a unique index of a hypertable must include the time column: add {column} to each of these, or drop them: {}",
            lacking.join(", ")
        )
        .into());
    }
    let axis = Axis::of(&time.axis);
    let length = inputs
        .text("chunk_interval")
        .ok_or("chunk_interval is required")?;
    let length = Span::parse(axis, length).ok_or_else(|| match axis {
        Axis::Integer => format!("chunk_interval: {column} is an integer, so {length:?} must be a whole number of its units"),
        _ => format!("chunk_interval: {length:?} is not an interval: write 7 days, 1d or 12h"),
    })?;
    longer_than_nothing("chunk_interval", length)?;
    let mut call = Call::new(format!("select {}", context.function("create_hypertable")));
    call.give("", "regclass", table.name.as_str().into());
    call.give("", "name", time.name.as_str().into());
    let (kind, value) = match length {
        Span::Number(units) => ("bigint", units.into()),
        Span::Interval(interval) => ("interval", interval.to_string().into()),
    };
    call.give("chunk_time_interval", kind, value);
    call.give("migrate_data", "bool", true.into());
    let bytes = context.bytes([table.oid]);
    let step = Step::new(
        format!("make {} a hypertable", table.name),
        vec![call.statement()],
        Vec::new(),
    )
    .sized(bytes);
    let undo = Undo::Never(
        "a hypertable cannot become a plain table again. By hand: create a table like it, copy the rows, and rename both".to_owned(),
    );
    let title = format!("Make {} a hypertable by {column}", table.name);
    let plan = Plan::new(title, vec![step], undo)
        .changing(&["/hypertable"])
        .touching(table.oid, table.name.clone(), Mode::AccessExclusive);
    Ok(remarks(plan, &table, time, bytes))
}

fn remarks(plan: Plan, table: &Table, time: &Time, bytes: Option<i64>) -> Plan {
    let column = text::quote_identifier(&time.name);
    let size = bytes.map_or_else(|| "of unknown size".to_owned(), text::bytes);
    let rows = table.rows.map_or_else(
        || "an unknown number of rows".to_owned(),
        |rows| format!("about {} rows", text::count(rows)),
    );
    let mut plan = if table.filled {
        plan.note(
            Level::Warning,
            format!("{rows} ({size} with indexes) are copied into chunks: meanwhile no session can read or write {}; the copy needs as much disk space again", table.name),
        )
    } else {
        plan.note(Level::Notice, "the table has no rows, so nothing is copied")
    };
    if !time.not_null {
        plan = plan.note(
            Level::Notice,
            format!("{column} becomes NOT NULL: if a row has NULL there, the statement fails and nothing is changed"),
        );
    }
    plan.note(
        Level::Notice,
        format!(
            "TimescaleDB adds an index on ({column} DESC), unless an index already begins with this column"
        ),
    )
}
