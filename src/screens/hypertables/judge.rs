//! Findings of a hypertable, or of a plain table that could be a hypertable.

use std::fmt::Write;

use super::advice::{Size, part};
use super::row::{Created, HypertableKind, Plain, Row};
use crate::model::thresholds::percent;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::version::Version;
use crate::model::{rules, text, thresholds};
use crate::server::known::At;

pub(super) fn verdict(row: &Row, limits: &thresholds::Limits, version: Version) -> Verdict {
    if let Some(plain) = &row.plain {
        return candidate(row, plain);
    }
    let mut findings = Findings::default();
    judge_policies(row, version, &mut findings);
    judge_size(row, limits, &mut findings);
    judge_locks(row, limits.lock_table_percent, &mut findings);
    findings.verdict(healthy(row, limits))
}

/// Findings for failing and paused policies; the Jobs screen has the details.
fn judge_policies(row: &Row, version: Version, findings: &mut Findings) {
    let fails = |created: &&Created| created.of.fails(version).is_some();
    let created = row.policies.by_creation.iter().filter(fails);
    let hopeless: Vec<i32> = created.map(|created| created.job).collect();
    let mut add = |rule, level, job: i32, reason: String| {
        let finding = Finding::new(rule, level, reason).of_job(job);
        findings.push(if hopeless.contains(&job) {
            finding.fixed_by(Some("remove-retention-policy"))
        } else {
            finding
        });
    };
    for job in &row.policies.failing {
        let reason =
            format!("one of its policies fails (job {job}): the Jobs screen shows the error");
        add(&rules::JOB_FAILING, Level::Warning, *job, reason);
    }
    for job in &row.policies.paused {
        let reason = format!("one of its policies is paused (job {job})");
        add(&rules::JOB_PAUSED, Level::Notice, *job, reason);
    }
}

/// Text with the size of the advised interval, and the statement that sets the interval. The statement affects new chunks only, so nothing
/// is rewritten.
fn advice(row: &Row, advised: Option<i64>) -> String {
    let Some(advised) = advised else {
        return String::new();
    };
    let arithmetic = row.arithmetic(advised).unwrap_or_default();
    format!(
        "; the advised interval takes {arithmetic}: run set_chunk_time_interval('{}', {}) for new chunks",
        row.full_name().replace('\'', "''"),
        row.interval_sql(advised)
    )
}

fn judge_size(row: &Row, limits: &thresholds::Limits, findings: &mut Findings) {
    let (Some(bytes), Some(interval)) = (row.interval_bytes(), row.interval) else {
        return;
    };
    // Until the exact size is known, the size is an estimate from the last VACUUM or ANALYZE.
    let about = match row.window() {
        Some(window) if window.about => "about ",
        _ => "",
    };
    let full = format!("{about}{}", text::bytes(bytes));
    let interval = row.interval_text(interval);
    let chunks = text::count(row.chunks);
    let (rule, level, said, advised) = match row.size_of_chunks(limits) {
        Size::Fits => return,
        Size::TooLarge { advised } => {
            let percent = limits.memory_percent;
            let said = format!(
                "chunks too large for memory: an interval of {interval} takes {full} with its indexes, more than {} of effective_cache_size ({}), so the newest rows do not stay in memory",
                part(percent),
                row.limits.room_words(percent)
            );
            (&rules::CHUNKS_LARGE, Level::Warning, said, advised)
        }
        Size::TooSmall { advised } => {
            let small = format!("{about}{}", text::bytes(bytes / row.partitions()));
            let said = format!(
                "{chunks} small chunks of {small} each (interval {interval}): query planning gets slower with every chunk"
            );
            (&rules::CHUNKS_SMALL, Level::Notice, said, advised)
        }
        Size::TooMany { advised } => {
            let said = format!(
                "{chunks} chunks, more than needed: an interval of {interval} takes only {full}, and query planning gets slower with every chunk"
            );
            (&rules::CHUNKS_MANY, Level::Notice, said, advised)
        }
    };
    let finding = Finding::new(rule, level, format!("{said}{}", advice(row, advised)));
    findings.push(match advised {
        Some(advised) => finding.setting("interval", row.interval_typed(advised)),
        None => finding,
    });
}

