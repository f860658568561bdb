//! An apply is killed after any line that it writes to the journal. The next apply completes it, and a rollback of both restores the old
//! state.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::Path;
use std::process::Stdio;

use hypertop::journal::Entry;
use support::act::Rig;
use support::kill::{alone, killed_at, lines};
use support::own::{databases, on_own};
use support::program::{on, run};

const PLANT: &str = "set client_min_messages = error; create schema mes; create table mes.raw (ts timestamptz not null, line int not null, v float8);
comment on table mes.raw is 'by hand';
select create_hypertable('mes.raw', 'ts', chunk_time_interval => interval '7 days');
insert into mes.raw values (now(), 1, 2);
select add_retention_policy('mes.raw', interval '300 days', schedule_interval => interval '1 day');";

/// Each kind of step once. The step for the index has no transaction.
const FILE: &str = r#"[store]
comments = true

[[hypertable]]
name = "mes.raw"
chunk_interval = "1 day"
why = "samples"
compress = { segment_by = ["line"], after = "7 days" }
retain = { after = "400 days" }

[[aggregate]]
name = "mes.hourly"
from = "mes.raw"
query = "select time_bucket('1 hour', ts) as b, line, count(*) as n from mes.raw group by 1, 2"
refresh = [{ start = "5 days", end = "1h", every = "1h" }]

[[index]]
on = "mes.raw"
columns = ["line", "ts DESC"]
"#;

/// The state that the apply changes, without ids.
const LOOK: &str = "select concat_ws(E'\\n',
    (select string_agg(interval_length::text, ',') from _timescaledb_catalog.dimension d join _timescaledb_catalog.hypertable h on h.id = d.hypertable_id where h.table_name = 'raw'),
    (select string_agg((compressed_hypertable_id is not null)::text, ',') from _timescaledb_catalog.hypertable where table_name = 'raw'),
    (select string_agg(concat_ws('|', proc_name, schedule_interval, scheduled, config - 'hypertable_id'), ',' order by proc_name, config::text) from _timescaledb_config.bgw_job where id >= 1000),
    (select string_agg(user_view_name, ',') from _timescaledb_catalog.continuous_agg),
    obj_description('mes.raw'::regclass, 'pg_class'),
    (select string_agg(pg_get_indexdef(indexrelid), ',' order by indexrelid::regclass::text) from pg_index where indrelid = 'mes.raw'::regclass))";

fn succeeds(rig: &Rig, told: &str, args: &[&str]) {
    let (code, text) = run(rig, args);
    assert_eq!(code, 0, "{told}: {args:?}: {text}");
}

/// Kills an apply at every `stride`-th line of its journal.
async fn comes_through(rig: &Rig, file: &Path, stride: usize) {
    let file = file.to_str().unwrap();
    let apply = [
        "apply",
        file,
        "-y",
        "--allow",
        "ACCESS_EXCLUSIVE,BLOCKS_WRITES,IMMEDIATE_RUN",
    ];
    let was = rig.text(LOOK).await;
    let mut kills = 0;
    for line in (1..).step_by(stride) {
        let told = format!("{}: killed after line {line}", rig.name);
        let (before, first) = (lines(rig), rig.actor.journal.entries().unwrap().all.len());
        let child = on(rig, &apply)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let killed = killed_at(rig, child, before + line).await;
        kills += usize::from(killed);
        alone(rig).await;
        succeeds(rig, &told, &apply);
        succeeds(rig, &told, &["plan", file]);
        let entries = rig.actor.journal.entries().unwrap();
        let own = entries.all[first..].iter();
        // An apply that was killed early has done nothing that has an undo.
        let (done, early): (Vec<_>, Vec<_>) =
            own.partition(|entry| entry.done().iter().any(|step| !step.undo.is_empty()));
        let id = |entry: &&Entry| entry.begin.id.to_string();
        let ids: Vec<String> = done.iter().map(id).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        succeeds(rig, &told, &[&["rollback", "-y"], &ids[..]].concat());
        // An apply may also have been killed between a step's commit and the journal's line about it. Only the server knows that.
        for id in early.iter().map(id) {
            let (code, text) = run(rig, &["rollback", "-y", &id]);
            assert!(
                code == 0 || code == 3 && text.contains("nothing to roll back"),
                "{told}: {text}"
            );
        }
        assert_eq!(rig.text(LOOK).await, was, "{told}");
        if !killed {
            break;
        }
    }
    assert!(kills > 12 / stride, "{}: {kills}", rig.name);
}

#[test]
fn an_apply_that_is_killed_after_any_line_of_the_journal_is_completed_and_all_comes_back() {
    on_own(&[], async |server| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policies.toml");
        std::fs::write(&file, FILE).unwrap();
        let rigs = databases(server).await;
        for (nth, rig) in rigs.iter().enumerate() {
            rig.sql(PLANT).await;
            // Every line on one version, every fourth line on the others.
            comes_through(rig, &file, if nth == 0 { 1 } else { 4 }).await;
        }
    });
}
