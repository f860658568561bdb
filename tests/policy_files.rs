//! Policy files on real servers: export, plan, apply, drift, hazards and rollback, as an operator runs them.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Command, Stdio};

use hypertop::model::version::Version;
use serde_json::Value as Json;
use support::act::Rig;
use support::program::{APPLY_LOCK, Files, remade};
use support::{triage, with_targets};

const FACTORY: &str = include_str!("../contrib/policies/factory.toml");
const TABLES: &str = "create schema mes;
create table mes.metric_hist (ts timestamptz not null, metric_def_id int not null, value float8);
create table mes.oee_calculations (ts timestamptz not null, line_id int not null, oee float8);
create table mes.energy_consumption (ts timestamptz not null, meter_id int not null, kwh float8);
create table mes.production_kpis (ts timestamptz not null, line_id int not null, kpi float8);
create table mes.production_context_history (ts timestamptz not null, line_id int not null, context text)";
/// Names that need quotes, integer time, a partial index, a reorder policy, a paused policy, an open refresh window.
const HOSTILE: &str = r#"create schema "Wé.s"; create table "Wé.s"."o""dd na.me" ("T s" timestamptz not null, "De v" int, "order" text);
select create_hypertable('"Wé.s"."o""dd na.me"', 'T s', chunk_time_interval => interval '36 hours');
create index "i 1" on "Wé.s"."o""dd na.me" ("De v", "T s" desc) where "De v" > 3;
create index lowered on "Wé.s"."o""dd na.me" (lower("order"), "T s");
alter table "Wé.s"."o""dd na.me" set (timescaledb.compress, timescaledb.compress_segmentby = '"De v"', timescaledb.compress_orderby = '"T s" desc, "order" nulls first');
select add_compression_policy('"Wé.s"."o""dd na.me"', interval '1 month 3 days');
select add_retention_policy('"Wé.s"."o""dd na.me"', interval '1 year');
select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name = 'policy_retention';
create table "order" (n bigint not null, machine int);
select create_hypertable('"order"', 'n', chunk_time_interval => 1000);
create function pieces_now() returns bigint language sql stable as 'select coalesce(max(n), 0) from public."order"';
select set_integer_now_func('"order"', 'pieces_now');
select add_retention_policy('"order"', bigint '5000');
create materialized view "Wé.s"."v ""1""" with (timescaledb.continuous, timescaledb.materialized_only = false) as
  select time_bucket('1 day', "T s") as b, "De v", count(*) as n from "Wé.s"."o""dd na.me" group by 1, 2 with no data;
select add_continuous_aggregate_policy('"Wé.s"."v ""1"""', null, interval '2 days', interval '1 day 1 hour')"#;

fn command(conninfo: &str, state: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    command
        .args(args)
        .args(["-d", conninfo])
        .env("XDG_STATE_HOME", state)
        .env("HOME", state);
    command.stdin(Stdio::null());
    command
}

/// Runs the program. Returns the exit code and the output, with errors last.
fn run(rig: &Rig, args: &[&str]) -> (i32, String) {
    let output = command(&rig.conninfo, rig.state_home(), args)
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), out + &err)
}

/// Runs the program, which must succeed. Returns its output.
fn succeeds(version: Version, rig: &Rig, args: &[&str]) -> String {
    let (code, text) = run(rig, args);
    assert_eq!(code, 0, "{version:?}: {args:?}: {text}");
    text
}

/// The objects of a database that an apply may change.
async fn state(rig: &Rig) -> String {
    let mut all = Vec::new();
    for sql in [
        "select coalesce(string_agg(format('%s %s %s %s %s %s', coalesce(c.user_view_name, h.table_name), proc_name, schedule_interval, scheduled, config - 'hypertable_id' - 'mat_hypertable_id', timezone), E'\\n'
           order by coalesce(c.user_view_name, h.table_name), proc_name, config::text), '')
           from _timescaledb_config.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id
           left join _timescaledb_catalog.continuous_agg c on c.mat_hypertable_id = h.id",
        "select coalesce(string_agg(format('%s %s', user_view_name, materialized_only), ', ' order by user_view_name), '') from _timescaledb_catalog.continuous_agg",
        "select coalesce(string_agg(indexdef, E'\\n' order by indexdef), '') from pg_indexes where schemaname !~ '^(pg_|_timescaledb|information_schema)'",
        "select coalesce(string_agg(format('%s %s %s', hypertable_name, attname, row_to_json(c)), E'\\n' order by hypertable_name, attname), '') from timescaledb_information.compression_settings c where hypertable_schema !~ '^_'",
    ] {
        all.push(rig.text(sql).await);
    }
    all.join("\n--\n")
}

