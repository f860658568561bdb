//! Previews: missing rights, holders of locks, irreversible plans. Also the output on the command line if nothing was changed.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Command, Output, Stdio};

use hypertop::actions::preview;
use hypertop::config;
use hypertop::connect::conninfo::Surroundings;
use hypertop::journal::Journal;
use hypertop::model::version::Version;
use serde_json::Value as Json;
use support::act::Rig;
use support::client;
use support::own::{databases, on_own};

/// Tables, an aggregate and policies of the role `keeper`. No job runs by itself.
const KEPT: &str = "
set client_min_messages = error;
do $$ begin create role keeper login; exception when duplicate_object then null; end $$;
do $$ begin create role stranger login; exception when duplicate_object then null; end $$;
do $$ begin create role landlord login; exception when duplicate_object then null; end $$;
grant all on schema public to keeper, stranger, landlord;
set role keeper;
create table public.m (ts timestamptz not null, d int not null, v float);
select public.create_hypertable('public.m', 'ts', chunk_time_interval => interval '1 day');
insert into public.m select now() - g * interval '2 hours', g % 3, g from generate_series(1, 40) g;
create index by_d on public.m (d, ts);
create materialized view public.a with (timescaledb.continuous) as
  select public.time_bucket('1 hour', ts) b, sum(v) s from public.m group by 1 with no data;
create table public.packed (ts timestamptz not null, d int not null, v float);
select public.create_hypertable('public.packed', 'ts', chunk_time_interval => interval '1 day');
insert into public.packed select now() - g * interval '2 hours', g % 3, g from generate_series(1, 40) g;
alter table public.packed set (timescaledb.compress, timescaledb.compress_segmentby = 'd');
select public.compress_chunk(c) from public.show_chunks('public.packed', older_than => interval '2 days') c;
begin;
select public.add_retention_policy('public.m', interval '900 days');
select public.add_compression_policy('public.packed', interval '900 days');
select public.add_continuous_aggregate_policy('public.a', interval '9 days', interval '1 hour', interval '1 day');
select public.alter_job(id, next_start => '2040-01-01') from _timescaledb_config.bgw_job where id >= 1000;
commit;
reset role;";

type Set = &'static [(&'static str, &'static str)];

/// An action of each kind, except those on jobs and sessions.
const ACTIONS: &[(&str, &str, Set)] = &[
    ("set-chunk-interval", "m", &[("interval", "2 days")]),
    ("enable-compression", "m", &[("segment_by", "d")]),
    ("edit-retention-policy", "m", &[("drop_after", "800 days")]),
    ("remove-retention-policy", "m", &[]),
    (
        "add-retention-policy",
        "packed",
        &[("drop_after", "900 days")],
    ),
    (
        "drop-chunks",
        "m",
        &[("drop_after", "2 days"), ("override_data_loss", "yes")],
    ),
    (
        "add-reorder-policy",
        "m",
        &[("index", "by_d"), ("first_run", "1 day")],
    ),
    ("create-index", "m", &[("columns", "v"), ("name", "by_v")]),
    ("drop-index", "public.by_d", &[]),
    ("edit-refresh-policy", "a", &[("start_offset", "8 days")]),
    ("remove-refresh-policy", "a", &[]),
    ("switch-real-time", "a", &[]),
    ("refresh-aggregate", "a", &[]),
    (
        "edit-compression-policy",
        "packed",
        &[("compress_after", "800 days")],
    ),
    ("remove-compression-policy", "packed", &[]),
    ("decompress-chunks", "packed", &[("chunks", "all")]),
    ("compress-chunks", "packed", &[("older_than", "1 day")]),
];

#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
fn on_each(test: impl AsyncFn(&Rig, Version)) {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            for statement in KEPT.split(";\n") {
                rig.sql(statement).await;
            }
            let version = Version::parse(&rig.name).unwrap();
            test(&rig, version).await;
        }
    });
}

async fn as_role(rig: &Rig, role: &str) -> Rig {
    let conninfo = rig
        .conninfo
        .replace("user=postgres", &format!("user={role}"));
    Rig::on(&rig.name, &conninfo).await
}

/// The inputs without those that this version's form lacks.
async fn fields(
    rig: &Rig,
    action: &str,
    target: &str,
    set: Set,
) -> Vec<(&'static str, &'static str)> {
    let form = rig
        .form(action, target)
        .await
        .unwrap_or_else(|why| panic!("{}: {action}: {why}", rig.name));
    let known = |key: &str| form.fields.iter().any(|field| field.name == key);
    set.iter().filter(|(key, _)| known(key)).copied().collect()
}

