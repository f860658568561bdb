//! The Journal's rows show old and new values, and the entry that a rollback undid.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::path::Path;

use console::{connected, drawn, load, press};
use hypertop::journal::Journal;
use hypertop::model::value::Value;
use hypertop::screens::Rows;
use hypertop::screens::journal::Row;
use hypertop::screens::record::Record;
use hypertop::server::known::At;
use support::act::Rig;
use support::{block_on, triage, with_targets};

const SOURCE: &str = "set client_min_messages = error; create table m (ts timestamptz not null, d int, v float);
select create_hypertable('m', 'ts', chunk_time_interval => interval '1 day');
insert into m select t, 1, 1 from generate_series(now() - interval '9 days', now(), interval '1 hour') t;
alter table m set (timescaledb.compress, timescaledb.compress_segmentby = 'd');
create materialized view a with (timescaledb.continuous) as select time_bucket('1 hour', ts) as b, sum(v) as s from m group by 1 with no data;
begin; select alter_job(add_compression_policy('m', interval '7 days'), next_start => '2040-01-01 00:00+00'); select alter_job(add_retention_policy('m', interval '1 year'), next_start => '2040-01-01 00:00+00'); select alter_job(add_continuous_aggregate_policy('a', interval '3 days', interval '1 hour', interval '1 hour'), next_start => '2040-01-01 00:00+00'); commit";

/// The rows of the Journal, newest first.
fn rows(rig: &Rig) -> Vec<Row> {
    let entries = rig.actor.journal.entries().unwrap();
    let rows = entries.all.into_iter().rev().map(|entry| Row {
        state: entry.state().to_owned(),
        entry,
        unreadable: 0,
        elsewhere: None,
    });
    rows.collect()
}

fn action(row: &Row, at: &At) -> String {
    let column = Row::COLUMNS.iter().find(|column| column.name == "title");
    match (column.unwrap().value)(row, at) {
        Value::Text(title) => title,
        other => panic!("{other:?}"),
    }
}

/// Runs the action and its rollback, and checks the words in both rows of the Journal.
async fn changed(rig: &Rig, name: &str, target: &str, set: &[(&str, &str)], words: [&str; 2]) {
    let report = rig.act(name, target, set).await;
    let id = report.id;
    rig.rollback(&[id]).await;
    let (now, _) = rig
        .session
        .pulse(hypertop::model::screen_id::ScreenId::ALL[0])
        .await
        .unwrap();
    let at = At {
        now,
        server: &rig.session.server,
    };
    let rows = rows(rig);
    let [back, done] = [&rows[0], &rows[1]];
    let about = format!("{}: {name}", rig.name);
    let title = action(done, &at);
    assert!(
        title.starts_with(&format!("Change {}", words[0])),
        "{about}: {title}"
    );
    assert_eq!(report.title, title, "{about}");
    let title = action(back, &at);
    let expected = format!("Roll back entry {id}: {}", words[1]);
    assert!(title.starts_with(&expected), "{about}: {title}");
    // The titles contain the target's name, too.
    assert!(title.contains(target), "{about}: {title}");
    let reason = back.verdict(&at).reason;
    assert!(
        reason.contains(&format!("a rollback of entry {id};")),
        "{about}: {reason}"
    );
    let reason = done.verdict(&at).reason;
    let by = format!("rolled back by entry {}", back.entry.begin.id);
    assert!(reason.contains(&by), "{about}: {reason}");
}

#[test]
fn a_changed_policy_has_its_values_before_and_after() {
    triage::on_each("titles", SOURCE, async |rig, _| {
        changed(
            rig,
            "edit-compression-policy",
            "public.m",
            &[("compress_after", "3d")],
            [
                "compress_after 7d -> 3d of job ",
                "compress_after 3d -> 7d of job ",
            ],
        )
        .await;
        changed(
            rig,
            "edit-compression-policy",
            "public.m",
            &[("compress_after", "1 mon"), ("schedule_interval", "1h30m")],
            [
                "compress_after 7d -> 1mon, schedule_interval 12h -> 1h 30m of job ",
                "compress_after 1mon -> 7d, schedule_interval 1h 30m -> 12h of job ",
            ],
        )
        .await;
        changed(
            rig,
            "edit-retention-policy",
            "public.m",
            &[("drop_after", "2 years")],
            ["drop_after 1y -> 2y of job ", "drop_after 2y -> 1y of job "],
        )
        .await;
        changed(
            rig,
            "edit-refresh-policy",
            "public.a",
            &[("start_offset", "5d")],
            [
                "start_offset 3d -> 5d of job ",
                "start_offset 5d -> 3d of job ",
            ],
        )
        .await;
        changed(
            rig,
            "set-chunk-interval",
            "public.m",
            &[("interval", "3d")],
            [
                "chunk_time_interval 1d -> 3d of public.m",
                "chunk_time_interval 3d -> 1d of public.m",
            ],
        )
        .await;
        changed(
            rig,
            "edit-compression-settings",
            "public.m",
            &[("segment_by", "none"), ("order_by", "ts")],
            [
                // Up to 2.21 the default orderby is stored.
                "segmentby d -> none, orderby ",
                "segmentby none -> d, orderby ts -> ",
            ],
        )
        .await;
    });
}

