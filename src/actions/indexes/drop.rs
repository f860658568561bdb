//! Drops unused indexes, duplicates, and leftovers of an interrupted REINDEX.

use super::facts::{BY_SHAPE, Index, Leftover, Part, Twin, count, statement};
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Form, Inputs};
use crate::model::plan::{Consent, Mode, Plan, Statement, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

pub(super) fn leftovers(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let index: Index = context.read()?;
    let (busy, idle): (Vec<&Leftover>, Vec<&Leftover>) = index
        .leftovers
        .iter()
        .partition(|leftover| leftover.pid.is_some());
    if idle.is_empty() {
        return Err(match busy.first() {
            None => format!(
                "there is no invalid _ccnew or _ccold index on {} or its chunks",
                index.table
            ),
            Some(first) => format!(
                "{} belongs to a reindex that is running in session {}: wait for its end, or stop it",
                first.name,
                first.pid.unwrap_or_default()
            ),
        }
        .into());
    }
    let step = |leftover: &&Leftover| {
        let run = vec![statement(format!(
            "DROP INDEX CONCURRENTLY {}",
            leftover.name
        ))];
        Step::new(format!("drop {}", leftover.name), run, Vec::new())
            .plain()
            .sized(context.bytes([leftover.oid]))
    };
    let undo = Undo::Needless("no query can use an invalid index".to_owned());
    let title = format!(
        "Drop {} on {}",
        text::plural(count(idle.len()), "leftover"),
        index.table
    );
    let mut plan = Plan::new(title, idle.iter().map(step).collect(), undo).wanting(Consent::Yes);
    plan.lock_timeout_seconds = 60;
    for leftover in &idle {
        plan = plan.touching(
            leftover.table_oid,
            leftover.table.clone(),
            Mode::ShareUpdateExclusive,
        );
    }
    if let Some(bytes) = context.bytes(idle.iter().map(|leftover| leftover.oid)) {
        plan = plan.note(Level::Notice, format!("frees {}", text::bytes(bytes)));
    }
    for leftover in &busy {
        plan = plan.note(
            Level::Notice,
            format!(
                "{} stays: session {} is building it",
                leftover.name,
                leftover.pid.unwrap_or_default()
            ),
        );
    }
    Ok(plan)
}

/// The form has fields for the pace only if indexes must first be built on chunks.
pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let index: Index = context.read()?;
    Ok(match shared(context, &index).len() {
        0 => Form::default(),
        _ => Form::default().paced(),
    })
}

pub(super) fn index(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let index: Index = context.read()?;
    if let Some(refusal) = index
        .untouchable()
        .or_else(|| needed(&index))
        .or_else(|| index.in_build())
    {
        return Err(refusal);
    }
    if index.hypertable && context.at.server.simulated {
        return Err(super::facts::SIMULATED.into());
    }
    let undo = undo_of_drop(context, &index);
    let shared = shared(context, &index);
    let mut steps = Vec::new();
    if let Some(survivor) = index.twins.first() {
        for part in &shared {
            let copies = index.copies.iter().filter(|copy| copy.part == part.oid);
            let bytes = context.bytes(copies.map(|copy| copy.oid));
            steps.push(keep(&index, survivor, part)?.sized(bytes));
        }
    }
    steps.push(drop_step(context, &index, &undo)?);
    let mut plan = Plan::new(
        format!("Drop {} of {}", index.name, index.table),
        steps,
        undo,
    )
    .changing(&[
        "/definition",
        "/comment",
        "/tablespace",
        "/replica_identity",
        "/clustered",
        "/extensions",
    ])
    .wanting(Consent::Yes)
    .touching(index.table_oid, index.table.clone(), Mode::AccessExclusive);
    if index.hypertable || index.partitioned {
        for part in &index.parts {
            plan = plan.touching(part.oid, part.name.clone(), Mode::AccessExclusive);
        }
    }
    plan = remarks(context, plan, &index);
    match index.twins.first() {
        Some(survivor) if !shared.is_empty() => {
            survivors(context, plan, inputs, &index, survivor, &shared)
        }
        _ => Ok(plan),
    }
}