fn judge_locks(row: &Row, most: f64, findings: &mut Findings) {
    let slots = row.limits.lock_slots();
    let Some(locks) = row.locks().filter(|locks| percent(*locks, slots) > most) else {
        return;
    };
    let limits = &row.limits;
    let said = format!(
        "a statement on all chunks (a query without a time bound, ALTER TABLE, DROP INDEX) takes up to {} locks ({} chunks x (1 + {}){}), and the lock table has {} (max_locks_per_transaction {} x ({} connections + {} prepared))",
        text::count(locks),
        text::count(row.chunks),
        text::plural(row.indexes, "index"),
        if row.compressed > 0 {
            format!(" + 2 x {} compressed", text::count(row.compressed))
        } else {
            String::new()
        },
        text::count(slots),
        limits.locks_each,
        limits.connections,
        limits.prepared
    );
    let fix = format!(
        "set max_locks_per_transaction to {} and restart, or reduce the number of chunks",
        limits.locks_each_for(locks, most)
    );
    if locks > slots {
        findings.add(
            &rules::CHUNKS_LOCKS,
            Level::Warning,
            format!("{said}: the statement can fail with \"out of shared memory\"; {fix}"),
        );
    } else {
        findings.add(
            &rules::CHUNKS_LOCKS,
            Level::Notice,
            format!("{said}: that is more than {most} % of the lock table; {fix}"),
        );
    }
}

fn healthy(row: &Row, limits: &thresholds::Limits) -> String {
    let chunks = text::plural(row.chunks, "chunk");
    let mut said = match (row.interval, row.interval_bytes()) {
        (Some(interval), Some(bytes)) => format!(
            "{chunks}; an interval of {} takes {}, within {} of memory ({})",
            row.interval_text(interval),
            text::bytes(bytes),
            part(limits.memory_percent),
            text::bytes(row.limits.room(limits.memory_percent))
        ),
        (Some(interval), None) if row.window.is_none() => format!(
            "{chunks} of {}; no chunk is full yet, so their size is not judged",
            row.interval_text(interval)
        ),
        _ => format!("{chunks}; the size of a full chunk is unknown"),
    };
    if let (Some(locks), Some(percent)) = (row.locks(), row.lock_percent()) {
        let locks = text::count(locks);
        let _ = write!(
            said,
            "; a statement on all chunks takes up to {locks} locks, {percent} of the lock table"
        );
    }
    if row.kind == HypertableKind::Hypertable
        && row.policy_letters() == crate::model::value::Value::Null
    {
        said.push_str("; no policy");
    }
    said
}

/// Notice for a large plain table: how to make it a hypertable, and what must be changed before that.
fn candidate(row: &Row, plain: &Plain) -> Verdict {
    let name = row.full_name();
    let column = row.column.as_deref().unwrap_or_default();
    let size = row.size().show(crate::model::moment::Stamp(0));
    let rows = plain.tuples.map_or_else(String::new, |tuples| {
        format!(", about {} rows", text::count(tuples))
    });
    let mut said = format!(
        "a plain table of {size}{rows} with a time column {}: as a hypertable, its rows could be compressed, and dropped by age. \
         create_hypertable('{}', '{}', migrate_data => true) converts it, but holds an ACCESS EXCLUSIVE lock until all rows are copied, so reads and writes wait. Or copy the rows in parts into a new hypertable",
        text::quote_identifier(column),
        name.replace('\'', "''"),
        column.replace('\'', "''")
    );
    if !plain.not_null {
        said.push_str("; the column becomes NOT NULL, so no row may have NULL there");
    }
    if !plain.unique_without.is_empty() {
        let (column, names) = (
            text::quote_identifier(column),
            plain.unique_without.join(", "),
        );
        let _ = write!(
            said,
            "; before the conversion, add {column} to these unique indexes: {names}"
        );
    }
    if plain.referenced > 0 {
        let keys = text::plural(plain.referenced, "foreign key");
        let refer = if plain.referenced == 1 {
            "refers"
        } else {
            "refer"
        };
        let _ = write!(
            said,
            "; before the conversion, drop {keys} that {refer} to the table, because referenced rows cannot be migrated"
        );
    }
    Verdict::of(&rules::HYPERTABLE_CANDIDATE, Level::Notice, said)
}

pub(super) fn caveats(rows: &[Row], at: &At) -> Vec<String> {
    let mut caveats = Vec::new();
    let Some(limits) = rows.first().map(|row| row.limits) else {
        return caveats;
    };
    let advises = rows
        .iter()
        .any(|row| row.size_of_chunks(&at.limits(&row.full_name())) != Size::Fits);
    if limits.memory_default && advises {
        caveats.push(format!(
            "effective_cache_size has its default ({}): advice on chunk sizes is right only if this value matches the server's memory",
            text::bytes(limits.memory_bytes)
        ));
    }
    let all = rows.iter().filter(|row| row.growth() != Some(0));
    let sum: i64 = all.filter_map(Row::interval_bytes).sum();
    let percent = at.server.thresholds.all.memory_percent;
    if sum > limits.room(percent) && rows.len() > 1 {
        caveats.push(format!(
            "the newest chunks of all hypertables take {} in all, more than {} ({} of effective_cache_size)",
            text::bytes(sum),
            text::bytes(limits.room(percent)),
            part(percent)
));
    }
    if rows.iter().any(|row| row.exact.error().is_some()) {
        caveats.push(
            "sizes with ~ are estimates, because exact sizes could not be read: the details of a row show the error"
                .to_owned(),
        );
    }
    caveats
}