#[test]
fn from_empty_tables_one_apply_makes_the_factory_and_one_rollback_takes_its_policies_and_aggregates_back()
 {
    triage::on_each("factory_file", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("factory.toml", FACTORY);
        let file = path.to_str().unwrap();
        let (code, text) = run(rig, &["plan", file]);
        assert_eq!(code, 2, "{version:?}: {text}");
        assert!(
            text.contains("41 to add, 0 to change, 0 to remove, 5 cannot be undone"),
            "{text}"
        );
        let (code, text) = run(rig, &["apply", file, "--yes"]);
        assert!(code == 3 && text.contains("--allow NOT_UNDOABLE"), "{text}");
        assert_eq!(
            rig.text("select count(*)::text from _timescaledb_catalog.hypertable")
                .await,
            "0"
        );
        let (code, text) = run(rig, &["apply", file, "--yes", "--allow", "NOT_UNDOABLE"]);
        assert!(
            code == 0 && text.contains("verified: the database is as the file says"),
            "{version:?}: {text}"
        );
        let (code, text) = run(rig, &["plan", file]);
        assert!(
            code == 0 && text.contains("no difference"),
            "{version:?}: {text}"
        );
        let (code, text) = run(rig, &["plan", "--drift", file]);
        assert_eq!((code, text.as_str()), (0, ""));
        let jobs = rig.text("select string_agg(distinct format('%s %s', proc_name, scheduled), ', ') from timescaledb_information.jobs where job_id >= 1000").await;
        assert_eq!(
            jobs,
            "policy_compression t, policy_refresh_continuous_aggregate t, policy_retention t"
        );
        let (code, exported) = run(rig, &["export", "mes.*"]);
        assert_eq!(code, 0, "{exported}");
        let back = files.write("exported.toml", &exported);
        let (code, text) = run(rig, &["plan", back.to_str().unwrap()]);
        assert_eq!(code, 0, "{version:?}: {text}\n{exported}");
        remade_by_its_script(rig, file, version).await;
        let text = succeeds(version, rig, &["rollback", "1", "-y"]);
        let left = rig
            .text("select count(*)::text from timescaledb_information.jobs where job_id >= 1000")
            .await;
        let views = rig
            .text("select count(*)::text from _timescaledb_catalog.continuous_agg")
            .await;
        assert_eq!((left.as_str(), views.as_str()), ("0", "0"), "{text}");
        // The tables stay hypertables, as the plan said.
        assert_eq!(
            rig.text("select count(*)::text from timescaledb_information.hypertables")
                .await,
            "5"
        );
    });
}

/// The exported script makes the same setup in a new database, from the same tables.
async fn remade_by_its_script(rig: &Rig, file: &str, version: Version) {
    let (code, script) = run(rig, &["export", "--sql"]);
    assert_eq!(code, 0, "{script}");
    let again = remade(rig, TABLES, &script).await;
    let output = command(&again.conninfo, rig.state_home(), &["plan", file])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{version:?}: {text}");
}

#[test]
fn an_export_of_hostile_names_is_no_difference() {
    triage::on_each("hostile_file", HOSTILE, async |rig, version| {
        let files = Files::new();
        for full in [&["export"][..], &["export", "--full"]] {
            let (code, exported) = run(rig, full);
            assert_eq!(code, 0, "{exported}");
            let path = files.write("exported.toml", &exported);
            let (code, text) = run(rig, &["plan", path.to_str().unwrap()]);
            assert_eq!(code, 0, "{version:?} {full:?}: {text}\n{exported}");
        }
        let (code, text) = run(rig, &["export", "nobody.*"]);
        assert!(code == 1 && text.contains("nobody.*"), "{text}");
    });
}