/// Adds the pace, the lock timeout and a note, because the first steps build indexes of the remaining duplicate on chunks.
fn survivors(
    context: &Context,
    mut plan: Plan,
    inputs: &Inputs,
    index: &Index,
    survivor: &Twin,
    shared: &[&Part],
) -> Result<Plan, Refusal> {
    plan.pace = inputs.pace();
    if plan.pace.go_on {
        let why = "on_error: if the build on a chunk fails, the drop that follows would leave that chunk without an index";
        return Err(Refusal::new(why).offering(
            "stop at the first failure",
            vec![("on_error", "stop".to_owned())],
        ));
    }
    // 30 s is a compromise: CREATE INDEX CONCURRENTLY may wait for a long time, but DROP INDEX blocks readers and writers while it waits.
    plan.lock_timeout_seconds = 30;
    let parts: std::collections::HashSet<i64> = shared.iter().map(|part| part.oid).collect();
    let copies = index
        .copies
        .iter()
        .filter(|copy| parts.contains(&copy.part));
    let room = context
        .bytes(copies.map(|copy| copy.oid))
        .map_or_else(String::new, |bytes| {
            format!(
                " (which takes {} more disk space until the drop)",
                text::bytes(bytes)
            )
        });
    Ok(plan.note(
        Level::Warning,
        format!(
            "on {} the duplicates share one index (TimescaleDB 2.22 and later), so {} first gets an index of its own there{room}",
            text::plural(count(shared.len()), "chunk"),
            survivor.name
        ),
    ))
}

/// The undo of a drop: build the index again, if that is possible.
fn undo_of_drop(context: &Context, index: &Index) -> Undo {
    let version = context.at.server.sql_version();
    if index.unique && index.compressing {
        return Undo::Never(format!(
            "TimescaleDB {version} cannot create a unique index on a hypertable with compression enabled, so {} could not be created again (2.22 and later can)",
            index.name
        ));
    }
    let mut lost = Vec::new();
    let lacking = count(index.lacking().len());
    if !index.valid {
        lost.push("it is invalid now, and will be valid".to_owned());
    }
    if lacking > 0 && index.hypertable {
        let chunks = text::plural(lacking, "chunk");
        lost.push(format!(
            "it will also be on the {chunks} where it is missing now"
        ));
    }
    if index.statistics {
        lost.push("the statistics targets of its expressions are lost".to_owned());
    }
    if index.elsewhere > 0 {
        let copies = text::plural(index.elsewhere, "copy");
        lost.push(format!(
            "the undo may create {copies} in another tablespace than now, because the server chooses it"
        ));
    }
    if index.adorned > 0 {
        let copies = text::plural(index.adorned, "copy");
        lost.push(format!(
            "the comments, storage parameters, CLUSTER and DEPENDS ON EXTENSION of {copies} on chunks or partitions are lost"
        ));
    }
    if index.partitioned {
        lost.push("the indexes of the partitions get names that PostgreSQL chooses".to_owned());
    }
    let again = "the index is built again from its definition; its scan count starts at zero";
    if lost.is_empty() {
        Undo::Exact(again.to_owned())
    } else {
        Undo::Partly(format!("{again}; {}", lost.join("; ")))
    }
}

/// Refuses if an object depends on the index, and says how to remove that object first.
fn needed(index: &Index) -> Option<Refusal> {
    let name = index.qualified();
    if index.chunk {
        return Some(
            format!("{name} is an index of a chunk: drop the hypertable's index, which also drops this one")
                .into(),
        );
    }
    if let Some(constraint) = &index.constraint {
        let kind = match constraint.kind.as_str() {
            "p" => "primary key",
            "u" => "unique constraint",
            _ => "exclusion constraint",
        };
        return Some(
            format!(
                "the {kind} {} uses {name}, which is dropped only with it:\nALTER TABLE {} DROP CONSTRAINT {}",
                constraint.name, index.table, constraint.name
            )
            .into(),
        );
    }
    if index.child {
        return Some(format!("{name} is a partition of another index: drop that index").into());
    }
    if let Some(keys) = &index.referenced_by {
        return Some(
            format!("foreign keys rely on {name}: {keys}; drop them first (ALTER TABLE ... DROP CONSTRAINT ...)").into(),
        );
    }
    index.reorder_job.map(|job| {
        format!("the reorder policy, job {job}, sorts chunks by {name}: delete the job first")
            .into()
    })
}

/// The chunks on which the index and its duplicates share one index.
fn shared<'a>(context: &Context, index: &'a Index) -> Vec<&'a Part> {
    if index.twins.is_empty() || !index.hypertable || context.at.server.sql_version() < BY_SHAPE {
        return Vec::new();
    }
    let mut copies = std::collections::HashMap::<i64, usize>::new();
    for copy in index.copies.iter().filter(|copy| copy.valid) {
        *copies.entry(copy.part).or_default() += 1;
    }
    index
        .parts
        .iter()
        .filter(|part| copies.get(&part.oid) == Some(&1))
        .collect()
}

