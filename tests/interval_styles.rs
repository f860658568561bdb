//! Policies that were added in sessions with another `IntervalStyle`. Their configurations keep the intervals in this style.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "policies/real.rs"]
mod real;
mod support;

use hypertop::model::screen_id::ScreenId;
use real::{row, same, shown};
use serde_json::Value as Json;
use support::{Target, Targets, block_on, client, with_targets};

const STYLES: [&str; 4] = ["postgres", "postgres_verbose", "iso_8601", "sql_standard"];

/// Bucket, `drop_after`, `compress_after`, `start_offset`. The last one is longer than `drop_after`.
const LENGTHS: [[&str; 4]; 2] = [
    ["1 day", "7 days", "3 days 12:30:00", "9 days"],
    ["1 month", "1 mon 10 days 06:00:00", "1 mon", "3 mons"],
];

/// A database with a table and an aggregate for each style and row of [`LENGTHS`], named such as `age 1 in iso_8601`.
fn made(targets: &Targets, version: &str) -> Target {
    let name = format!("styles_{}", version.replace('.', "_"));
    let conninfo = targets.server.conninfo(&name);
    block_on(async {
        let admin = client(&targets.server.conninfo("postgres")).await;
        let create = format!("create database {name}");
        admin.batch_execute(&create).await.unwrap();
        let create = format!("create extension timescaledb version '{version}'");
        let owner = client(&conninfo).await;
        owner.batch_execute(&create).await.unwrap();
        // A new session, because a session loads the library of one version at its start.
        let owner = client(&conninfo).await;
        for style in STYLES {
            for (index, [bucket, age, after, window]) in LENGTHS.iter().enumerate() {
                let text = include_str!("policies/styles.sql")
                    .replace("{name}", &named(index, style))
                    .replace("{style}", style)
                    .replace("{bucket}", bucket)
                    .replace("{age}", age)
                    .replace("{after}", after)
                    .replace("{window}", window);
                for statement in text.split(";\n") {
                    let ran = owner.batch_execute(statement).await;
                    ran.unwrap_or_else(|error| panic!("{version}: {error:?}\n{statement}"));
                }
            }
        }
    });
    Target {
        name: format!("TimescaleDB {version}"),
        conninfo,
        real: true,
    }
}

fn named(index: usize, style: &str) -> String {
    format!("age {index} in {style}")
}

/// These columns of the rows of a style, one line per row, without the row's name.
fn figures(list: &Json, suffix: &str, style: &str, figures: &[&str]) -> Vec<Vec<String>> {
    let rows = (0..LENGTHS.len()).map(|index| {
        let name = named(index, style);
        let row = row(list, &(name.clone() + suffix));
        let figure = |figure: &&str| unnumbered(&row[*figure].to_string().replace(&name, "NAME"));
        figures.iter().map(figure).collect()
    });
    rows.collect()
}

/// The text without job ids.
fn unnumbered(text: &str) -> String {
    let mut parts = text.split("(job ");
    let first = parts.next().unwrap_or_default().to_owned();
    let digits = |c: char| c.is_ascii_digit();
    parts.fold(first, |text, part| {
        text + "(job " + part.trim_start_matches(digits)
    })
}

#[test]
fn a_policy_means_the_same_whatever_interval_style_it_was_made_in() {
    let screens: [(ScreenId, &str, &[&str]); 3] = [
        (
            ScreenId::Retention,
            "",
            &["verdict", "reason", "eligible_chunks"],
        ),
        (
            ScreenId::Compression,
            "",
            &["verdict", "reason", "backlog_chunks"],
        ),
        (
            ScreenId::Aggregates,
            " agg",
            &["verdict", "wipe_risk", "expected_lag_seconds"],
        ),
    ];
    with_targets(|targets| {
        for version in targets.server.timescaledb_versions() {
            let target = made(targets, &version);
            for (screen, suffix, names) in screens {
                let list = shown(&target, screen);
                let meant = figures(&list, suffix, "postgres", names);
                assert!(meant[0].iter().all(|it| it != "null"), "{list}");
                for style in &STYLES[1..] {
                    let told = figures(&list, suffix, style, names);
                    assert_eq!(told, meant, "{}: {screen:?} of {style}", target.name);
                }
            }
            // The server's own function agrees.
            let list = shown(&target, ScreenId::Retention);
            for (index, [_, age, ..]) in LENGTHS.iter().enumerate() {
                for name in STYLES.map(|style| named(index, style)) {
                    let chunks = format!(
                        "select '{name}', count(*) from show_chunks('\"{name}\"', older_than => interval '{age}')"
                    );
                    same(&target, "eligible_chunks", &list, &chunks, 1);
                    assert!(row(&list, &name)["eligible_chunks"].as_i64() > Some(5));
                }
            }
        }
    });
}