#[test]
fn each_setting_changed_by_hand_is_named_alone_and_put_right() {
    let changes: &[(&str, &str)] = &[
        (
            r#"select set_chunk_time_interval('"Wé.s"."o""dd na.me"', interval '2 days')"#,
            r#"~ "Wé.s"."o""dd na.me": chunk interval: chunk_interval: 2d -> 1d 12h"#,
        ),
        (
            "select alter_job(job_id, config => jsonb_set(config, '{compress_after}', '\"9 days\"')) from timescaledb_information.jobs where proc_name = 'policy_compression'",
            r#"~ "Wé.s"."o""dd na.me": compression policy: compress.after: 9d -> 1mon 3d"#,
        ),
        (
            "select alter_job(job_id, schedule_interval => interval '3 hours') from timescaledb_information.jobs where proc_name = 'policy_compression'",
            r#"~ "Wé.s"."o""dd na.me": compression policy: compress.every: 3h -> "#,
        ),
        (
            "select alter_job(job_id, config => jsonb_set(config, '{drop_after}', '\"2 years\"')) from timescaledb_information.jobs where proc_name = 'policy_retention' and hypertable_name <> 'order'",
            r#"~ "Wé.s"."o""dd na.me": retention policy: retain.after: 2y -> 1y"#,
        ),
        (
            "select alter_job(job_id, config => jsonb_set(config, '{drop_after}', '7000')) from timescaledb_information.jobs where proc_name = 'policy_retention' and hypertable_name = 'order'",
            r#"~ public."order": retention policy: retain.after: 7000 -> 5000"#,
        ),
        (
            "select alter_job(job_id, config => jsonb_set(config, '{end_offset}', '\"4 days\"')) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'",
            r#"~ "Wé.s"."v ""1""": refresh policy: refresh.end: 4d -> 2d"#,
        ),
        (
            "select alter_job(job_id, scheduled => true) from timescaledb_information.jobs where proc_name = 'policy_retention' and hypertable_name <> 'order'",
            "retain.paused: false -> true",
        ),
        (
            r#"alter materialized view "Wé.s"."v ""1""" set (timescaledb.materialized_only = true)"#,
            r#"~ "Wé.s"."v ""1""": real-time aggregation: materialized_only: true -> false"#,
        ),
        (
            r#"alter table "Wé.s"."o""dd na.me" set (timescaledb.compress, timescaledb.compress_segmentby = '"De v"', timescaledb.compress_orderby = '"T s"')"#,
            "compress.order_by",
        ),
        (
            r#"drop index "Wé.s"."i 1""#,
            r#"+ "Wé.s"."o""dd na.me": index: index: ("De v", "T s" DESC) where "De v" > 3"#,
        ),
        (
            "select delete_job(job_id) from timescaledb_information.jobs where proc_name = 'policy_refresh_continuous_aggregate'",
            r#"+ "Wé.s"."v ""1""": refresh policy: refresh: from the beginning to 2d before now, every "#,
        ),
    ];
    triage::on_each("drift_file", HOSTILE, async |rig, version| {
        let files = Files::new();
        let (_, exported) = run(rig, &["export"]);
        let path = files.write("exported.toml", &exported);
        let file = path.to_str().unwrap();
        let before = state(rig).await;
        for (sql, words) in changes {
            rig.sql(sql).await;
            let (code, text) = run(rig, &["plan", "--drift", file]);
            assert_eq!(code, 2, "{version:?} {sql}: {text}");
            assert_eq!(text.lines().count(), 1, "{version:?} {sql}: {text}");
            assert!(text.contains(words), "{version:?} {sql}: {text}");
            let allowed = "DELETES_DATA,IMMEDIATE_RUN,ACCESS_EXCLUSIVE";
            let (code, text) = run(rig, &["apply", file, "--yes", "--allow", allowed]);
            assert_eq!(code, 0, "{version:?} {sql}: {text}");
            assert_eq!(state(rig).await, before, "{version:?} {sql}: {text}");
        }
    });
}

#[test]
fn a_window_may_grow_with_the_retention_of_the_same_file_and_a_shorter_retention_needs_its_hazard()
{
    let source = format!("{TABLES}; select 1");
    triage::on_each("guard_file", &source, async |rig, version| {
        let files = Files::new();
        let short = FACTORY.replace("after = \"90 days\"", "after = \"30 days\"");
        let path = files.write("short.toml", &short);
        succeeds(
            version,
            rig,
            &[
                "apply",
                path.to_str().unwrap(),
                "-y",
                "--allow",
                "NOT_UNDOABLE",
            ],
        );
        let wide = FACTORY.replace(
            "start = \"2h\", end = \"1m\"",
            "start = \"45 days\", end = \"1m\"",
        );
        let path = files.write("wide.toml", &wide);
        let saved = files.0.path().join("plan.json");
        let (file, plan) = (path.to_str().unwrap(), saved.to_str().unwrap());
        let (code, text) = run(rig, &["plan", file, "--out", plan]);
        assert!(
            code == 2 && text.contains("0 to add, 2 to change"),
            "{version:?}: {text}"
        );
        assert!(!text.contains("hazard"), "{text}");
        succeeds(version, rig, &["apply", plan, "-y"]);
        // The same plan does not fit any more.
        let (code, text) = run(rig, &["apply", plan, "-y"]);
        assert!(
            code == 3 && text.contains("changed since the plan was saved"),
            "{version:?}: {text}"
        );
        let shorter = wide.replace("after = \"90 days\"", "after = \"20 days\"");
        let path = files.write("shorter.toml", &shorter);
        let file = path.to_str().unwrap();
        let before = state(rig).await;
        let (code, text) = run(rig, &["apply", file, "-y"]);
        assert!(
            code == 3 && text.contains("--allow DELETES_DATA"),
            "{version:?}: {text}"
        );
        assert_eq!(state(rig).await, before);
        succeeds(
            version,
            rig,
            &["apply", file, "-y", "--allow", "deletes_data"],
        );
        succeeds(version, rig, &["rollback", "3", "-y"]);
        assert_eq!(state(rig).await, before);
    });
}

