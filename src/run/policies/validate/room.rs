//! Checks that there are enough locks, workers and disk space for the plan.

use anyhow::Result;

use crate::actions::setup::planned::Planned;
use crate::model::plan::Step;
use crate::model::setup::change::What;
use crate::model::setup::name::Name;
use crate::model::text::{self, plural};
use crate::screens::Screens;
use crate::server::session::Session;
use crate::server::validate::{self, Object};

use super::super::made::Made;
use super::check::{Checks, State};
use super::machine::Known;

/// Estimated number of locks that a statement takes on objects other than the table, the chunks, and their indexes.
const OTHER_LOCKS: i64 = 50;

/// Compares the largest number of locks that one step takes with the size of the lock table.
pub(super) fn locks(made: &Made, objects: &[Object], screens: &Screens, checks: &mut Checks) {
    let most = made
        .planned
        .iter()
        .map(|planned| locked(planned, made, objects));
    let most = most.max().unwrap_or_default();
    let figure = screens.server.rows().iter();
    let table = figure
        .filter(|row| row.name == "lock-table")
        .find_map(|row| row.bound);
    let Some(table) = table else {
        checks.add(State::Unknown, "lock table", "its size was not read");
        return;
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the number of locks is whole"
    )]
    let room = table as i64;
    let seen = format!(
        "a step takes at most {} locks; the lock table has room for {}",
        text::count(most),
        text::count(room)
    );
    if most <= room {
        checks.add(State::Ok, "lock table", seen);
    } else {
        let fix = "raise max_locks_per_transaction and restart, or drop chunks first";
        checks.add(State::Failed, "lock table", format!("{seen}: {fix}"));
    }
}

/// Estimated number of locks that a change takes: on the table, the chunks, and their indexes.
fn locked(planned: &Planned, made: &Made, objects: &[Object]) -> i64 {
    let of = &planned.change.of;
    let whole = matches!(
        planned.change.what,
        What::CreateIndex { .. }
            | What::DropIndex { .. }
            | What::DropAggregate
            | What::EnableCompression(_)
            | What::EditCompression(_)
            | What::DisableCompression
    );
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let touched = count(planned.plan.as_ref().map_or(0, |plan| plan.touches.len()));
    let chunks = objects.iter().find(|object| object.is(of));
    let chunks = chunks.map_or(0, |object| object.chunks);
    let indexes = made.present.indexes.get(of);
    let indexes = indexes.map_or(0, std::collections::BTreeMap::len);
    let each = count(indexes).saturating_add(2);
    let of_chunks = if whole {
        chunks.saturating_mul(each)
    } else {
        0
    };
    touched.max(of_chunks).saturating_add(OTHER_LOCKS)
}

/// Compares the number of policies that the plan starts with the number of free workers.
pub(super) fn workers(made: &Made, screens: &Screens, checks: &mut Checks) {
    let starts = made.planned.iter().filter(|planned| {
        let what = &planned.change.what;
        match what {
            What::AddCompress(policy) | What::AddRetain(policy) => policy.scheduled,
            What::AddRefresh(refresh) => refresh.scheduled,
            What::AddReorder(_) | What::Resume(_) => true,
            _ => false,
        }
    });
    let starts = i64::try_from(starts.count()).unwrap_or(i64::MAX);
    let mut figures = screens.server.rows().iter();
    let workers = figures.find(|row| row.name == "workers");
    // The Jobs screen also knows PostgreSQL's own limit of workers. If the Jobs screen was not read, only TimescaleDB's limit is used.
    let all = screens
        .jobs
        .rows()
        .first()
        .and_then(|job| job.workers.all());
    #[expect(clippy::cast_precision_loss, reason = "the number of workers is small")]
    let all = all.map(|all| all as f64);
    let free = workers.and_then(|row| Some((all.or(row.bound)? - row.value?).max(0.0)));
    let Some(free) = free else {
        checks.add(
            State::Unknown,
            "workers for the plan",
            "the number of free workers is unknown",
        );
        return;
    };
    let policies = plural(starts, "policy");
    let seen = format!("the plan starts {policies}; number of free workers now: {free:.0}");
    #[expect(
        clippy::cast_precision_loss,
        reason = "the number of policies is small"
    )]
    let seen = if starts as f64 > free && free >= 1.0 {
        format!("{seen}, so some policies must wait for others")
    } else {
        seen
    };
    checks.add(
        State::of(starts == 0 || free >= 1.0),
        "workers for the plan",
        seen,
    );
}

/// Compares the bytes that the plan may write with the free space of the disks.
pub(super) async fn disk(
    session: &Session,
    made: &Made,
    machine: &Known,
    checks: &mut Checks,
) -> Result<()> {
    let mut names: Vec<Name> = made
        .planned
        .iter()
        .filter(|planned| writes(&planned.change.what))
        .map(|planned| planned.change.of.clone())
        .collect();
    names.sort();
    names.dedup();
    let sizes = match validate::sizes(session, &names).await {
        Ok(sizes) => sizes,
        Err(_) if session.connected.client.is_closed() => anyhow::bail!("the connection was lost"),
        Err(error) => {
            checks.add(
                State::Unknown,
                "disk",
                format!("the sizes are unknown: {error:#}"),
            );
            return Ok(());
        }
    };
    let (mut needed, mut spaces) = (0_i64, Vec::<String>::new());
    for planned in &made.planned {
        let of = &planned.change.of;
        let size = sizes
            .iter()
            .find(|size| size.schema == of.schema && size.name == of.name);
        let Some(size) = size else { continue };
        let bytes = match &planned.change.what {
            // We assume that the new index is at most as large as the rows, and sorting the rows needs the same space again.
            What::CreateIndex { .. } => size.heap_bytes.saturating_mul(2),
            // The rows are copied into chunks.
            What::CreateHypertable { .. } if size.heap_bytes > 0 => size.total_bytes,
            What::CreateHypertable { .. } => 0,
            // If duplicates share one index on a chunk, the remaining duplicate gets an index of its own on this chunk.
            _ => {
                let steps = planned.plan.iter().flat_map(|plan| &plan.steps);
                let builds =
                    |step: &&Step| step.run.iter().any(|run| run.sql.starts_with("CREATE"));
                steps.filter(builds).map(|step| step.bytes).sum()
            }
        };
        needed = needed.saturating_add(bytes);
        spaces.extend(size.tablespaces.iter().cloned());
    }
    spaces.sort();
    spaces.dedup();
    judge(needed, &spaces, machine, checks);
    Ok(())
}

fn writes(what: &What) -> bool {
    matches!(
        what,
        What::CreateIndex { .. } | What::CreateHypertable { .. } | What::DropIndex { .. }
    )
}

fn judge(needed: i64, spaces: &[String], machine: &Known, checks: &mut Checks) {
    if needed == 0 {
        checks.add(State::Ok, "disk", "the plan writes no table and no index");
        return;
    }
    let need = format!("the plan may write {}", text::bytes(needed));
    let (mut state, mut seen) = (State::Ok, Vec::new());
    for space in spaces {
        match machine.free(space) {
            Ok((free, place)) => {
                state = state.max(State::of(free >= needed));
                seen.push(format!("{} are free ({place})", text::bytes(free)));
            }
            Err(why) => {
                state = state.max(State::Unknown);
                seen.push(why);
            }
        }
    }
    checks.add(state, "disk", format!("{need}; {}", seen.join("; ")));
}
