//! Findings of an index.

use std::fmt::Write;

use crate::model::thresholds::exceeds;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::version::Version;
use crate::model::{rules, text, thresholds};
use crate::screens::cells;
use crate::screens::indexes::row::{Row, TableKind, counted_since};
use crate::server::known::At;

pub(super) fn verdict(row: &Row, at: &At) -> Verdict {
    let mut findings = Findings::default();
    note_build(row, &mut findings);
    if row.building.is_none() {
        judge_validity(row, &mut findings);
        judge_chunks(row, &mut findings);
        judge_duplicates(row, at, &mut findings);
        judge_use(row, at, &mut findings);
        judge_bloat(row, at, &mut findings);
    }
    if let Some(error) = row.exact.error() {
        findings.add(
            &rules::INDEX_SIZE_UNKNOWN,
            Level::Ok,
            format!("its present size is unknown: {error}"),
        );
    }
    findings.verdict(healthy(row, at))
}

/// Title of the worst problem. Without a problem: whether the index is being built; otherwise `Null`.
pub(super) fn why(row: &Row, at: &At) -> Value {
    match (cells::why(&verdict(row, at)), row.builder()) {
        (Value::Null, Some(_)) => Value::text(rules::INDEX_BUILDING.title),
        (why, _) => why,
    }
}

/// Remark that another session is building the index, which is invalid until the build ends.
fn note_build(row: &Row, findings: &mut Findings) {
    let reason = match (row.building, &row.parts) {
        (Some(pid), Some(parts)) if row.kind.has_chunks() => {
            let of = text::plural(parts.with + parts.without, "chunk");
            format!("being built by pid {pid}: on {} of {of} so far", parts.with)
        }
        (Some(pid), _) if is_leftover(&row.name) => format!(
            "being built by pid {pid}: a REINDEX CONCURRENTLY, at whose end there is no index of this name any more"
        ),
        (Some(pid), _) => {
            format!("being built by pid {pid}; queries do not use it until the build ends")
        }
        (None, Some(parts)) => {
            let Some(pid) = parts.builder else { return };
            let places = text::plural(parts.being_built, row.kind.part());
            format!("being built by pid {pid} on {places}")
        }
        (None, None) => return,
    };
    findings.add(&rules::INDEX_BUILDING, Level::Ok, reason);
}

fn judge_validity(row: &Row, findings: &mut Findings) {
    let hyper = row.kind.has_chunks();
    if !row.root_valid {
        let (level, words, fix) = if is_leftover(&row.name) {
            (
                Level::Warning,
                "It is a leftover of an interrupted REINDEX CONCURRENTLY. Drop it",
                Some("drop-leftovers"),
            )
        } else if row.kind == TableKind::Partitioned {
            (
                Level::Critical,
                "Create it on every partition, and attach it (ALTER INDEX ... ATTACH PARTITION)",
                None,
            )
        } else if hyper {
            (
                Level::Critical,
                "Its build was interrupted. Drop it, and create it again",
                Some("rebuild-missing"),
            )
        } else if row.unique {
            (
                Level::Critical,
                "Remove duplicate rows, then REINDEX it",
                Some("reindex-index"),
            )
        } else {
            (
                Level::Critical,
                "REINDEX it, or drop it and create it again",
                Some("reindex-index"),
            )
        };
        let harm = if row.kind == TableKind::Partitioned {
            "some partitions do not have it, and queries cannot use it there"
        } else if hyper {
            "some chunks may not have it, and queries cannot use it there"
        } else {
            "queries do not use it, but every write updates it"
        };
        let reason = format!("invalid: {harm}. {words}");
        findings.push(Finding::new(&rules::INDEX_INVALID, level, reason).fixed_by(fix));
    }
    let Some(parts) = &row.parts else { return };
    if parts.invalid > 0 {
        let places = text::plural(parts.invalid, row.kind.part());
        findings.add(
            &rules::INDEX_INVALID,
            Level::Critical,
            format!(
                "invalid on {places}: queries there do not use it. Rebuild it there with REINDEX INDEX CONCURRENTLY"
            ),
        );
    }
    if parts.leftovers > 0 {
        let what = text::plural(parts.leftovers, "invalid leftover");
        let example = parts.leftover.as_deref().unwrap_or("_ccnew");
        findings.add(&rules::INDEX_LEFTOVERS,
            Level::Warning,
            format!("{what} of an interrupted REINDEX CONCURRENTLY on its chunks, such as {example}. Drop every leftover"),
        );
    }
}

/// Whether the index is left over from REINDEX CONCURRENTLY: its name ends with `_ccnew` or `_ccold` and digits.
fn is_leftover(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name.ends_with("_ccnew") || name.ends_with("_ccold")
}