#[test]
fn what_the_file_removes_is_removed_and_comes_back() {
    triage::on_each("remove_file", HOSTILE, async |rig, version| {
        rig.sql(r#"select add_reorder_policy('"Wé.s"."o""dd na.me"', 'lowered')"#)
            .await;
        let files = Files::new();
        let (_, exported) = run(rig, &["export"]);
        let before = state(rig).await;
        let none = |text: &str, key: &str| -> String {
            let line = |line: &str| {
                if line.starts_with(&format!("{key} = ")) {
                    format!("{key} = \"none\"\n")
                } else {
                    format!("{line}\n")
                }
            };
            text.lines().map(line).collect()
        };
        let other = exported.replace(
            "reorder = { index = \"lowered\"",
            "reorder = { index = \"o\\\"dd na.me_T s_idx\"",
        );
        let other = none(&none(&none(&other, "compress"), "retain"), "refresh");
        let path = files.write("none.toml", &other);
        let file = path.to_str().unwrap();
        let args = [
            "apply",
            file,
            "-y",
            "--allow",
            "DELETES_DATA,IMMEDIATE_RUN,ACCESS_EXCLUSIVE,NOT_UNDOABLE",
        ];
        let (code, text) = run(rig, &args);
        assert_eq!(code, 0, "{version:?}: {text}\n{other}");
        let left = rig.text("select string_agg(proc_name || coalesce(' ' || (config ->> 'index_name'), ''), ', ') from timescaledb_information.jobs where job_id >= 1000").await;
        assert_eq!(
            left, "policy_reorder o\"dd na.me_T s_idx",
            "{version:?}: {text}"
        );
        succeeds(version, rig, &["plan", file]);
        let text = succeeds(version, rig, &["rollback", "1", "-y"]);
        assert_eq!(state(rig).await, before, "{version:?}: {text}");
    });
}

#[test]
fn a_table_with_rows_names_what_its_first_policies_do_to_them() {
    let source = "create schema m; create table m.a (ts timestamptz not null, v int);
insert into m.a select now() - n * interval '1 day', n from generate_series(1, 400) n";
    triage::on_each("filled_file", source, async |rig, version| {
        let files = Files::new();
        let path = files.write(
            "filled.toml",
            "[[hypertable]]\nname = \"m.a\"\ntime = \"ts\"\nretain = { after = \"30 days\" }\n",
        );
        let file = path.to_str().unwrap();
        let (code, text) = run(rig, &["apply", file, "-y", "--allow", "NOT_UNDOABLE"]);
        assert!(
            code == 3 && text.contains("DELETES_DATA") && text.contains("ACCESS_EXCLUSIVE"),
            "{version:?}: {text}"
        );
        assert_eq!(rig.text("select count(*)::text from m.a").await, "400");
        assert_eq!(
            rig.text("select count(*)::text from _timescaledb_catalog.hypertable")
                .await,
            "0"
        );
    });
}

#[test]
fn a_hierarchy_of_aggregates_is_removed_in_one_plan() {
    triage::on_each("absent_file", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("factory.toml", FACTORY);
        succeeds(
            version,
            rig,
            &[
                "apply",
                path.to_str().unwrap(),
                "-y",
                "--allow",
                "NOT_UNDOABLE",
            ],
        );
        let gone = "[[aggregate]]\nname = \"mes.oee_*\"\nabsent = true\n[[aggregate]]\nname = \"mes.oee_hourly\"\nabsent = false\n";
        let path = files.write("gone.toml", gone);
        let text = succeeds(
            version,
            rig,
            &[
                "apply",
                path.to_str().unwrap(),
                "-y",
                "--allow",
                "DELETES_DATA",
            ],
        );
        let left = rig.text("select string_agg(user_view_name, ' ' order by user_view_name) from _timescaledb_catalog.continuous_agg where user_view_name like 'oee%'").await;
        assert_eq!(left, "oee_hourly", "{version:?}: {text}");
    });
}

#[test]
fn two_applies_at_once_are_one_and_a_refusal() {
    triage::on_each("lock_file", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("factory.toml", FACTORY);
        // Another session has the lock of an apply, for as long as this client lives.
        let other = support::client(&rig.conninfo).await;
        other.batch_execute(APPLY_LOCK).await.unwrap();
        let args = [
            "apply",
            path.to_str().unwrap(),
            "-y",
            "--allow",
            "NOT_UNDOABLE",
        ];
        let (code, text) = run(rig, &args);
        assert!(
            code == 3 && text.contains("another apply runs"),
            "{version:?}: {text}"
        );
        other
            .batch_execute("select pg_advisory_unlock_all()")
            .await
            .unwrap();
        succeeds(version, rig, &args);
    });
}

