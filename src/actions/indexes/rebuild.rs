//! Completes an index that is missing on some chunks, or whose build failed.

use super::facts::{BY_SHAPE, Index, Making, NAME, count, short, statement, waits_long};
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Form, Inputs};
use crate::model::plan::{Consent, Mode, Plan, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;

#[expect(
    clippy::unnecessary_wraps,
    reason = "all functions that make forms have this type"
)]
pub(super) fn form(_: &Context) -> Result<Form, Refusal> {
    Ok(Form::default().paced())
}

pub(super) fn missing(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let index: Index = context.read()?;
    if let Some(refusal) = refused(context, &index) {
        return Err(refusal);
    }
    let plan = if context.at.server.sql_version() < BY_SHAPE {
        swap(&index)?
    } else if index.valid {
        complete(context, &index)?
    } else {
        again(context, &index)?
    };
    let mut plan = plan.touching(
        index.table_oid,
        index.table.clone(),
        if index.valid && context.at.server.sql_version() >= BY_SHAPE {
            Mode::AccessShare
        } else {
            Mode::AccessExclusive
        },
    );
    plan.pace = inputs.pace();
    Ok(plan.note(
        Level::Notice,
        "the size of the new indexes is unknown beforehand",
    ))
}

fn refused(context: &Context, index: &Index) -> Option<Refusal> {
    let name = index.qualified();
    if !index.hypertable {
        return Some(
            format!("{name} is not a hypertable's index, so it cannot be missing on a chunk (if it is invalid, reindex-index fixes it)").into(),
        );
    }
    if context.at.server.simulated {
        return Some(super::facts::SIMULATED.into());
    }
    if let Some(refusal) = index.in_build() {
        return Some(refusal);
    }
    if index.valid && index.lacking().is_empty() && index.copies.iter().all(|copy| copy.valid) {
        return Some(format!("{name} is valid, and on every chunk of {}", index.table).into());
    }
    if let Some(constraint) = &index.constraint {
        let table = index.lacking().first().map_or("chunk", |part| &part.name);
        return Some(
            format!(
                "the constraint {} uses {name}, so an index alone is not enough: \
                 drop the constraint and add it again, or ALTER TABLE {table} ADD CONSTRAINT ... on each chunk",
                constraint.name
            )
            .into(),
        );
    }
    (index.unique && index.compressing).then(|| {
        Refusal::new(format!(
            "TimescaleDB {} cannot create a unique index on a hypertable with compression enabled (2.22 and later can)",
            context.at.server.sql_version()
        ))
    })
}

/// Builds the index on the chunks where it is missing, and reindexes invalid chunk indexes. From 2.22 on, any index of a chunk that has the
/// same definition counts as part of the hypertable's index.
fn complete(context: &Context, index: &Index) -> Result<Plan, Refusal> {
    let lacking = index.lacking();
    let mut steps = Vec::new();
    for part in &lacking {
        let label = format!("index {}", part.name);
        steps.push(index.on_chunk(part, &index.bare, label)?);
    }
    for copy in index.copies.iter().filter(|copy| !copy.valid) {
        let run = vec![statement(format!(
            "REINDEX INDEX CONCURRENTLY {}",
            copy.name
        ))];
        let step = Step::new(format!("reindex {}", copy.name), run, Vec::new()).plain();
        steps.push(step.sized(context.bytes([copy.oid])));
    }
    let undo = if lacking.is_empty() {
        Undo::Needless("the invalid indexes become valid".to_owned())
    } else {
        Undo::Exact("the index is missing on those chunks again".to_owned())
    };
    let chunks = text::plural(count(steps.len()), "chunk");
    let mut plan = Plan::new(
        format!("Build {} of {} on {chunks}", index.name, index.table),
        steps,
        undo,
    )
    .changing(&["/lacking"]);
    for (step, part) in lacking.iter().enumerate() {
        let mode = Mode::ShareUpdateExclusive;
        plan = plan.touching_in(step, part.oid, part.name.clone(), mode);
    }
    Ok(waits_long(plan).note(
        Level::Notice,
        "if a build is stopped or fails, an invalid index stays on that chunk: run rebuild-missing again to complete it",
    ))
}

/// Builds a new index that replaces the old one. Up to 2.21, only TimescaleDB itself can attach a chunk's index to the hypertable's index,
/// so a missing chunk index cannot be added.
fn swap(index: &Index) -> Result<Plan, Refusal> {
    let numbered = (1..).map(|number| format!("{}_new{number}", short(&index.bare, NAME - 7)));
    let name = std::iter::once(format!("{}_new", short(&index.bare, NAME - 4)))
        .chain(numbered)
        .find(|name| !index.news.contains(name))
        .unwrap_or_default();
    let name = text::quote_identifier(&name);
    let per_chunk = !index.unique && !index.exclusion;
    let sql = index.create(Making {
        per_chunk,
        name: Some(&name),
        ..Making::default()
    })?;
    let mut change = vec![
        statement(format!("DROP INDEX {}", index.qualified())),
        statement(format!(
            "ALTER INDEX {}.{name} RENAME TO {}",
            index.schema, index.name
        )),
    ];
    change.extend(index.attributes());
    let build = Step::new(
        format!("build {name} on all chunks"),
        vec![statement(sql)],
        Vec::new(),
    );
    let steps = vec![
        if per_chunk { build.plain() } else { build },
        Step::new(
            format!("{name} replaces {}", index.name),
            change,
            Vec::new(),
        ),
    ];
    Ok(whole(index, steps).note(
        Level::Warning,
        format!(
            "up to TimescaleDB 2.21 an index created on one chunk does not belong to the hypertable's index. So {name} is built on all {}, and replaces the old index; if the build is interrupted, drop-index removes {name}",
            text::plural(count(index.parts.len()), "chunk")
        ),
    ))
}

/// Drops an invalid index and creates it again. It cannot be made valid in another way.
fn again(context: &Context, index: &Index) -> Result<Plan, Refusal> {
    let (back, plain) = index.bring_back(context)?;
    let dropped = statement(format!("DROP INDEX {}", index.qualified()));
    let steps = if plain {
        let made = Step::new(
            format!("build {} on all chunks", index.name),
            back,
            Vec::new(),
        );
        vec![
            Step::new(format!("drop {}", index.name), vec![dropped], Vec::new()),
            made.plain(),
        ]
    } else {
        let run = std::iter::once(dropped).chain(back).collect();
        vec![Step::new(
            format!("rebuild {}", index.name),
            run,
            Vec::new(),
        )]
    };
    Ok(whole(index, steps).note(
        Level::Warning,
        format!(
            "{} itself is invalid, which cannot be repaired: it is dropped and created again from its definition",
            index.name
        ),
    ))
}

fn whole(index: &Index, steps: Vec<Step>) -> Plan {
    let title = format!("Rebuild {} of {}", index.name, index.table);
    let undo = Undo::Needless(
        "the rebuild only makes the index complete; drop-index removes it".to_owned(),
    );
    let mut plan = Plan::new(title, steps, undo).wanting(Consent::Yes);
    for part in &index.parts {
        plan = plan.touching(part.oid, part.name.clone(), Mode::AccessExclusive);
    }
    plan.note(
        Level::Notice,
        "writes to a chunk wait while its index is built; at the end all reads and writes wait for a moment",
    )
}