fn judge_chunks(row: &Row, findings: &mut Findings) {
    let Some(parts) = &row.parts else { return };
    if parts.without > 0 {
        let of = parts.with + parts.without;
        findings.add(&rules::INDEX_MISSING,
            Level::Warning,
            format!(
                "{} of {of} {}: queries there read the whole chunk. Create it there, or drop the index and create it again",
                parts.without,
                if parts.without == 1 { "chunks does not have it" } else { "chunks do not have it" }
            ),
        );
    }
    if parts.unsure > 0 {
        findings.add(
            &rules::INDEX_UNSURE,
            Level::Notice,
            format!(
                "{} may belong to this index or to another index with the same definition, because neither index fits by name. Scans, sizes and missing chunks of this index are therefore guesses. Rename each to <chunk>_{} (ALTER INDEX ... RENAME TO), or drop the index and create it again",
                text::plural(parts.unsure, "chunk index"),
                row.name
            ),
        );
    }
}

fn judge_duplicates(row: &Row, at: &At, findings: &mut Findings) {
    if let Some(keeper) = &row.duplicate_of {
        let mut reason = format!("the same as {keeper}, which should stay: drop this index");
        if let Some(parts) = row.parts.as_ref().filter(|parts| parts.shared > 0) {
            let _ = write!(
                reason,
                " (on {} both indexes share one chunk index, and dropping either index drops the chunk index. Therefore drop-index first creates a new chunk index for {keeper})",
                text::plural(parts.shared, "chunk")
            );
        }
        if row.parts.is_some() && at.server.sql_version() >= Version::new(2, 22) {
            reason.push_str("; scans and bytes are counted for both indexes");
        }
        findings.add(&rules::INDEX_DUPLICATE, Level::Warning, reason);
    } else if let (Some(wider), None) = (&row.covered_by, row.needed()) {
        findings.add(
            &rules::INDEX_COVERED,
            Level::Notice,
            format!("{wider} begins with the same columns and can replace this index. Every write updates both indexes. Drop this index"),
        );
    }
}

fn judge_use(row: &Row, at: &At, findings: &mut Findings) {
    let limits = at.limits(&row.table_name());
    let compressed = serves_little(row, at, limits.compressed_index_percent);
    // An invalid index and a duplicate have findings of their own.
    if !compressed && row.unused(at) != Some(true) || !row.root_valid || row.duplicate_of.is_some()
    {
        return;
    }
    let since = counted_since(at);
    let age = counted_seconds(at);
    let young = is_early(row, at);
    let large = exceeds(row.known_bytes(), limits.unused_index_bytes);
    let never = match since {
        Some(_) => format!(
            "never scanned in the {} since statistics began",
            text::duration(age)
        ),
        None => "never scanned since statistics began".to_owned(),
    };
    let mut reason = if compressed {
        on_compressed(row, &never)
    } else {
        unscanned(row, &never)
    };
    reason.push_str(match (young, since, compressed) {
        (true, Some(_), _) => "; too short a time to judge",
        (true, None, _) => "; the server started recently. If it had crashed, the statistics began at this start, and it is too early to judge",
        (false, _, true) => ". Drop it, unless queries on uncompressed rows will need it",
        (false, _, false) => ". Drop it, unless rare queries need it",
    });
    // While the statistics are young, the level is Ok, because it is too early to judge.
    let level = match (young, large) {
        (true, _) => Level::Ok,
        (false, true) => Level::Warning,
        (false, false) => Level::Notice,
    };
    let rule = if compressed {
        &rules::INDEX_COMPRESSED
    } else {
        &rules::INDEX_UNUSED
    };
    findings.add(rule, level, reason);
}

/// Whether nearly all chunks with the index are compressed, no query has scanned the index, and nothing else needs it.
fn serves_little(row: &Row, at: &At, percent: f64) -> bool {
    let Some(parts) = row.parts.as_ref().filter(|parts| parts.with > 0) else {
        return false;
    };
    let compressed = parts.compressed.min(parts.with);
    at.server.track_counts
        && row.scans == 0
        && row.needed().is_none()
        && compressed > 0
        && thresholds::percent(compressed, parts.with) >= percent
}

/// Seconds for which scans have been counted: since the statistics were reset. Without a reset, since the server started, because a crash
/// before that may have deleted older counts.
pub(super) fn counted_seconds(at: &At) -> f64 {
    let since = counted_since(at).unwrap_or(at.server.started);
    at.now.seconds_since(since)
}

/// Whether the statistics are too young to judge the use of the index. They do not matter for an invalid index, which no query uses.
pub(super) fn is_early(row: &Row, at: &At) -> bool {
    row.root_valid && is_young(row, at)
}

/// Whether the statistics are too young to judge an index of this table.
pub(super) fn is_young(row: &Row, at: &At) -> bool {
    counted_seconds(at) < at.limits(&row.table_name()).statistics_age
}

/// Bytes that a drop or a REINDEX would free: the whole size of an index that is a duplicate, unused, or only on compressed chunks;
/// otherwise the bloat. `Null`: unknown, or too early to judge.
pub(super) fn wasted(row: &Row, at: &At) -> Value {
    if row.building.is_some() {
        return Value::Null;
    }
    let limits = || at.limits(&row.table_name());
    let unused = row.unused(at);
    let useless = || serves_little(row, at, limits().compressed_index_percent);
    let judged = || !is_early(row, at) && (unused == Some(true) || useless());
    if row.duplicate_of.is_some() || judged() {
        return own_bytes(row);
    }
    match (row.bloat_bytes(), unused) {
        // Bloat is always an estimate.
        (Some(bloat @ 1..), _) => Value::AboutBytes(bloat),
        (Some(_), Some(false)) => Value::Bytes(0),
        _ => Value::Null,
    }
}