#[test]
fn an_apply_that_is_killed_at_any_step_is_completed_by_the_next_one() {
    triage::on_each("kill_file", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("factory.toml", FACTORY);
        let args = [
            "apply",
            path.to_str().unwrap(),
            "-y",
            "--allow",
            "NOT_UNDOABLE",
        ];
        // Each apply is killed when it begins its third step, until an apply has fewer than three steps left.
        let mut kills = 0;
        loop {
            let mut child = command(&rig.conninfo, rig.state_home(), &args)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let said = std::io::BufReader::new(child.stderr.take().unwrap());
            let lines = std::io::BufRead::lines(said).map_while(Result::ok);
            let mut last = Vec::new();
            let mut killed = false;
            for line in lines {
                killed = line.starts_with("[3/");
                last.push(line);
                if killed {
                    break;
                }
            }
            if killed {
                child.kill().unwrap();
                kills += 1;
            }
            let ended = child.wait().unwrap();
            if !killed {
                assert!(ended.success(), "{version:?}: {last:#?}");
                break;
            }
        }
        assert!(kills > 8, "{version:?}: {kills}");
        succeeds(version, rig, &args);
        succeeds(version, rig, &["plan", path.to_str().unwrap()]);
        let entries = rig.actor.journal.entries().unwrap();
        let mut ids = vec!["rollback".to_owned(), "-y".to_owned()];
        // An apply that was killed early has done nothing that has an undo.
        let done = entries
            .all
            .iter()
            .filter(|entry| entry.done().iter().any(|step| !step.undo.is_empty()));
        ids.extend(done.map(|entry| entry.begin.id.to_string()));
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let text = succeeds(version, rig, &ids);
        let left = rig
            .text("select count(*)::text from timescaledb_information.jobs where job_id >= 1000")
            .await;
        let views = rig
            .text("select count(*)::text from _timescaledb_catalog.continuous_agg")
            .await;
        assert_eq!((left.as_str(), views.as_str()), ("0", "0"), "{text}");
    });
}

#[test]
fn every_kind_of_mistake_names_the_line_and_the_fix_and_changes_nothing() {
    let mistakes = [
        ("[[hypertable]]\nname = \"mes\"\n", 1, "is not schema.name"),
        (
            "[[hypertable]]\nname = \"mes.nothing\"\ntime = \"ts\"\n",
            1,
            "hypertop creates no tables",
        ),
        (
            "[[hypertable]]\nname = \"mes.energy_consumption\"\nretain = { after = 90 }\n",
            1,
            "90 has no unit",
        ),
        (
            "[[hypertable]]\nname = \"mes.energy_consumption\"\nretain = { after = \"soon\" }\n",
            1,
            "is not an interval",
        ),
        (
            "[[hypertable]]\nname = \"mes.energy_consumption\"\nretian = { after = \"1d\" }\n",
            1,
            "unknown field `retian`",
        ),
        (
            "[[hypertable]]\nname = \"mes.energy_consumption\"\nchunk_interval = \"-1 day\"\n",
            1,
            "longer than zero",
        ),
        (
            "[[hypertable]]\nname = \"mes.energy_consumption\"\n[[hypertable]]\nname = \"mes.energy_consumption\"\n",
            1,
            "already has an entry, in line 2",
        ),
        (
            "[[aggregate]]\nname = \"mes.new\"\n",
            1,
            "name its source: from",
        ),
        (
            "[[index]]\non = \"mes.energy_consumption\"\n",
            1,
            "columns: an index needs at least one",
        ),
        ("[[hypertable\n", 1, "TOML parse error at line 1"),
        ("[expect]\nsaving = \"much\"\n", 1, "is not a percentage"),
    ];
    with_targets(|targets| {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new();
        for target in &targets.all {
            for (text, code, words) in mistakes {
                let path = files.write("wrong.toml", text);
                let output = command(
                    &target.conninfo,
                    folder.path(),
                    &["plan", path.to_str().unwrap()],
                )
                .output()
                .unwrap();
                let said = String::from_utf8(output.stderr).unwrap();
                assert_eq!(
                    output.status.code(),
                    Some(code),
                    "{}: {text}: {said}",
                    target.name
                );
                assert!(
                    said.contains(words) && said.contains("wrong.toml"),
                    "{}: {text}: {said}",
                    target.name
                );
            }
            let output = command(
                &target.conninfo,
                folder.path(),
                &["plan", "/nonexistent.toml"],
            )
            .output()
            .unwrap();
            assert_eq!(output.status.code(), Some(1));
            let output = command(&target.conninfo, folder.path(), &["plan"])
                .output()
                .unwrap();
            assert_eq!(
                output.status.code(),
                Some(1),
                "a wrong command line is no drift"
            );
        }
        let path = files.write("fine.toml", "[[hypertable]]\nname = \"mes.metric_hist\"\n");
        let output = command(
            "host=/nonexistent dbname=x",
            folder.path(),
            &["plan", path.to_str().unwrap()],
        )
        .output()
        .unwrap();
        assert_eq!(output.status.code(), Some(1), "an outage is no drift");
    });
}

