//! A rollback restores the state exactly once, even if it is killed at any time, if the disk is full, or if two rollbacks run at once.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Command, Stdio};

use serde_json::Value as Json;
use support::act::Rig;
use support::kill::{alone, killed_at, lines};
use support::own::{databases, on_own};
use support::program::said;

/// The program with the rig's journal. `limit`: maximum size of files in bytes.
fn hypertop(rig: &Rig, limit: Option<u64>, args: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_hypertop");
    let mut command = match limit {
        None => Command::new(program),
        Some(bytes) => {
            let mut command = Command::new("prlimit");
            command.args([&format!("--fsize={bytes}"), program]);
            command
        }
    };
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command
        .args(["-d", &rig.conninfo])
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", rig.state_home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

const METER: &str = "set client_min_messages = error; create table public.meter (ts timestamptz not null, dev int, v float);
    select create_hypertable('public.meter', 'ts', chunk_time_interval => interval '7 days');
    alter table public.meter set (timescaledb.compress, timescaledb.compress_segmentby = 'dev');
    select add_compression_policy('public.meter', interval '10 years');
    select add_retention_policy('public.meter', interval '20 years');
    create procedure public.work(job_id int, config jsonb) language plpgsql as $$ begin end $$;
    select add_job('public.work', '1 week', scheduled => false);";

/// The state that the actions change, without ids.
const LOOK: &str = "select concat_ws(E'\\n',
    (select string_agg(interval_length::text, ',') from _timescaledb_catalog.dimension),
    (select string_agg((compressed_hypertable_id is not null)::text, ',' order by id) from _timescaledb_catalog.hypertable where table_name = 'meter'),
    (select string_agg(concat_ws('|', attname, segmentby_column_index), ',' order by attname) from timescaledb_information.compression_settings),
    (select string_agg(concat_ws('|', proc_name, schedule_interval, max_retries, scheduled, config), ',' order by proc_name, id) from _timescaledb_config.bgw_job where id >= 1000),
    (select string_agg(pg_get_indexdef(indexrelid), ',' order by indexrelid::regclass::text) from pg_index where indrelid = 'public.meter'::regclass))";

const ACTIONS: &[&[&str]] = &[
    &["disable-compression", "public.meter"],
    &["remove-retention-policy", "public.meter"],
    &["delete-job", "JOB"],
    &[
        "set-chunk-interval",
        "public.meter",
        "--set",
        "interval=3 days",
    ],
    &[
        "create-index",
        "public.meter",
        "--set",
        "columns=dev",
        "--set",
        "name=meter_dev_idx",
    ],
];

async fn args(rig: &Rig, action: &[&str]) -> Vec<String> {
    let job = rig
        .text("select id from _timescaledb_config.bgw_job where proc_name = 'work'")
        .await;
    let action = action.iter().map(|word| word.replace("JOB", &job));
    let mut args: Vec<String> = ["run".to_owned()].into_iter().chain(action).collect();
    args.push("--yes".to_owned());
    args
}

/// Rolls the entry back with the program, and checks that the old state is restored.
async fn comes_back(rig: &Rig, id: u64, was: &str, told: &str) {
    let output = hypertop(rig, None, &["rollback", &id.to_string(), "--yes"])
        .output()
        .unwrap();
    let words = said(&output);
    let nothing = [
        "nothing to roll back",
        "cannot be rolled back: ",
        "is irreversible: ",
        "already rolled back",
    ];
    let fine = output.status.code() == Some(0)
        || output.status.code() == Some(3) && nothing.iter().any(|nothing| words.contains(nothing))
        || words.contains("already rolled back");
    assert!(fine, "{told}: {words}");
    assert_eq!(rig.text(LOOK).await, was, "{told}: {words}");
}

