//! Faults during an action: locks, cancels, kill -9, a second console, missing rights, read-only, changed state.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hypertop::actions::execute::{Actor, ApprovedPlan, Order, Progress, Report};
use hypertop::actions::plans;
use hypertop::actions::preview;
use hypertop::journal::Outcome;
use hypertop::model::plan::{Consent, Mode};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::Value as Json;
use support::act::Rig;
use support::{Target, Targets, block_on, client, with_targets};
use tokio::sync::{mpsc, watch};

#[expect(
    clippy::needless_pass_by_value,
    reason = "the types of a borrowed closure's arguments are not inferred"
)]
fn on_each(test: impl AsyncFn(&Targets, &Target, &Rig)) {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                test(targets, target, &rig).await;
            });
        }
    });
}

/// The program with the rig's journal.
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

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Waits until this query returns `wanted`.
async fn until(rig: &Rig, sql: &str, wanted: &str) {
    let start = Instant::now();
    loop {
        let is = rig.text(sql).await;
        if is == wanted {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{}: {sql}: {is}",
            rig.name
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs an approved plan, and stops it when `stop` is true for a progress report.
async fn perform_and(
    actor: &Actor,
    approved: &ApprovedPlan,
    stop: impl Fn(&Progress) -> bool,
) -> (Report, Vec<Progress>) {
    let (told, mut progress) = mpsc::unbounded_channel();
    let (orders, order) = watch::channel(Order::Go);
    let mut work = std::pin::pin!(actor.perform(approved, &told, order));
    let mut heard = Vec::new();
    loop {
        tokio::select! {
            report = &mut work => return (report.unwrap(), heard),
            Some(one) = progress.recv() => {
                if stop(&one) {
                    // Waits until the statement is running.
                    tokio::select! {
                        report = &mut work => return (report.unwrap(), heard),
                        () = tokio::time::sleep(Duration::from_millis(700)) => {}
                    }
                    orders.send(Order::Stop).unwrap();
                }
                heard.push(one);
            }
        }
    }
}

const RETENTION: &str =
    "select min(id) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'";
const SECOND: &str =
    "select max(id) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'";

fn scheduled(job: &str) -> String {
    format!("select scheduled from _timescaledb_config.bgw_job where id = {job}")
}

/// Name of the catalogue table of jobs, which `alter_job` writes.
const JOB_TABLE: &str = "select coalesce(to_regclass('_timescaledb_catalog.bgw_job'), to_regclass('_timescaledb_config.bgw_job'))::text";

/// Adds a user-defined job that is not scheduled and sleeps this long when run; returns its id.
async fn sleeper(rig: &Rig, seconds: u32) -> String {
    rig.sql("create or replace procedure public.sleeper(job_id int, config jsonb) language plpgsql as $$ begin perform pg_sleep((config ->> 's')::float); end $$").await;
    rig.text(&format!("select public.add_job('public.sleeper', '1 week', config => '{{\"s\": {seconds}}}', scheduled => false)")).await
}

async fn no_sleeper(rig: &Rig, job: &str) {
    rig.sql(&format!("select public.delete_job({job})")).await;
}

const SLEEPING: &str = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and query ~* 'sleeper|run_job' and datname = current_database()";

#[test]
fn of_many_sessions_that_block_a_plan_ten_are_named_and_the_others_counted() {
    on_each(async |_, _, rig| {
        let wide = |words: &str| {
            format!(
                "do $$ begin for i in 1..210 loop execute format('{words}', i); end loop; end $$"
            )
        };
        rig.sql(&wide("create table public.wide_%s ()")).await;
        // As pg_dump does: many locks, and none of them conflicts with the plan's.
        let reader = client(&rig.conninfo).await;
        reader.batch_execute("begin").await.unwrap();
        let lock = wide("lock table public.wide_%s in access share mode");
        reader.batch_execute(&lock).await.unwrap();
        let table = rig.text(JOB_TABLE).await;
        let mut holders = Vec::new();
        for _ in 0..13 {
            let holder = client(&rig.conninfo).await;
            let hold = format!(
                "set application_name = 'a holder'; begin; lock table {table} in share mode"
            );
            holder.batch_execute(&hold).await.unwrap();
            holders.push(holder);
        }
        let job = rig.text(RETENTION).await;
        let mut plan = rig.plan("pause-job", &job, &[]).await.unwrap().plan;
        for oid in rig
            .texts("select oid from pg_class where relname like 'wide\\_%'")
            .await
        {
            plan = plan.touching(oid.parse().unwrap(), "wide", Mode::ShareUpdateExclusive);
        }
        let preview = preview::preview(&rig.session, plan).await;
        let lines: Vec<_> = preview.lines().into_iter().map(|(_, line)| line).collect();
        let named = lines.iter().filter(|line| line.contains("(a holder"));
        assert_eq!(named.count(), 10, "{}: {lines:#?}", rig.name);
        let more = lines.iter().any(|line| line == "  ! and 3 more sessions");
        assert!(more, "{}: {lines:#?}", rig.name);
        drop((reader, holders));
        rig.sql(&wide("drop table public.wide_%s")).await;
    });
}

#[test]
fn who_holds_a_lock_is_shown_and_nobody_waits_longer_for_it_than_was_said() {
    on_each(async |_, _, rig| {
        let job = rig.text(RETENTION).await;
        let holder = client(&rig.conninfo).await;
        let table = rig.text(JOB_TABLE).await;
        let hold = format!(
            "set application_name = 'the holder'; begin; lock table {table} in exclusive mode"
        );
        holder.batch_execute(&hold).await.unwrap();
        let mut approved = rig.plan("pause-job", &job, &[]).await.unwrap();
        let preview = preview::preview(&rig.session, approved.plan.clone()).await;
        let holders = preview.holders.clone().unwrap();
        let met = holders.iter().find(|one| one.what.contains("the holder"));
        assert!(
            met.is_some_and(|one| one.conflicts && one.granted && one.mode == Mode::Exclusive),
            "{}: {holders:?}",
            rig.name
        );
        let lines: Vec<_> = preview.lines().into_iter().map(|(_, line)| line).collect();
        assert!(lines.join("\n").contains("the holder"), "{lines:?}");
        approved.plan.lock_timeout_seconds = 3;
        let (report, heard) = perform_and(&rig.actor, &approved, |_| false).await;
        assert_eq!(report.outcome, Outcome::Failed);
        let (_, problem) = &report.problems[0];
        assert_eq!(problem.sqlstate.as_deref(), Some("55P03"), "{problem}");
        assert!(report.took < Duration::from_secs(6), "{:?}", report.took);
        let told = heard.iter().any(|one| matches!(one, Progress::Waits(why) if why.contains("the holder") && why.contains("lock")));
        assert!(told, "{}: {heard:?}", rig.name);
        holder.batch_execute("rollback").await.unwrap();
        assert_eq!(rig.text(&scheduled(&job)).await, "t", "nothing was changed");
        let entries = rig.actor.journal.entries().unwrap();
        assert_eq!(entries.all[0].state(), "failed");
        rig.there_and_back("pause-job", &job, &[], &scheduled(&job))
            .await;
    });
}

#[test]
fn a_run_that_is_stopped_ends_on_the_server_and_the_journal_says_cancelled() {
    on_each(async |_, _, rig| {
        let job = sleeper(rig, 60).await;
        let approved = rig.plan("run-job-now", &job, &[]).await.unwrap();
        let (report, _) = perform_and(&rig.actor, &approved, |one| {
            matches!(one, Progress::Step { .. })
        })
        .await;
        assert_eq!(
            report.outcome,
            Outcome::Cancelled,
            "{}: {report:?}",
            rig.name
        );
        assert!(report.took < Duration::from_secs(10), "{:?}", report.took);
        until(rig, SLEEPING, "0").await;
        let entries = rig.actor.journal.entries().unwrap();
        assert_eq!(entries.all[0].state(), "cancelled");
        no_sleeper(rig, &job).await;
    });
}

/// An aggregate on `public.slow_raw` whose refresh takes about 20 s.
const SLOW: &str = "
create function public.slow(v float) returns float language plpgsql immutable as $$ begin perform pg_sleep(0.02); return v; end $$;
create table public.slow_raw (ts timestamptz not null, v float);
select public.create_hypertable('public.slow_raw', 'ts');
insert into public.slow_raw select now() - g * interval '1 minute', g from generate_series(60, 1060) g;";

#[test]
fn a_refresh_that_is_stopped_leaves_no_range_that_keeps_others_out() {
    on_each(async |_, _, rig| {
        rig.sql(SLOW).await;
        rig.sql("create materialized view public.slow_hourly with (timescaledb.continuous) as select public.time_bucket('1 hour', ts) b, sum(public.slow(v)) s from public.slow_raw group by 1 with no data").await;
        let job = rig.text("select public.add_continuous_aggregate_policy('public.slow_hourly', '2 days', '1 hour', '1 day', initial_start => now() + interval '1 year')").await;
        let approved = rig.plan("run-job-now", &job, &[]).await.unwrap();
        let (report, _) = perform_and(&rig.actor, &approved, |one| {
            matches!(one, Progress::Step { .. })
        })
        .await;
        assert_eq!(
            report.outcome,
            Outcome::Cancelled,
            "{}: {report:?}",
            rig.name
        );
        let ranges = rig
            .text("select to_regclass('_timescaledb_catalog.continuous_aggs_jobs_refresh_ranges')")
            .await;
        if !ranges.is_empty() {
            // A row whose session has ended does not block other refreshes.
            until(
                rig,
                &format!(
                    "select count(*) from {ranges} r join pg_stat_activity a on a.pid = r.pid"
                ),
                "0",
            )
            .await;
        }
        // Another session can refresh at once, and the result is complete.
        rig.sql("create or replace function public.slow(v float) returns float language sql immutable as 'select v'").await;
        rig.sql("set statement_timeout = '30s'").await;
        rig.sql("call public.refresh_continuous_aggregate('public.slow_hourly', null, null)")
            .await;
        let sum = rig
            .text("select sum(s) = (select sum(v) from public.slow_raw) from public.slow_hourly")
            .await;
        assert_eq!(sum, "t", "{}", rig.name);
        rig.sql("drop materialized view public.slow_hourly").await;
        rig.sql("drop table public.slow_raw; drop function public.slow")
            .await;
    });
}

/// Starts a long run with the real program, and waits until it runs on the server.
async fn long_run(rig: &Rig, job: &str) -> Child {
    let child = hypertop(
        rig,
        &rig.conninfo,
        &["run", "run-job-now", job, "--confirm", job],
    )
    .spawn()
    .unwrap();
    until(rig, SLEEPING, "1").await;
    child
}

/// All text that a new console prints, from its start to its end.
fn first_words_of_the_console(rig: &Rig) -> String {
    let pair = native_pty_system()
        .openpty(PtySize {
            rows: 24,
            cols: 160,
            ..PtySize::default()
        })
        .unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_hypertop"));
    command.args(["-d", &rig.conninfo]);
    command.env("TERM", "xterm-256color");
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.env("XDG_STATE_HOME", rig.state_home());
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut keys = pair.master.take_writer().unwrap();
    let (mut said, mut buffer) = (String::new(), [0; 4096]);
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if said.contains("\x1b[?1049h") {
            // The console is open, so all messages at the start are printed.
            keys.write_all(b"q").unwrap();
        }
    }
    child.wait().unwrap();
    said
}

#[test]
fn kill_9_in_the_middle_of_an_action_leaves_a_journal_that_says_interrupted() {
    on_each(async |_, _, rig| {
        let job = sleeper(rig, 4).await;
        let mut child = long_run(rig, &job).await;
        let under_way = hypertop(rig, &rig.conninfo, &["journal"]).output().unwrap();
        assert!(said(&under_way).contains("running"), "{}", said(&under_way));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let journal = said(&hypertop(rig, &rig.conninfo, &["journal"]).output().unwrap());
        assert!(
            journal.contains("interrupted") && journal.contains("Run job"),
            "{journal}"
        );
        let entry = said(
            &hypertop(rig, &rig.conninfo, &["journal", "1"])
                .output()
                .unwrap(),
        );
        assert!(entry.contains(&format!("run_job({job})")), "{entry}");
        assert_eq!(rig.actor.journal.entries().unwrap().unreadable, 0);
        let start = first_words_of_the_console(rig);
        assert!(
            start.contains("interrupted actions, by journal entry: 1"),
            "{start}"
        );
        // Later actions write to the journal as usual.
        let retention = rig.text(RETENTION).await;
        rig.there_and_back("pause-job", &retention, &[], &scheduled(&retention))
            .await;
        until(rig, SLEEPING, "0").await;
        no_sleeper(rig, &job).await;
    });
}

/// Kills the program while its pause waits for a lock; returns the pid of the waiting session.
async fn killed_while_it_waits(rig: &Rig, job: &str, table: &str) -> String {
    let mut child = hypertop(rig, &rig.conninfo, &["run", "pause-job", job, "--yes"])
        .spawn()
        .unwrap();
    // TimescaleDB's workers may wait for this table, too.
    let waiting = format!(
        "select l.pid from pg_locks l join pg_stat_activity a on a.pid = l.pid
          where l.relation = '{table}'::regclass and not l.granted and a.application_name = 'hypertop'"
    );
    until(rig, &format!("select count(*) from ({waiting}) x"), "1").await;
    child.kill().unwrap();
    child.wait().unwrap();
    rig.text(&waiting).await
}

#[test]
fn what_a_killed_console_left_undecided_is_decided_by_what_the_server_has() {
    on_each(async |_, _, rig| {
        let job = rig.text(RETENTION).await;
        let holder = client(&rig.conninfo).await;
        let table = rig.text(JOB_TABLE).await;
        let hold = format!("begin; lock table {table} in exclusive mode");
        holder.batch_execute(&hold).await.unwrap();
        killed_while_it_waits(rig, &job, &table).await;
        // The server still gets the lock and runs the statement, but nobody commits it.
        let gone = format!("select count(*) from pg_locks where relation = '{table}'::regclass");
        holder.batch_execute("rollback").await.unwrap();
        until(rig, &gone, "0").await;
        assert_eq!(rig.text(&scheduled(&job)).await, "t", "{}", rig.name);
        let back = hypertop(rig, &rig.conninfo, &["rollback", "1", "--yes"])
            .output()
            .unwrap();
        assert!(
            said(&back).contains("there is nothing to roll back"),
            "{}",
            said(&back)
        );
        assert_eq!(back.status.code(), Some(3), "{}", said(&back));
        // The same with a session that is terminated before it gets the lock.
        holder.batch_execute(&hold).await.unwrap();
        let pid = killed_while_it_waits(rig, &job, &table).await;
        rig.sql(&format!("select pg_terminate_backend({pid})"))
            .await;
        holder.batch_execute("rollback").await.unwrap();
        let back = hypertop(rig, &rig.conninfo, &["rollback", "2", "--yes"])
            .output()
            .unwrap();
        // On a slow machine lock_timeout may have passed. Then the journal records that nothing was changed.
        let told = said(&back);
        let nothing = [
            "there is nothing to roll back",
            "changed nothing, as far as the journal knows",
        ];
        assert!(nothing.iter().any(|words| told.contains(words)), "{told}");
        assert_eq!(back.status.code(), Some(3), "{}", said(&back));
        assert_eq!(rig.text(&scheduled(&job)).await, "t", "{}", rig.name);
    });
}

#[test]
fn two_programs_at_once_write_one_journal_and_each_approved_is_taken_back() {
    on_each(async |_, _, rig| {
        let jobs = [rig.text(RETENTION).await, rig.text(SECOND).await];
        assert_ne!(jobs[0], jobs[1]);
        let both = jobs.clone().map(|job| {
            hypertop(rig, &rig.conninfo, &["run", "pause-job", &job, "--yes"])
                .spawn()
                .unwrap()
        });
        for child in both {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        }
        let entries = rig.actor.journal.entries().unwrap();
        let mut done: Vec<_> = entries
            .all
            .iter()
            .map(|entry| (entry.begin.id, entry.state()))
            .collect();
        done.sort_unstable();
        assert_eq!(
            (done, entries.unreadable),
            (vec![(1, "done"), (2, "done")], 0)
        );
        let back = [1, 2].map(|id: u64| {
            hypertop(rig, &rig.conninfo, &["rollback", &id.to_string(), "--yes"])
                .spawn()
                .unwrap()
        });
        for child in back {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        }
        for job in jobs {
            assert_eq!(rig.text(&scheduled(&job)).await, "t", "{}", rig.name);
        }
    });
}

#[test]
fn of_two_consoles_that_agreed_to_the_same_the_second_is_told_that_it_changed() {
    on_each(async |_, target, rig| {
        let job = rig.text(RETENTION).await;
        let mut other = Rig::new(target).await;
        other.actor.journal = rig.actor.journal.clone();
        let mine = rig.plan("pause-job", &job, &[]).await.unwrap();
        let theirs = other.plan("pause-job", &job, &[]).await.unwrap();
        let done = rig.perform(&mine).await.unwrap();
        let told = other.perform(&theirs).await.unwrap_err();
        assert!(
            told.contains("changed since the preview") && told.contains("scheduled"),
            "{told}"
        );
        assert_eq!(rig.actor.journal.entries().unwrap().all.len(), 1);
        // The other console rolls the entry back; the first console then cannot.
        let back = rig.rollback_plan(&[done.id]).await.unwrap();
        other.rollback(&[done.id]).await;
        let told = rig.perform(&back).await.unwrap_err();
        assert!(told.contains("changed since the preview"), "{told}");
        let told = rig.rollback_plan(&[done.id]).await.unwrap_err();
        assert!(told.contains("already rolled back"), "{told}");
    });
}

#[test]
fn a_role_without_rights_gets_the_servers_words_and_the_fix_from_the_shell() {
    on_each(async |_, _, rig| {
        let job = rig.text(RETENTION).await;
        rig.sql("do $$ begin create role stranger login; exception when duplicate_object then null; end $$").await;
        let conninfo = rig.conninfo.replace("user=postgres", "user=stranger");
        let output = hypertop(
            rig,
            &conninfo,
            &["run", "pause-job", &job, "--yes", "--format", "json"],
        )
        .output()
        .unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        let problem = &json["problems"][0];
        assert_eq!(problem["sqlstate"], "42501", "{json:#}");
        assert!(
            problem["message"]
                .as_str()
                .unwrap()
                .contains("insufficient permissions"),
            "{json:#}"
        );
        assert!(
            problem["fix"]
                .as_str()
                .unwrap()
                .contains("member of the owner"),
            "{json:#}"
        );
        assert_eq!(json["outcome"], "failed");
        assert_eq!(rig.text(&scheduled(&job)).await, "t");
    });
}

#[test]
fn read_only_shows_the_plan_and_opens_no_session_that_could_write() {
    on_each(async |_, _, rig| {
        let job = rig.text(RETENTION).await;
        // The role may have only one connection, which is the read session.
        rig.sql("do $$ begin create role only_one login connection limit 1; exception when duplicate_object then null; end $$; ").await;
        let conninfo = rig.conninfo.replace("user=postgres", "user=only_one");
        let output = hypertop(
            rig,
            &conninfo,
            &["--read-only", "run", "pause-job", &job, "--yes"],
        )
        .output()
        .unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(
            text.contains("read-only") && text.contains("scheduled => false"),
            "{text}"
        );
        // Without --read-only a second session is opened, which the limit refuses.
        let output = hypertop(rig, &conninfo, &["run", "pause-job", &job, "--yes"])
            .output()
            .unwrap();
        assert!(
            said(&output).contains("too many connections for role"),
            "{}",
            said(&output)
        );
        assert_eq!(rig.actor.journal.entries().unwrap().all.len(), 0);
        let write = rig
            .session
            .connected
            .client
            .batch_execute("create table public.written (x int)")
            .await;
        assert_eq!(
            write
                .unwrap_err()
                .code()
                .map(|code| code.code().to_owned())
                .as_deref(),
            Some("25006")
        );
        assert_eq!(rig.text(&scheduled(&job)).await, "t");
    });
}

#[test]
fn drift_is_shown_side_by_side_before_a_rollback_and_wants_more_than_enter() {
    on_each(async |_, _, rig| {
        let job = rig.text(RETENTION).await;
        let done = rig.act("edit-job", &job, &[("max_retries", "7")]).await.id;
        rig.sql(&format!(
            "update _timescaledb_config.bgw_job set max_retries = 9 where id = {job}"
        ))
        .await;
        let approved = rig.rollback_plan(&[done]).await.unwrap();
        let drift: Vec<_> = approved
            .plan
            .notes
            .iter()
            .filter(|note| note.text.contains("drifted"))
            .map(|note| note.text.clone())
            .collect();
        assert_eq!(
            drift,
            [format!(
                "{job} drifted since: max_retries was left as 7, and is 9 now"
            )]
        );
        assert!(approved.plan.consent >= Consent::Yes);
        // A change after the preview of the rollback also refuses it.
        rig.sql(&format!(
            "update _timescaledb_config.bgw_job set max_retries = 8 where id = {job}"
        ))
        .await;
        let told = rig.perform(&approved).await.unwrap_err();
        assert!(told.contains("changed since the preview"), "{told}");
        rig.rollback(&[done]).await;
        let is = rig
            .text(&format!(
                "select max_retries from _timescaledb_config.bgw_job where id = {job}"
            ))
            .await;
        assert_eq!(is, "-1", "{}", rig.name);
    });
}

/// One plan that pauses two jobs, as for marked rows.
async fn both_paused(rig: &Rig, one: &str, other: &str) -> u64 {
    let mut approved = rig.plan("pause-job", one, &[]).await.unwrap();
    let second = rig.plan("pause-job", other, &[]).await.unwrap();
    approved.plan =
        plans::together("pause two".to_owned(), vec![approved.plan, second.plan]).unwrap();
    approved.seen.extend(second.seen);
    rig.perform(&approved).await.unwrap().id
}

#[test]
fn a_rollback_that_failed_half_way_goes_on_with_the_rest_when_it_is_tried_again() {
    on_each(async |_, _, rig| {
        let (one, other) = (rig.text(RETENTION).await, rig.text(SECOND).await);
        let id = both_paused(rig, &one, &other).await;
        let holder = client(&rig.conninfo).await;
        let table = rig.text(JOB_TABLE).await;
        let hold = format!("begin; select from {table} where id = {one} for update");
        holder.batch_execute(&hold).await.unwrap();
        let approved = rig.rollback_plan(&[id]).await.unwrap();
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed, "{}", rig.name);
        assert_eq!(rig.text(&scheduled(&other)).await, "t", "{}", rig.name);
        assert_eq!(rig.text(&scheduled(&one)).await, "f", "{}", rig.name);
        holder.batch_execute("rollback").await.unwrap();
        // If another user pauses the second job, its step is not rolled back.
        let again = format!("update {table} set scheduled = false where id = {other}");
        rig.sql(&again).await;
        let rest = rig.rollback_plan(&[id]).await.unwrap();
        assert_eq!(rest.plan.steps.len(), 1, "{}", rig.name);
        let said: Vec<_> = rest.plan.notes.iter().map(|note| &note.text).collect();
        assert!(
            said.iter().any(|text| text.contains("1 of 2 steps")),
            "{said:?}"
        );
        rig.perform(&rest).await.unwrap();
        assert_eq!(rig.text(&scheduled(&one)).await, "t", "{}", rig.name);
        assert_eq!(rig.text(&scheduled(&other)).await, "f", "{}", rig.name);
        let done = rig.rollback_plan(&[id]).await.unwrap_err();
        assert!(done.contains("already rolled back"), "{done}");
        rig.sql(&again.replace("false", "true")).await;
    });
}

#[test]
fn nothing_is_taken_back_without_consent_when_nobody_is_there() {
    on_each(async |_, _, rig| {
        let job = rig.text(RETENTION).await;
        let id = rig.act("pause-job", &job, &[]).await.id.to_string();
        let output = hypertop(rig, &rig.conninfo, &["rollback", &id])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains("--yes"), "{}", said(&output));
        assert_eq!(rig.text(&scheduled(&job)).await, "f");
        rig.rollback(&[id.parse().unwrap()]).await;
    });
}