#[test]
fn the_demo_exported_is_no_difference_and_a_changed_policy_is_found_and_put_right() {
    with_targets(|targets| {
        for target in &targets.all {
            let (folder, files) = (tempfile::tempdir().unwrap(), Files::new());
            let run = |args: &[&str]| {
                let output = command(&target.conninfo, folder.path(), args)
                    .output()
                    .unwrap();
                let err = String::from_utf8(output.stderr).unwrap();
                (
                    output.status.code().unwrap(),
                    String::from_utf8(output.stdout).unwrap() + &err,
                )
            };
            let (code, exported) = run(&["export"]);
            assert_eq!(code, 0, "{}: {exported}", target.name);
            let path = files.write("demo.toml", &exported);
            let (code, text) = run(&["plan", path.to_str().unwrap(), "--format", "json"]);
            let read: Json = serde_json::from_str(&text).unwrap();
            assert!(code == 0 && read["same"] == true, "{}: {text}", target.name);
            let other = exported.replace(
                "[[hypertable]]\nname = \"mes.oee_calculations\"",
                "[[hypertable]]\nname = \"mes.oee_calculations\"\nwhy = \"annual reporting\"",
            );
            let at = other.find("mes.oee_calculations").unwrap();
            let retain = at + other[at..].find("retain = { after = ").unwrap();
            let end = retain + other[retain..].find(',').unwrap();
            let other = format!(
                "{}retain = {{ after = \"700d\"{}",
                &other[..retain],
                &other[end..]
            );
            let path = files.write("other.toml", &other);
            let file = path.to_str().unwrap();
            let (code, text) = run(&["plan", file]);
            assert!(
                code == 2 && text.contains("-> 700d") && text.contains("why: annual reporting"),
                "{}: {text}",
                target.name
            );
            let (code, text) = run(&["apply", file, "-y"]);
            assert_eq!(code, 0, "{}: {text}", target.name);
            let (code, text) = run(&["plan", file]);
            assert_eq!(code, 0, "{}: {text}", target.name);
            let (code, text) = run(&["rollback", "1", "-y"]);
            assert_eq!(code, 0, "{}: {text}", target.name);
            let path = files.write("demo.toml", &exported);
            let (code, text) = run(&["plan", path.to_str().unwrap()]);
            assert_eq!(code, 0, "{}: {text}", target.name);
        }
    });
}

#[test]
fn validation_says_before_what_stands_in_the_way_and_after_what_holds_and_what_must_wait() {
    triage::on_each("valid_file", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("factory.toml", FACTORY);
        let file = path.to_str().unwrap();
        let before = ["validate", "--before", file, "--i-have-a-backup"];
        let text = succeeds(version, rig, &before);
        assert!(
            text.contains("ok      plan: 41 to add"),
            "{version:?}: {text}"
        );
        for words in [
            "ok      replication lag: ",
            "ok      replication slots: ",
            "ok      workers: ",
        ] {
            assert!(text.contains(words), "{version:?}: {words}: {text}");
        }
        let other = support::client(&rig.conninfo).await;
        other
            .batch_execute("begin; lock table mes.metric_hist in access exclusive mode")
            .await
            .unwrap();
        let (code, text) = run(rig, &["validate", "--after", file]);
        assert!(
            code == 2 && text.contains("failed  the database is as the file says: + "),
            "{version:?}: {text}"
        );
        other.batch_execute("rollback").await.unwrap();
        succeeds(
            version,
            rig,
            &["apply", file, "-y", "--allow", "NOT_UNDOABLE"],
        );
        let report = files.0.path().join("report.md");
        let text = succeeds(
            version,
            rig,
            &[
                "validate",
                "--after",
                file,
                "--report",
                report.to_str().unwrap(),
            ],
        );
        for words in [
            "ok      the database is as the file says: nothing differs",
            "ok      the number of hypertables is 5: 5",
            "ok      the number of aggregates is 8 or more: 8",
            "ok      the number of indexes is 15 or more: ",
            "pending mes.metric_hist saves at least 70 %: no chunk older than 7d is compressed yet",
        ] {
            assert!(text.contains(words), "{version:?}: {words}: {text}");
        }
        let written = std::fs::read_to_string(&report).unwrap();
        assert!(
            written.contains("# Validation after apply")
                && written.contains("| ok | the number of hypertables is 5 | 5 |"),
            "{written}"
        );
        rig.sql("drop materialized view mes.oee_weekly").await;
        let (code, text) = run(rig, &["validate", "--after", file]);
        assert!(
            code == 2 && text.contains("failed  the number of aggregates is 8 or more: 7"),
            "{version:?}: {text}"
        );
        let (code, text) = run(rig, &["validate", file]);
        assert!(code == 1 && text.contains("--after"), "{text}");
    });
}

