//! Totals of aggregates: on time, late, and never refreshed.

use super::row::Row;
use crate::model::rules;
use crate::model::verdict::Finding;
use crate::screens::headline::{groups, line, rows as many_rows};
use crate::server::known::At;

pub(super) fn headline(rows: &[Row], findings: &[Box<[Finding]>], at: &At) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let [mut never, mut without, mut late, mut unknown, mut on_time] = [0; 5];
    for (row, findings) in rows.iter().zip(findings) {
        let is_late = || {
            let mut of = findings.iter();
            of.any(|of| of.rule == &rules::AGGREGATE_BEHIND)
        };
        let is_on_time = || row.lag(at) == Some(0) || row.behind(at).is_some();
        *(if row.covered(at).is_none() {
            &mut never
        } else if row.policy.is_none() {
            &mut without
        } else if is_late() {
            &mut late
        } else if is_on_time() {
            &mut on_time
        } else {
            &mut unknown
        }) += 1;
    }
    let by_state = groups([
        (on_time, "on time"),
        (late, "late"),
        (without, "without a policy"),
        (never, "never refreshed"),
        (unknown, "with unknown lag"),
    ]);
    let loses = rows.iter().filter(|row| row.wipe_risk == Some(true));
    let loses = match loses.count() {
        0 => String::new(),
        1 => "1 would lose rows in a refresh".to_owned(),
        many => format!("{many} would lose rows in a refresh"),
    };
    let all = format!("{}: {by_state}", many_rows(rows.len(), "aggregate"));
    vec![
        line([all, loses]),
        // The name is last because it may be long.
        line([pending(rows), real_time(rows), worst(rows, at)]),
    ]
}

fn worst(rows: &[Row], at: &At) -> String {
    let behind = rows
        .iter()
        .filter_map(|row| Some((row.behind(at)?, row.full_name())));
    match behind.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((times, name)) => {
            format!("largest lag {times:.1}x expected: {name}")
        }
        None => "no lag can be compared with its expected maximum".to_owned(),
    }
}

fn pending(rows: &[Row]) -> String {
    // The ranges are not added up, because aggregates of one source share ranges, and new rows also count until a refresh.
    match rows.iter().filter(|row| row.pending > 0).count() {
        0 => String::new(),
        1 => "1 has changes to refresh".to_owned(),
        many => format!("{many} have changes to refresh"),
    }
}

fn real_time(rows: &[Row]) -> String {
    let real = rows.iter().filter(|row| !row.materialized_only).count();
    groups([
        (real, "real-time"),
        (rows.len() - real, "materialized only"),
    ])
}
