//! Findings of statements, and the reasons why no statements are listed.

use std::fmt::Write;

use super::row::{Row, Tool};
use crate::model::thresholds::exceeds;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::{rules, text};
use crate::server::known::At;

pub(super) fn verdict(row: &Row, at: &At) -> Verdict {
    let Some(figures) = &row.figures else {
        return Verdict::of(
            &rules::QUERIES_MISSING,
            Level::Unknown,
            missing(&row.tool, at),
        );
    };
    if let Some(role) = &row.hidden_of {
        return Verdict::of(
            &rules::QUERIES_HIDDEN,
            Level::Unknown,
            format!(
                "the statements of {role} are hidden from {}: grant pg_read_all_stats to see them",
                at.server.role
            ),
        );
    }
    let mut findings = Findings::default();
    if !row.own {
        heavy(row, at, &mut findings);
        spills(row, at, &mut findings);
        if let Some(hint) = &row.hint {
            let reason = format!("{}{}", hint.words, forget(row));
            findings.add(&rules::QUERY_AGGREGATE, Level::Notice, reason);
        }
    }
    let whose = if row.own {
        ", a query of this console"
    } else {
        ""
    };
    findings.verdict(format!(
        "{}, {} on average{whose}",
        text::plural(figures.calls, "call"),
        text::duration(row.mean().unwrap_or(0.0) / 1e3)
    ))
}

/// Whether the statement is a query or DML, as opposed to maintenance.
fn is_query(row: &Row) -> bool {
    let text = row.query.as_deref().unwrap_or_default();
    let first = super::named::tokens(text).into_iter().next();
    matches!(first, Some(super::named::Token::Word(word))
        if matches!(word.as_str(), "select" | "with" | "insert" | "update" | "delete" | "merge"))
}

/// Whether the statement only waits: `SELECT pg_sleep($1)`.
fn is_sleep(row: &Row) -> bool {
    let text = row.query.as_deref().unwrap_or_default();
    let words = super::named::tokens(text)
        .into_iter()
        .filter_map(|token| match token {
            super::named::Token::Word(word) => Some(word),
            _ => None,
        });
    let words: Vec<_> = words.take(3).collect();
    matches!(words.as_slice(), [first, then, ..] if first == "select" && (then.starts_with("pg_sleep") || then == "pg_catalog"
        && words.get(2).is_some_and(|third| third.starts_with("pg_sleep"))))
}

fn heavy(row: &Row, at: &At, findings: &mut Findings) {
    if is_sleep(row) {
        return;
    }
    let (Some(share), Some(whole)) = (row.share(), row.tool.whole) else {
        return;
    };
    let limits = &at.server.thresholds.all;
    if whole < limits.query_time * 1e3 || share * 100.0 < limits.query_percent_notice {
        return;
    }
    let level = if share * 100.0 >= limits.query_percent && is_query(row) {
        Level::Warning
    } else {
        Level::Notice
    };
    let since = row.tool.reset.map_or_else(String::new, |reset| {
        format!(
            " in the last {}",
            text::duration(at.now.seconds_since(reset).max(0.0).floor())
        )
    });
    let how = if is_query(row) {
        ". EXPLAIN (ANALYZE, BUFFERS) shows why"
    } else {
        ""
    };
    findings.add(
        &rules::QUERY_HEAVY,
        level,
        format!(
            "takes {:.0} % of all execution time in this database{since}{how}{}",
            share * 100.0,
            forget(row)
        ),
    );
}

/// Text saying how to reset the statement's figures, which otherwise still include the cost before the fix.
fn forget(row: &Row) -> String {
    row.queryid.map_or_else(String::new, |id| {
        format!("; after a fix, pg_stat_statements_reset(0, 0, {id}) resets its figures")
    })
}