/// An hourly aggregate with an average, and a daily aggregate over it. Besides TimescaleDB's own indexes there are indexes of users.
const MADE: &str = "create schema mes;
create table mes.energy_consumption (ts timestamptz not null, meter_id int not null, kwh float8, tag text);
select create_hypertable('mes.energy_consumption', 'ts');
create index by_meter on mes.energy_consumption (meter_id, ts desc);
create materialized view mes.hourly with (timescaledb.continuous) as
  select time_bucket('1 hour', ts) as b, meter_id, count(*) as n, avg(kwh) as average_kwh from mes.energy_consumption where tag <> 'a  b' group by 1, 2 with no data;
create index on mes.hourly (n, b desc);
create index on mes.hourly (meter_id);
create index on mes.hourly (b);
create materialized view mes.daily with (timescaledb.continuous) as
  select time_bucket('1 day', b) as b, meter_id, avg(average_kwh) as wrong, max(average_kwh) as most, avg(n) as fine from mes.hourly group by 1, 2 with no data;
select add_retention_policy('mes.energy_consumption', interval '90 days');
select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name = 'policy_retention'";

#[test]
fn indexes_of_people_on_an_aggregate_are_exported_and_those_of_timescaledb_are_not() {
    triage::on_each("index_file", MADE, async |rig, version| {
        let files = Files::new();
        let exported = succeeds(version, rig, &["export"]);
        let columns = |list: &str| exported.contains(&format!("columns = [{list}]"));
        for list in [
            "\"n\", \"b DESC\"",
            "\"meter_id\"",
            "\"b\"",
            "\"meter_id\", \"ts DESC\"",
        ] {
            assert!(columns(list), "{version:?}: {list}: {exported}");
        }
        for list in ["\"meter_id\", \"b DESC\"", "\"b DESC\"", "\"ts DESC\""] {
            assert!(!columns(list), "{version:?}: {list}: {exported}");
        }
        let path = files.write("made.toml", &exported);
        succeeds(version, rig, &["plan", path.to_str().unwrap()]);
    });
}

#[test]
fn what_another_session_locks_is_unknown_and_neither_the_same_nor_missing() {
    triage::on_each("locked_file", MADE, async |rig, version| {
        let files = Files::new();
        let exported = succeeds(version, rig, &["export"]);
        let path = files.write("made.toml", &exported);
        let other = support::client(&rig.conninfo).await;
        let view = rig.text("select format('%I.%I', direct_view_schema, direct_view_name) from _timescaledb_catalog.continuous_agg where user_view_name = 'hourly'").await;
        other
            .batch_execute(&format!(
                "begin; lock table {view} in access exclusive mode"
            ))
            .await
            .unwrap();
        let (code, text) = run(rig, &["plan", "--drift", path.to_str().unwrap()]);
        assert_eq!(code, 3, "{version:?}: {text}");
        for words in [
            "! mes.hourly: its query is unknown because of a lock of another session",
            "! mes.energy_consumption: its indexes are unknown because of a lock of another session",
        ] {
            assert!(text.contains(words), "{version:?}: {words}: {text}");
        }
        assert!(!text.contains("+ "), "{version:?}: {text}");
        let (code, text) = run(rig, &["export"]);
        assert!(
            code != 0 && text.contains("the query of mes.hourly is unknown"),
            "{version:?}: {code} {text}"
        );
        other.batch_execute("rollback").await.unwrap();
        succeeds(version, rig, &["plan", path.to_str().unwrap()]);
    });
}

