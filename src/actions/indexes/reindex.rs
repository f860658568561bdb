//! REINDEX CONCURRENTLY of one index on every chunk, or of all indexes of a hypertable.

use serde::Deserialize;

use super::facts::{Copy, Index, being_built, count, statement, waits_long};
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::plan::{Consent, Mode, Plan, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct TableFacts {
    display: String,
    parts: Vec<super::facts::Part>,
    copies: Vec<Copy>,
    leftovers: i64,
    /// Process id of a session that is building or rebuilding one of these indexes. `None`: no session is.
    builder: Option<i64>,
}

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let index: Index = context.read()?;
    if index.copies.len() < 2 {
        return Ok(Form::default());
    }
    let invalid = index.copies.iter().filter(|copy| !copy.valid).count();
    Ok(fields((invalid > 0).then(|| {
        Field::new(ONLY_INVALID, "Only the invalid", FieldType::Flag, "yes").help(format!(
            "only where it is invalid, on {}",
            text::plural(count(invalid), "chunk")
        ))
    })))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "all functions that make forms have this type"
)]
pub(super) fn table_form(_: &Context) -> Result<Form, Refusal> {
    Ok(fields(None))
}

const ONLY_INVALID: &str = "only_invalid";

fn fields(first: Option<Field>) -> Form {
    let mut fields = Vec::from_iter(first);
    fields.push(
        Field::new("at_least_kb", "From this size on, kB", FieldType::Integer, "16").help(
            "smaller indexes are left out, such as the empty indexes (8 kB) of compressed chunks; 0: none is left out",
        ),
    );
    Form::new(fields).paced()
}

pub(super) fn index(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let index: Index = context.read()?;
    if let Some(refusal) = index.untouchable().or_else(|| index.in_build()) {
        return Err(refusal);
    }
    let mut copies = index.copies.clone();
    if inputs.flag(ONLY_INVALID) {
        copies.retain(|copy| !copy.valid);
    }
    for copy in &mut copies {
        copy.exclusion = index.exclusion;
    }
    let title = format!("Reindex {} of {}", index.name, index.table);
    let plan = reindex(context, inputs, title, &copies)?;
    let left = index.leftovers.iter().filter(|left| left.pid.is_none());
    Ok(leftovers(plan, count(left.count())))
}

pub(super) fn table(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let table: TableFacts = context.read()?;
    if table.parts.is_empty() {
        return Err(format!(
            "{} has no chunks, so there is nothing to rebuild",
            table.display
        )
        .into());
    }
    if let Some(refusal) = being_built(&format!("an index of {}", table.display), table.builder) {
        return Err(refusal);
    }
    let title = format!("Reindex all chunks of {}", table.display);
    let plan = reindex(context, inputs, title, &table.copies)?;
    Ok(leftovers(plan, table.leftovers))
}

fn leftovers(plan: Plan, leftovers: i64) -> Plan {
    if leftovers == 0 {
        return plan;
    }
    plan.note(
        Level::Notice,
        format!(
            "{} of an earlier REINDEX {} there: to clean up, use drop-leftovers",
            text::plural(leftovers, "leftover"),
            if leftovers == 1 { "is" } else { "are" }
        ),
    )
}

fn reindex(
    context: &Context,
    inputs: &Inputs,
    title: String,
    copies: &[Copy],
) -> Result<Plan, Refusal> {
    let least = inputs.integer("at_least_kb").unwrap_or(0).max(0) * 1024;
    let size = |copy: &Copy| context.bytes([copy.oid]);
    let (wanted, small): (Vec<&Copy>, Vec<&Copy>) = copies
        .iter()
        .partition(|copy| !copy.valid || size(copy).is_none_or(|bytes| bytes >= least));
    if wanted.is_empty() {
        return Err(nothing(copies.len()));
    }
    let steps = wanted.iter().map(|copy| step(copy, size(copy))).collect();
    let undo = Undo::Needless("the indexes have the same entries, in new files".to_owned());
    let mut plan = Plan::new(title, steps, undo);
    plan.pace = inputs.pace();
    for copy in &wanted {
        let mode = if copy.exclusion {
            Mode::AccessExclusive
        } else {
            Mode::ShareUpdateExclusive
        };
        plan = plan.touching(copy.part, copy.name.clone(), mode);
    }
    if !small.is_empty() {
        let left_out = text::plural(count(small.len()), "index");
        plan = plan.note(
            Level::Notice,
            format!("left out: {left_out} smaller than {}", text::bytes(least)),
        );
    }
    plan = disk(plan, &wanted, size);
    if wanted.iter().any(|copy| copy.exclusion) {
        plan = plan.wanting(Consent::Yes).note(
            Level::Warning,
            "PostgreSQL builds an exclusion constraint's index only under a lock: reads that use it and all writes wait meanwhile",
        );
    }
    if wanted.iter().any(|copy| !copy.exclusion) {
        plan = waits_long(plan).note(
            Level::Notice,
            "if it is stopped or fails, an invalid index NAME_ccnew stays on that chunk: drop-leftovers removes it",
        );
    }
    Ok(plan)
}

fn nothing(copies: usize) -> Refusal {
    if copies == 0 {
        return "it is on no chunk, so there is nothing to rebuild".into();
    }
    Refusal::new(format!(
        "{} smaller than at_least_kb: there is nothing to rebuild",
        if copies == 1 {
            "it is"
        } else {
            "all its chunks' indexes are"
        }
    ))
    .offering("reindex them anyway", vec![("at_least_kb", "0".to_owned())])
}

fn step(copy: &Copy, bytes: Option<i64>) -> Step {
    let label = format!("reindex {}", copy.name);
    // PostgreSQL cannot rebuild the index of an exclusion constraint concurrently.
    if copy.exclusion {
        let run = vec![statement(format!("REINDEX INDEX {}", copy.name))];
        return Step::new(label, run, Vec::new()).sized(bytes);
    }
    let run = vec![statement(format!(
        "REINDEX INDEX CONCURRENTLY {}",
        copy.name
    ))];
    Step::new(label, run, Vec::new()).plain().sized(bytes)
}

/// Note on the disk space needed at any time, and on the bytes written in total.
fn disk(plan: Plan, wanted: &[&Copy], size: impl Fn(&Copy) -> Option<i64>) -> Plan {
    let sizes: Option<Vec<i64>> = wanted.iter().map(|copy| size(copy)).collect();
    let words = match sizes {
        Some(sizes) => {
            let largest = sizes.iter().copied().max().unwrap_or(0);
            let all: i64 = sizes.iter().sum();
            format!(
                "needs room for a second copy of one index at a time, at most {}; reads the chunks, and writes at most about {} \
                 of indexes and as much WAL",
                text::bytes(largest),
                text::bytes(all)
            )
        }
        None => "needs room for a second copy of one index at a time; the sizes of the indexes could not be read, because of a lock".to_owned(),
    };
    plan.note(Level::Notice, words)
}