fn spills(row: &Row, at: &At, findings: &mut Findings) {
    let Some(figures) = &row.figures else { return };
    let total = figures.temp_written.saturating_mul(row.block);
    let call = total / figures.calls.max(1);
    let limits = &at.server.thresholds.all;
    let level = if exceeds(call, limits.spill_bytes_a_call) || exceeds(total, limits.spill_bytes) {
        Level::Warning
    } else if exceeds(total, limits.spill_bytes_notice) {
        Level::Notice
    } else {
        return;
    };
    findings.add(
        &rules::QUERY_SPILLS,
        level,
        format!(
            "spills to temporary files: {} in all, {} per call (work_mem is too small, or the statement sorts or groups too many rows). Raise work_mem for the role or session that runs it{}",
            text::bytes(total),
            text::bytes(call),
            forget(row)
        ),
    );
}

/// Text saying why no statements are listed, and how to change that.
pub(super) fn missing(tool: &Tool, at: &At) -> String {
    let create = "CREATE EXTENSION pg_stat_statements in this database";
    match (tool.loaded, tool.installed) {
        (false, _) if !tool.available => {
            "pg_stat_statements is not on the server: install PostgreSQL's contrib package, add pg_stat_statements to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements".to_owned()
        }
        (false, true) => "pg_stat_statements is in this database, but its library is not loaded: add it to shared_preload_libraries (keep what is there) and restart the server".to_owned(),
        (false, false) => format!("the server does not count statements: add pg_stat_statements to shared_preload_libraries (keep what is there), restart the server, then {create}"),
        (true, false) => format!("the server counts statements, but this database cannot show them: {create} (as a superuser, no restart)"),
        (true, true) if !tool.readable => format!("{} may not read pg_stat_statements: grant USAGE on its schema and SELECT on the view", at.server.role),
        (true, true) if tool.track.as_deref() == Some("none") => "pg_stat_statements.track is none: nothing is counted".to_owned(),
        (true, true) => "no statement of this database is counted yet".to_owned(),
    }
}

/// Finding for statements of other roles, if this role may not read them.
pub(super) fn hidden(rows: &[Row], at: &At) -> Option<Finding> {
    let roles: Vec<_> = rows
        .iter()
        .filter_map(|row| row.hidden_of.as_deref())
        .collect();
    let reason = || {
        format!(
            "the statements of {} are hidden from {}. GRANT pg_read_all_stats TO {} shows them",
            roles.join(", "),
            at.server.role,
            text::quote_identifier(&at.server.role)
        )
    };
    let hidden = || Finding::new(&rules::QUERIES_HIDDEN, Level::Unknown, reason());
    (!roles.is_empty()).then(hidden)
}

pub(super) fn caveats(rows: &[Row], at: &At) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let tool = &first.tool;
    if first.figures.is_none() {
        return vec![missing(tool, at)];
    }
    let mut said = Vec::new();
    let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    if let Some(all) = tool.statements.filter(|all| *all > shown) {
        said.push(format!(
            "only the costliest {shown} of {} statements are shown, by time, calls, blocks and temporary files",
            text::count(all)
        ));
    }
    said.extend(dropped(tool, at));
    if let Some(reset) = tool.reset_since() {
        said.push(format!(
            "the statistics were reset {}: +CALLS and +TIME count from that time",
            text::age(reset, at.now)
        ));
    }
    said
}

/// Text for statements that were dropped because `pg_stat_statements.max` is too small; `None`: none was dropped.
fn dropped(tool: &Tool, at: &At) -> Option<String> {
    let times = tool.dropped.filter(|dropped| *dropped > 0)?;
    let since = tool.reset.map_or_else(String::new, |reset| {
        format!(" since {}", text::age(reset, at.now))
    });
    let most = tool.most.as_deref().unwrap_or("?");
    let mut said = format!(
        "pg_stat_statements.max ({most}) is too small: the least used statements were dropped {}{since}, and no share includes their cost. Raise it (needs a restart)",
        text::plural(times, "time")
    );
    if let Some(now @ 1..) = tool.dropped_since() {
        let _ = write!(
            said,
            "; {} since this console started: +CALLS and +TIME of a dropped statement count from its first call after it was dropped",
            text::plural(now, "time")
        );
    }
    Some(said)
}