#[test]
fn an_index_that_another_session_is_building_is_neither_dropped_nor_built_again() {
    triage::on_each("building_file", MADE, async |rig, version| {
        let files = Files::new();
        rig.sql("insert into mes.energy_consumption select now(), 1, 1")
            .await;
        let exported = succeeds(version, rig, &["export"]);
        let index =
            "\n[[index]]\non = \"mes.energy_consumption\"\nname = \"slow\"\ncolumns = [\"kwh\"]\n";
        let wanted = files.write("wanted.toml", &format!("{exported}{index}"));
        let absent = index.replace("columns = [\"kwh\"]", "absent = true");
        let absent = files.write("absent.toml", &format!("{exported}{absent}"));
        let made = files.write("made.toml", &format!("owns = [\"mes.*\"]\n{exported}"));
        let holder = support::client(&rig.conninfo).await;
        holder
            .batch_execute("begin; do $$ begin execute format('lock table %s in row exclusive mode', (select show_chunks('mes.energy_consumption') limit 1)); end $$")
            .await
            .unwrap();
        let builder = support::client(&rig.conninfo).await;
        let row = builder.query_one("select pg_backend_pid()::text", &[]);
        let pid: String = row.await.unwrap().get(0);
        let build = tokio::spawn(async move {
            builder.batch_execute("create index slow on mes.energy_consumption (kwh) with (timescaledb.transaction_per_chunk)").await.unwrap();
        });
        let begun = format!(
            "select count(*) from pg_index where cardinality(pg_blocking_pids({pid})) > 0 and not indisvalid"
        );
        while rig.text(&begun).await == "0" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let words = format!(
            "! index slow is being built by pid {pid}: nothing is changed before the build ends"
        );
        for (file, options) in [(&wanted, &[][..]), (&absent, &[]), (&made, &["--prune"])] {
            let args = [&["plan", file.to_str().unwrap()], options].concat();
            let (_, text) = run(rig, &args);
            assert!(text.contains(&words), "{version:?}: {args:?}: {text}");
            assert!(
                !text.contains("+ index") && !text.contains("is dropped"),
                "{version:?}: {args:?}: {text}"
            );
        }
        holder.batch_execute("rollback").await.unwrap();
        build.await.unwrap();
        succeeds(version, rig, &["plan", wanted.to_str().unwrap()]);
    });
}

#[test]
fn spaces_in_a_literal_count_and_what_is_owned_and_not_named_is_said_and_a_resumed_policy_is_told_as_it_will_be()
 {
    triage::on_each("said_file", MADE, async |rig, version| {
        let files = Files::new();
        let exported = succeeds(version, rig, &["export"]);
        let path = files.write("spaced.toml", &exported.replace("'a  b'", "'a b'"));
        let file = path.to_str().unwrap();
        let (code, text) = run(rig, &["plan", file]);
        assert!(
            code == 3 && text.contains("! its query differs from the file's"),
            "{version:?}: {text}"
        );
        let (_, text) = run(rig, &["apply", file, "-y"]);
        let refused = text
            .lines()
            .filter(|line| line.starts_with("hypertop: "))
            .collect::<String>();
        assert_eq!(
            refused.matches("its query differs").count(),
            1,
            "{version:?}: {text}"
        );

        let text = run(rig, &["lint", file]).1;
        let line = text
            .lines()
            .find(|line| line.contains("mes.daily: avg() of average_kwh"));
        let before = exported.rsplit_once("\nquery = ").unwrap().0;
        let query = before.lines().count() + 1;
        let place = format!("{file}:{query}:9: mes.daily: ");
        assert!(
            line.is_some_and(|line| line.starts_with(&place)),
            "{version:?}: {place}: {text}"
        );
        let (_, text) = run(rig, &["plan", file]);
        assert!(
            text.contains(&format!("! {place}avg()")),
            "{version:?}: {text}"
        );
        assert!(!text.contains("mes.hourly: avg"), "{version:?}: {text}");

        let owned = "owns = [\"mes.*\"]\n[[hypertable]]\nname = \"mes.energy_consumption\"\nretain = { after = \"60 days\" }\n";
        let path = files.write("owned.toml", owned);
        let file = path.to_str().unwrap();
        let (_, text) = run(rig, &["plan", file]);
        assert!(
            text.contains("drop_after (60 days)") && !text.contains("drop_after (90 days)"),
            "{version:?}: {text}"
        );
        let text = succeeds(
            version,
            rig,
            &["apply", file, "-y", "--allow", "DELETES_DATA,IMMEDIATE_RUN"],
        );
        let after = text.split("verified: ").nth(1).unwrap_or_default();
        assert!(
            after.contains("--prune removes them")
                && after.contains("? mes.daily: ")
                && !after.contains("the database is as the file says"),
            "{version:?}: {text}"
        );
    });
}

#[test]
fn a_place_in_a_file_counts_lines_and_columns_from_1() {
    let text = "[[hypertable]]\nname = \"mes\"\n";
    let wrong = hypertop::model::setup::file::Wanted::parse("x.toml", text).unwrap_err();
    assert!(wrong.starts_with("x.toml:2:8: "), "{wrong}");
}