#[test]
fn killed_after_any_line_of_the_journal_all_comes_back() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            let was = rig.text(LOOK).await;
            for action in ACTIONS {
                for line in 1.. {
                    let told = format!("{}: {action:?} killed after line {line}", rig.name);
                    let args = args(&rig, action).await;
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    let newest = || {
                        let entries = rig.actor.journal.entries().unwrap();
                        entries.all.last().map(|entry| entry.begin.id)
                    };
                    let (before, was_newest) = (lines(&rig), newest());
                    let child = hypertop(&rig, None, &args).spawn().unwrap();
                    let killed = killed_at(&rig, child, before + line).await;
                    alone(&rig).await;
                    // If the first line was torn, there is no entry, and nothing was changed.
                    if let Some(id) = newest().filter(|_| newest() != was_newest) {
                        comes_back(&rig, id, &was, &told).await;
                    }
                    assert_eq!(rig.text(LOOK).await, was, "{told}");
                    if !killed {
                        break;
                    }
                }
            }
        }
    });
}

/// Cuts off the journal after the last line of this kind, as if the program had been killed then.
fn cut_off_after(rig: &Rig, event: &str) {
    let text = std::fs::read_to_string(rig.journal()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let is = |line: &&str| serde_json::from_str::<Json>(line).unwrap()["event"] == event;
    let last = lines.iter().rposition(is).unwrap();
    std::fs::write(rig.journal(), format!("{}\n", lines[..=last].join("\n"))).unwrap();
}

#[test]
fn a_step_that_was_committed_but_not_written_down_is_known_by_its_transaction() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            let was = rig.text(LOOK).await;
            for action in ACTIONS {
                let told = format!("{}: {action:?}", rig.name);
                let args = args(&rig, action).await;
                let set: Vec<(&str, &str)> = args
                    .iter()
                    .filter_map(|word| word.split_once('='))
                    .collect();
                let done = rig.act(&args[1], &args[2], &set).await.id;
                cut_off_after(&rig, "mark");
                assert_eq!(
                    rig.actor
                        .journal
                        .entries()
                        .unwrap()
                        .find(done)
                        .unwrap()
                        .state(),
                    "interrupted"
                );
                // The rollback's end is cut off in the same way; it is not run a second time.
                rig.rollback(&[done]).await;
                assert_eq!(rig.text(LOOK).await, was, "{told}");
                cut_off_after(&rig, "mark");
                let why = rig.rollback_plan(&[done]).await.unwrap_err();
                assert!(why.contains("already rolled back"), "{told}: {why}");
                assert_eq!(rig.text(LOOK).await, was, "{told}");
            }
            // An added policy: no step line has its id.
            let set = [("drop_after", "9 years"), ("first_run", "300d")];
            rig.sql("select remove_retention_policy('public.meter')")
                .await;
            let was = rig.text(LOOK).await;
            let done = rig
                .act("add-retention-policy", "public.meter", &set)
                .await
                .id;
            cut_off_after(&rig, "mark");
            rig.rollback(&[done]).await;
            assert_eq!(rig.text(LOOK).await, was, "{}", rig.name);
        }
    });
}