#[test]
fn who_lacks_the_rights_is_warned_by_every_action_just_where_the_server_refuses() {
    on_each(async |rig, version| {
        rig.sql("do $$ begin execute format('alter database %I owner to landlord', current_database()); end $$").await;
        for role in ["stranger", "landlord"] {
            let other = as_role(rig, role).await;
            for (action, target, set) in ACTIONS {
                let set = fields(rig, action, target, set).await;
                let approved = other
                    .plan(action, target, &set)
                    .await
                    .unwrap_or_else(|why| panic!("{version}: {action}: {why}"));
                let warned = approved
                    .plan
                    .notes
                    .iter()
                    .any(|note| note.text.contains("the server will refuse (GRANT"));
                let report = other.perform(&approved).await.unwrap();
                let refused = report
                    .problems
                    .iter()
                    .any(|(_, problem)| problem.sqlstate.as_deref() == Some("42501"));
                assert_eq!(
                    warned, refused,
                    "{version}: {role}: {action}: {:?} {:?}",
                    approved.plan.notes, report.problems
                );
                if role == "stranger" {
                    assert!(refused, "{version}: {action}: {report:?}");
                } else if !refused {
                    assert_eq!(report.problems, [], "{version}: {action}");
                    if report.can_be_undone {
                        // The schema's owner drops the index, but only the table's owner can create it again, as the
                        // preview says.
                        let undo = approved.plan.undo.text();
                        let able = !undo.contains("landlord cannot undo this");
                        assert_eq!(able, *action != "drop-index", "{version}: {action}: {undo}");
                        rig_rollback(if able { &other } else { rig }, &other, report.id).await;
                    }
                }
            }
            drop(other);
        }
        rig.sql("do $$ begin execute format('alter database %I owner to postgres', current_database()); end $$").await;
    });
}

/// Rolls back an entry of another rig's journal.
async fn rig_rollback(rig: &Rig, of: &Rig, id: u64) {
    let mut rig = Rig::on(&rig.name, &rig.conninfo).await;
    rig.actor.journal = of.actor.journal.clone();
    let approved = rig.rollback_plan(&[id]).await.unwrap();
    let report = rig.perform(&approved).await.unwrap();
    assert_eq!(report.problems, [], "{}: {}", rig.name, approved.plan.title);
}

#[test]
fn the_owner_is_warned_of_nothing_but_of_each_right_that_is_taken_away() {
    on_each(async |rig, version| {
        let keeper = as_role(rig, "keeper").await;
        for (action, target, set) in ACTIONS {
            let set = fields(rig, action, target, set).await;
            let approved = keeper.plan(action, target, &set).await.unwrap();
            let said = approved
                .plan
                .notes
                .iter()
                .find(|note| note.text.contains("the server will refuse"));
            assert!(said.is_none(), "{version}: {action}: {said:?}");
        }
        for (take, give, action, target, set, why) in [
            (
                "revoke all on schema public from public, keeper; grant usage on schema public to keeper",
                "grant all on schema public to keeper",
                "create-index",
                "m",
                &[("columns", "v")][..],
                "may not create objects in schema public",
            ),
            (
                "revoke execute on function public.set_chunk_time_interval from public",
                "grant execute on function public.set_chunk_time_interval to public",
                "set-chunk-interval",
                "m",
                &[("interval", "2 days")],
                "may not execute set_chunk_time_interval",
            ),
        ] {
            rig.sql(take).await;
            let approved = keeper.plan(action, target, set).await.unwrap();
            let warned = approved
                .plan
                .notes
                .iter()
                .any(|note| note.text.contains(why));
            assert!(warned, "{version}: {action}: {:?}", approved.plan.notes);
            let report = keeper.perform(&approved).await.unwrap();
            assert_eq!(
                report.problems[0].1.sqlstate.as_deref(),
                Some("42501"),
                "{version}: {report:?}"
            );
            rig.sql(give).await;
        }
    });
}

#[test]
fn who_holds_a_lock_is_named_whatever_the_action_waits_for() {
    on_each(async |rig, version| {
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("set application_name = 'the holder'")
            .await
            .unwrap();
        for (action, target, set) in ACTIONS {
            let set = fields(rig, action, target, set).await;
            let approved = rig.plan(action, target, &set).await.unwrap();
            let table = match *target {
                "public.by_d" | "a" => "public.m",
                other => other,
            };
            let jobs = rig.text("select coalesce(to_regclass('_timescaledb_catalog.bgw_job'), to_regclass('_timescaledb_config.bgw_job'))").await;
            let locks = if action.ends_with("-policy") {
                format!("lock table {jobs} in access exclusive mode")
            } else if *target == "a" {
                "lock table public.a in access exclusive mode".to_owned()
            } else {
                format!("lock table only {table} in access exclusive mode")
            };
            holder
                .batch_execute(&format!("begin; {locks}"))
                .await
                .unwrap();
            let preview = preview::preview(&rig.session, approved.plan.clone()).await;
            let lines: Vec<_> = preview.lines().into_iter().map(|(_, line)| line).collect();
            holder.batch_execute("rollback").await.unwrap();
            assert!(
                lines
                    .iter()
                    .any(|line| line.contains("the holder") && line.contains("ACCESS EXCLUSIVE")),
                "{version}: {action}: {lines:#?}"
            );
        }
    });
}