/// Step that gives the duplicate an index of its own on a chunk.
fn keep(index: &Index, twin: &Twin, part: &Part) -> Result<Step, Refusal> {
    let label = format!("index {} for {}", part.name, twin.name);
    index.on_chunk(part, &twin.bare, label)
}

fn drop_step(context: &Context, index: &Index, undo: &Undo) -> Result<Step, Refusal> {
    let mut run = guard(index);
    run.push(statement(format!("DROP INDEX {}", index.qualified())));
    let label = format!("drop {}", index.qualified());
    let bytes = context.bytes(index.copies.iter().map(|copy| copy.oid));
    if matches!(undo, Undo::Never(_)) {
        return Ok(Step::new(label, run, Vec::new()).sized(bytes));
    }
    let (back, plain) = index.bring_back(context)?;
    let mut step = Step::new(label, run, back).sized(bytes);
    step.undo_plain = plain;
    Ok(step)
}

/// Statements that fail if the duplicate is gone, or if chunks were created or dropped since the preview. Empty: the index has no
/// duplicate.
fn guard(index: &Index) -> Vec<Statement> {
    let Some(twin) = index.twins.first() else {
        return Vec::new();
    };
    let lit = text::quote_literal;
    let survivor = format!("{}.{}", index.schema, twin.name);
    let mut checks = format!(
        "if to_regclass({}) is null then raise exception using message = {}; end if;",
        lit(&survivor),
        lit(&format!(
            "{survivor} should stay, but no longer exists: nothing was dropped"
        ))
    );
    let mut guard = Vec::new();
    if index.hypertable {
        let (table, chunks) = (lit(&index.table), index.parts.len());
        checks = format!(
            "{checks} if (select count(*) from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relkind = 'r' \
             where i.inhparent = {table}::regclass) <> {chunks} then \
             raise exception 'chunks were created or dropped meanwhile: no index was dropped; preview it again'; end if;"
        );
        guard.push(statement(format!(
            "LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE",
            index.table
        )));
    }
    guard.push(statement(format!(
        "DO {}",
        lit(&format!("begin {checks} end"))
    )));
    guard
}

/// Bytes that the drop frees. `None`: unknown. From 2.22 on, duplicates can share one index on a chunk. That index is dropped only with the
/// last duplicate, so such a chunk counts as zero. On a chunk that has several of these indexes, the smallest one counts.
fn freed(context: &Context, index: &Index) -> Option<i64> {
    if index.twins.is_empty() || context.at.server.sql_version() < BY_SHAPE {
        return context.bytes(index.copies.iter().map(|copy| copy.oid));
    }
    let mut parts = std::collections::HashMap::<i64, Vec<i64>>::new();
    for copy in &index.copies {
        let bytes = context.bytes([copy.oid])?;
        parts.entry(copy.part).or_default().push(bytes);
    }
    let one = |sizes: &Vec<i64>| sizes.iter().min().copied().filter(|_| sizes.len() > 1);
    Some(parts.values().filter_map(one).sum())
}

fn remarks(context: &Context, mut plan: Plan, index: &Index) -> Plan {
    if let Some(bytes) = freed(context, index) {
        let words = match bytes {
            0 => "frees no space: all its chunk indexes are shared".to_owned(),
            bytes => format!("frees about {}", text::bytes(bytes)),
        };
        plan = plan.note(Level::Notice, words);
    }
    if let Some(twin) = index.twins.first() {
        plan = plan.note(
            Level::Notice,
            format!(
                "the duplicate {} differs only in its name, and stays",
                twin.name
            ),
        );
    } else if index.unique {
        plan = plan.note(
            Level::Warning,
            "its columns will no longer be kept unique, and the undo fails if there are duplicate rows by then",
        );
    }
    if index.replica_identity {
        plan = plan.note(
            Level::Warning,
            "it is the table's replica identity, without which logical replication of UPDATE and DELETE fails",
        );
    }
    if index.clustered {
        plan = plan.note(Level::Notice, "CLUSTER uses this index");
    }
    if context.at.server.sql_version() < Version::new(2, 14)
        && context.at.server.timescaledb.is_some()
        && index.hypertable
        && index.compressing
        && index
            .definition
            .as_deref()
            .is_some_and(|text| text.contains("(("))
    {
        plan = plan.note(
            Level::Warning,
            "TimescaleDB 2.11 (perhaps up to 2.13) can crash the server if a compressed hypertable has an expression index, and the undo would create one: undo this only if the risk is acceptable",
        );
    }
    plan
}