#[test]
fn a_step_that_was_not_committed_is_not_taken_back() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            let done = rig
                .act(
                    "set-chunk-interval",
                    "public.meter",
                    &[("interval", "3 days")],
                )
                .await
                .id;
            rig.rollback(&[done]).await;
            cut_off_after(&rig, "mark");
            cut_off_after(&rig, "begin");
            // The rollback never ran its step, so the entry stays open.
            assert_eq!(
                rig.actor
                    .journal
                    .entries()
                    .unwrap()
                    .find(done)
                    .unwrap()
                    .state(),
                "done"
            );
            // The mark names a transaction that was rolled back.
            let aborted = "begin; select pg_current_xact_id()";
            let xid = rig.text(&format!("{aborted}::text")).await;
            rig.sql("rollback").await;
            let text = std::fs::read_to_string(rig.journal()).unwrap();
            let mark = format!(
                "{{\"event\":\"mark\",\"id\":2,\"at\":\"\",\"step\":0,\"xid\":\"{xid}\"}}\n"
            );
            std::fs::write(rig.journal(), text + &mark).unwrap();
            let approved = rig.rollback_plan(&[done]).await.unwrap();
            assert_eq!(approved.plan.steps.len(), 1, "{}", rig.name);
            // The mark names a transaction that the server no longer knows: the entry stays open, with a note.
            let text = std::fs::read_to_string(rig.journal()).unwrap();
            let begin = text.lines().next().unwrap();
            let unknown = mark
                .replace(&xid, "999999999999")
                .replace("\"id\":2", "\"id\":1");
            std::fs::write(rig.journal(), format!("{begin}\n{unknown}")).unwrap();
            rig.sql("select set_chunk_time_interval('public.meter', interval '3 days')")
                .await;
            let approved = rig.rollback_plan(&[1]).await.unwrap();
            let told = approved.plan.notes.iter().any(|note| {
                note.text
                    .contains("the state has changed since, so the step is rolled back")
            });
            assert!(told, "{}: {:?}", rig.name, approved.plan.notes);
        }
    });
}

#[test]
fn with_a_disk_that_is_full_no_step_runs_that_is_not_on_record() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            let was = rig.text(LOOK).await;
            for action in ACTIONS {
                let length = || rig.actor.journal.length().unwrap();
                let before = length();
                let whole = args(&rig, action).await;
                let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
                let output = hypertop(&rig, None, &whole).output().unwrap();
                assert_eq!(output.status.code(), Some(0), "{}", said(&output));
                let grown = length() - before;
                let entries = rig.actor.journal.entries().unwrap();
                comes_back(&rig, entries.all.last().unwrap().begin.id, &was, "whole").await;
                for part in 0..12 {
                    let told = format!("{}: {action:?} with room for {part}/12", rig.name);
                    let before = lines(&rig);
                    let room = length() + grown * part / 12;
                    let whole = args(&rig, action).await;
                    let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
                    let output = hypertop(&rig, Some(room), &whole).output().unwrap();
                    let words = said(&output);
                    assert!(words.contains("cannot be written"), "{told}: {words}");
                    if lines(&rig) == before {
                        assert_eq!(rig.text(LOOK).await, was, "{told}: {words}");
                        continue;
                    }
                    let entries = rig.actor.journal.entries().unwrap();
                    let entry = entries.all.last().unwrap();
                    if rig.text(LOOK).await != was {
                        assert!(!entry.marks.is_empty(), "{told}: {words}");
                    }
                    comes_back(&rig, entry.begin.id, &was, &told).await;
                }
            }
        }
    });
}

#[test]
fn of_two_rollbacks_of_one_entry_at_once_one_is_done() {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METER).await;
            let was = rig.text(LOOK).await;
            for _ in 0..8 {
                let job = rig
                    .text("select id from _timescaledb_config.bgw_job where proc_name = 'work'")
                    .await;
                let done = rig.act("delete-job", &job, &[]).await.id.to_string();
                let both = [(); 2].map(|()| {
                    hypertop(&rig, None, &["rollback", &done, "--yes"])
                        .spawn()
                        .unwrap()
                });
                let ended = both.map(|child| child.wait_with_output().unwrap());
                let fine = ended
                    .iter()
                    .filter(|output| output.status.code() == Some(0))
                    .count();
                assert_eq!(
                    fine,
                    1,
                    "{}: {} {}",
                    rig.name,
                    said(&ended[0]),
                    said(&ended[1])
                );
                let words = said(
                    ended
                        .iter()
                        .find(|output| output.status.code() != Some(0))
                        .unwrap(),
                );
                let told = [
                    "already rolled back",
                    "being rolled back now",
                    "since the preview",
                ];
                assert!(
                    told.iter().any(|told| words.contains(told)),
                    "{}: {words}",
                    rig.name
                );
                assert_eq!(rig.text(LOOK).await, was, "{}", rig.name);
            }
        }
    });
}