/// The program in an empty folder with a journal of its own.
fn hypertop(rig: &Rig, conninfo: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command
        .args(["-d", conninfo])
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", rig.state_home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        panic!("no JSON: {} {}", said(&output.stdout), said(&output.stderr))
    })
}

#[test]
fn where_nothing_was_changed_the_shell_says_so_by_code_and_json() {
    on_each(async |rig, version| {
        let stranger = rig.conninfo.replace("user=postgres", "user=stranger");
        let state = "select (select string_agg(to_jsonb(b)::text, ' ' order by id) from _timescaledb_config.bgw_job b)";
        let before = rig.text(state).await;
        let broken = tempfile::tempdir().unwrap();
        std::fs::create_dir(broken.path().join("hypertop")).unwrap();
        std::fs::write(broken.path().join("hypertop/config.toml"), "nonsense = [").unwrap();
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("begin; lock table public.packed in access exclusive mode")
            .await
            .unwrap();
        for (conninfo, args, says) in [
            (
                &rig.conninfo,
                &["run", "pause-job", "77777"][..],
                "there is no job",
            ),
            (
                &rig.conninfo,
                &["run", "set-chunk-interval", "nothing_here"],
                "there is no hypertable",
            ),
            (
                &rig.conninfo,
                &["run", "set-chunk-interval", "m", "--set", "nonsense=1"],
                "nonsense",
            ),
            (
                &rig.conninfo,
                &["run", "set-chunk-interval", "m", "--set", "interval=x"],
                "interval",
            ),
            (
                &rig.conninfo,
                &["run", "resume-job", "1000"],
                "already scheduled",
            ),
            (&rig.conninfo, &["rollback", "999"], "no entry 999"),
            (
                &stranger,
                &["run", "remove-retention-policy", "m"],
                "insufficient permissions",
            ),
            (
                &rig.conninfo,
                &[
                    "run",
                    "edit-compression-settings",
                    "packed",
                    "--set",
                    "order_by=v",
                ],
                "lock",
            ),
        ] {
            if says == "lock" && version < Version::new(2, 14) {
                continue;
            }
            let mut args = args.to_vec();
            args.extend(["--yes", "--format", "json"]);
            let output = hypertop(rig, conninfo, &args).output().unwrap();
            let told = json(&output);
            assert_eq!(
                output.status.code(),
                Some(3),
                "{version}: {args:?}: {told:#}"
            );
            assert!(
                told.to_string().contains(says),
                "{version}: {args:?}: {told:#}"
            );
            assert!(
                told["outcome"] == "refused" || told["outcome"] == "failed",
                "{told:#}"
            );
        }
        holder.batch_execute("rollback").await.unwrap();
        let output = hypertop(
            rig,
            &rig.conninfo,
            &["run", "pause-job", "1000", "--yes", "--format", "json"],
        )
        .env("XDG_CONFIG_HOME", broken.path())
        .output()
        .unwrap();
        assert_eq!(output.status.code(), Some(3), "{version}");
        assert_eq!(json(&output)["outcome"], "refused");
        let output = hypertop(
            rig,
            "host=/nonexistent",
            &["run", "pause-job", "1000", "--yes", "--format", "json"],
        )
        .output()
        .unwrap();
        assert_eq!(output.status.code(), Some(2), "{version}");
        assert_eq!(json(&output)["outcome"], "refused");
        assert_eq!(rig.text(state).await, before, "{version}");
    });
}

#[test]
fn a_home_that_is_no_whole_path_is_never_the_folder_that_one_is_in() {
    for (home, state) in [("", ""), ("", "state"), ("here", ""), (".", "state")] {
        let around = Surroundings {
            env: [
                ("XDG_STATE_HOME".to_owned(), state.into()),
                ("XDG_CONFIG_HOME".to_owned(), state.into()),
            ]
            .into(),
            home: Some(home.into()),
            ..Surroundings::default()
        };
        assert_eq!(Journal::of(&around), None, "{home:?} {state:?}");
        assert_eq!(config::folder(&around), None, "{home:?} {state:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    for (state, home) in [("", ""), ("relative", "")] {
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args(["journal", "--format", "json"])
            .env("HOME", home)
            .env("XDG_STATE_HOME", state)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let told = json(&output);
        let path = told["journal"].as_str().unwrap();
        assert!(path.starts_with('/'), "{path}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