/// Size of the index; for a duplicate, without the chunk indexes that it shares, so that each chunk index is counted once.
pub(super) fn own_bytes(row: &Row) -> Value {
    match own_share(row, row.known_bytes()) {
        None => row.size(),
        Some(0) => Value::Bytes(0),
        Some(bytes) => Value::AboutBytes(bytes),
    }
}

/// The estimated part of `bytes` that is in chunk indexes of this duplicate alone. `None`: no duplicate, or no shared chunk index.
fn own_share(row: &Row, bytes: i64) -> Option<i64> {
    row.duplicate_of.as_ref()?;
    let parts = row.parts.as_ref().filter(|parts| parts.shared > 0)?;
    let own = (parts.with - parts.shared).max(0);
    let bytes = i128::from(bytes) * i128::from(own) / i128::from(parts.with.max(1));
    Some(i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// Bloat of the index; for a duplicate, without the chunk indexes that it shares.
pub(super) fn own_bloat(row: &Row) -> Option<i64> {
    let bloat = row.bloat_bytes()?;
    Some(own_share(row, bloat).unwrap_or(bloat))
}

fn size(row: &Row) -> String {
    let bytes = text::bytes(row.known_bytes());
    if row.bytes().is_some() {
        bytes
    } else {
        format!("about {bytes}")
    }
}

fn unscanned(row: &Row, never: &str) -> String {
    let mut reason = format!("{never}; {}, and every write updates it", size(row));
    if let Some(parts) = row.parts.as_ref().filter(|parts| parts.compressed > 0) {
        let _ = write!(
            reason,
            "; {} of its {} chunks do not count: they are compressed, and queries there use the index of the compressed data",
            parts.compressed,
            parts.with + parts.without
        );
    }
    reason
}

fn on_compressed(row: &Row, never: &str) -> String {
    let parts = row.parts.as_ref();
    let (with, compressed) = parts.map_or((0, 0), |parts| (parts.with, parts.compressed));
    let chunks = text::plural(with, "chunk");
    let which = if compressed >= with {
        format!("it is on {chunks}, all compressed")
    } else {
        let compressed = text::count(compressed);
        format!("it is on {chunks}, {compressed} of them compressed")
    };
    format!(
        "useless on compressed data: {which}. There queries read another index, and this one is empty (index size in all: {}); {never}",
        size(row)
    )
}

/// Finding for empty space that deleted and moved rows left in the index (an estimate).
fn judge_bloat(row: &Row, at: &At, findings: &mut Findings) {
    let (Some(bloat), Some(bytes)) = (row.bloat_bytes(), row.bytes()) else {
        return;
    };
    let limits = at.limits(&row.table_name());
    let empty = thresholds::percent(bloat, bytes.max(1));
    if !exceeds(bloat, limits.bloated_index_bytes) || empty < limits.bloated_index_percent {
        return;
    }
    let reason = format!(
        "about {} of its {} are empty space ({empty:.0} %, estimated from the last ANALYZE), which is scanned and cached, too. \
         REINDEX CONCURRENTLY frees it",
        text::bytes(bloat),
        text::bytes(bytes)
    );
    findings.add(&rules::INDEX_BLOATED, Level::Notice, reason);
}

fn healthy(row: &Row, at: &At) -> String {
    let needed = row.needed();
    if row.parts.as_ref().is_some_and(|parts| parts.with == 0) {
        return format!("there is no {} yet", row.kind.part());
    }
    if !at.server.track_counts {
        return match needed {
            Some(needed) => format!("scans are not counted; {needed}"),
            None => "valid; scans are not counted, so its use is unknown".to_owned(),
        };
    }
    match needed {
        Some(needed) if row.scans == 0 => format!("never scanned, but {needed}"),
        Some(needed) => format!("{}; {needed}", text::plural(row.scans, "scan")),
        None if row.scans == 0 => {
            "all its chunks are compressed, and queries there use the index of the compressed data: its use is unknown".to_owned()
        }
        None => text::plural(row.scans, "scan"),
    }
}

pub(super) fn caveats(at: &At) -> Vec<String> {
    let mut caveats = Vec::new();
    if at.server.timescaledb.is_none() {
        let database = &at.server.database;
        caveats.push(format!(
            "no TimescaleDB in database {database:?}: only indexes of plain tables are shown"
        ));
    }
    if !at.server.track_counts {
        caveats.push(
            "track_counts is off: scans are not counted, so unused indexes are unknown".to_owned(),
        );
    } else if at.server.standby {
        caveats
            .push("this is a standby: the scans are its own, not those of the primary".to_owned());
    }
    caveats
}