#[test]
fn any_job_has_its_settings_before_and_after_on_every_server() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let rig = Rig::new(target).await;
                let id = rig
                    .text("select min(id) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'")
                    .await;
                rig.sql(&format!(
                    "select alter_job({id}, retry_period => interval '5 min', max_retries => -1)"
                ))
                .await;
                changed(
                    &rig,
                    "edit-job",
                    &id,
                    &[("retry_period", "15 min"), ("max_retries", "4")],
                    [
                        "retry_period 5m -> 15m, max_retries -1 -> 4 of job ",
                        "retry_period 15m -> 5m, max_retries 4 -> -1 of job ",
                    ],
                )
                .await;
            });
        }
    });
}

#[test]
fn a_rollback_of_several_entries_names_them_all() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let rig = Rig::new(target).await;
                let id = rig
                    .text("select min(id) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'")
                    .await;
                let one = rig.act("edit-job", &id, &[("max_retries", "7")]).await.id;
                let two = rig.act("edit-job", &id, &[("max_retries", "8")]).await.id;
                let back = rig.rollback(&[one, two]).await;
                assert_eq!(back.title, format!("Roll back entries {two}, {one}"));
                let rows = rows(&rig);
                let at = At {
                    now: hypertop::model::moment::Stamp(0),
                    server: &rig.session.server,
                };
                let reason = rows[0].verdict(&at).reason;
                // Dates have the same form as on all screens: 2026-11-23 09:58:16 UTC.
                let done = rows[0].entry.lines()[1].clone();
                let date = done.split(" by ").next().unwrap();
                let words: Vec<_> = date.split(' ').collect();
                assert_eq!((words.len(), words[4]), (5, "UTC"), "{done}");
                let words = format!("a rollback of entries {two}, {one};");
                assert!(reason.contains(&words), "{}: {reason}", rig.name);
            });
        }
    });
}

/// The rows of a journal that an older hypertop wrote, with these titles.
fn titled(titles: &[&str]) -> Vec<Row> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal_files/first_version.jsonl");
    let entries = Journal::new(file).entries().unwrap().all;
    let rows = titles.iter().zip(entries).map(|(title, mut entry)| {
        (*title).clone_into(&mut entry.begin.plan.title);
        Row {
            state: "done".to_owned(),
            entry,
            unreadable: 0,
            elsewhere: None,
        }
    });
    rows.collect()
}

#[test]
fn a_changed_setting_and_its_object_are_whole_before_further_columns_are_shown() {
    let long = "Change compress_after 7d -> 3d of job 1001 (compression policy on mes.readings)";
    let mut app = connected();
    press(&mut app, "0");
    let shown = |app: &mut hypertop::app::App, width| -> Vec<String> {
        let drawn = drawn(app, width, 24).backend().to_string();
        drawn.lines().map(str::to_owned).collect()
    };
    let line = |lines: &[String], words: &str| -> String {
        let found = lines.iter().find(|line| line.contains(words));
        found
            .unwrap_or_else(|| panic!("{words}: {lines:#?}"))
            .clone()
    };
    load(
        &mut app,
        Rows::Journal(titled(&[long, "Analyze mes.readings"])),
    );
    let narrow = shown(&mut app, 80);
    line(&narrow, " compress_after 7d -> 3d of mes.readings (compre…");
    assert!(!line(&narrow, " ACTION").contains("UNDO"), "{narrow:#?}");
    let wide = shown(&mut app, 120);
    let words = " compress_after 7d -> 3d of mes.readings (compression policy, job 1001)";
    line(&wide, words);
    assert!(line(&wide, " ACTION").contains("UNDO"), "{wide:#?}");
    assert!(!line(&wide, " ACTION").contains("ROLE"), "{wide:#?}");
    // Where no title is cut, no column is left out for it.
    load(&mut app, Rows::Journal(titled(&["Analyze mes.readings"])));
    let short = shown(&mut app, 120);
    for column in ["UNDO", "ROLE", "DONE", "STEPS", "TOOK"] {
        assert!(line(&short, " ACTION").contains(column), "{short:#?}");
    }
    assert!(line(&shown(&mut app, 80), " ACTION").contains("UNDO"));
}
