//! `hypertop validate` on real servers: problems that would stop an apply, checks after an apply, and checks that must wait.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::model::version::Version;
use serde_json::Value as Json;
use support::act::Rig;
use support::{block_on, has_server, own, triage};

const TABLES: &str = "create schema mes;
create table mes.metric (ts timestamptz not null, d int not null, v text);
create function mes.recent() returns int language sql stable as 'select count(*)::int from mes.metric where ts > now()'";
/// A policy file whose policies may run at any time, so that a test need not wait for a window.
const FILE: &str = r#"
[[hypertable]]
name = "mes.metric"
time = "ts"
chunk_interval = "1h"
compress = { segment_by = ["d"], order_by = ["ts DESC"], after = "2h", every = "1 day" }
retain = { after = "90 days", every = "1 day" }

[[aggregate]]
name = "mes.metric_10min"
from = "mes.metric"
materialized_only = true
query = "select time_bucket('10 minutes', ts) as bucket, d, count(*) as n from mes.metric group by 1, 2"
refresh = [{ start = "1 day", end = "10m", every = "10m" }]

[[index]]
on = "mes.metric"
name = "metric_d"
columns = ["d", "ts DESC"]

[expect]
hypertables = 1
aggregates_min = 1
indexes_min = 1
"#;
const SAVING: &str = r#"saving = "20%"
lag_max = "10m"
job_late = "5m"

[[expect.query]]
name = "recent rows"
sql = "select mes.recent()"
p95 = "100ms"
"#;
/// Six hours of rows, one a second.
const ROWS: &str = "insert into mes.metric select t, 1, repeat('x', 100)
  from generate_series(now() - interval '6 hours', now() - interval '1 second', interval '1 second') t";

/// A database, the files of a test, and a folder for config.toml.
struct Bench<'a> {
    rig: &'a Rig,
    version: Version,
    folder: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    fn new(rig: &'a Rig, version: Version) -> Self {
        Self {
            rig,
            version,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs the program on this database. Returns the exit code and the output, with errors last.
    fn run_on(&self, conninfo: &str, args: &[&str]) -> (i32, String) {
        let home: &Path = self.rig.state_home();
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args(args)
            .args(["-d", conninfo])
            .env("XDG_STATE_HOME", home)
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
            .env("HOME", home)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), out + &err)
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        self.run_on(&self.rig.conninfo, args)
    }

    /// Runs the program, which must end with this code. Returns its output.
    fn ends(&self, code: i32, args: &[&str]) -> String {
        let (ended, text) = self.run(args);
        assert_eq!(ended, code, "{:?}: {args:?}: {text}", self.version);
        text
    }

    fn apply(&self, file: &str) {
        let all = "NOT_UNDOABLE,ACCESS_EXCLUSIVE,LONG,IMMEDIATE_RUN,DELETES_DATA,BLOCKS_WRITES";
        self.ends(0, &["apply", file, "-y", "--allow", all]);
    }

    /// Runs this number of transactions. The server counts them when the client disconnects.
    async fn transactions(&self, sql: &str, many: usize) {
        let client = support::client(&self.rig.conninfo).await;
        for _ in 0..many {
            client.batch_execute(sql).await.unwrap();
        }
        drop(client);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }

    /// Stops or starts the workers that run policies in this database.
    async fn workers(&self, what: &str) {
        let schema = triage::functions(self.version);
        self.rig
            .sql(&format!("select {schema}.{what}_background_workers()"))
            .await;
    }

    /// Waits until every policy has run once.
    async fn policies_settle(&self) {
        let ran = "select count(*) = 3 and bool_and(last_run_success and last_finish > '-infinity') from _timescaledb_internal.bgw_job_stat where job_id >= 1000";
        triage::until(self.rig, "the policies run", ran).await;
    }

    /// Lets the policies run now, and waits until they have.
    async fn policies_run(&self) {
        self.rig
            .sql("select alter_job(id, next_start => now()) from _timescaledb_config.bgw_job where proc_name ~ '^policy_' and id >= 1000")
            .await;
        let ran = "select bool_and(last_successful_finish > (select max(ts) from mes.metric)) from _timescaledb_internal.bgw_job_stat where job_id >= 1000";
        triage::until(self.rig, "the policies run", ran).await;
    }
}

/// The lines of the checks with this result.
fn lines<'a>(text: &'a str, result: &str) -> Vec<&'a str> {
    let begins = |line: &&str| line.split_whitespace().next() == Some(result);
    text.lines().filter(begins).collect()
}

fn says(version: Version, text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{version:?}: {words}: {text}");
    }
}

#[test]
fn five_known_faults_are_five_failed_lines_and_after_their_fixes_there_is_none() {
    triage::on_each("five_faults", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", &format!("{FILE}{SAVING}"));
        let args: [&str; 3] = ["validate", "--after", &file];
        bench.apply(&file);
        rig.sql(ROWS).await;
        bench.policies_run().await;
        bench.transactions("select 1", 150).await;
        let text = bench.ends(0, &args);
        says(
            version,
            &text,
            &[
                "ok      the database is as the file says",
                "ok      no new finding since entry 1",
                "ok      indexes are valid on all chunks",
                "ok      mes.metric_10min lags no more than its policy allows",
                "ok      mes.metric saves at least 20 %",
                "ok      errors and cancelled statements per transaction are not more frequent than before",
                "ok      recent rows takes at most 100ms: 95 % of 20 runs",
                " 0 pending, 0 unknown, 0 failed",
            ],
        );
        let chunk = rig
            .text("select format('%I.%I', n.nspname, c.relname) from pg_index x join pg_class c on c.oid = x.indexrelid join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = '_timescaledb_internal' and c.relname like '%metric_d' order by x.indrelid desc limit 1")
            .await;
        let stat = |good: bool| {
            format!(
                "update _timescaledb_internal.bgw_job_stat set last_run_success = {good}, consecutive_failures = {} where job_id = (select id from _timescaledb_config.bgw_job where proc_name = 'policy_retention')",
                i32::from(!good)
            )
        };
        let slow = |seconds: &str| {
            format!(
                "create or replace function mes.recent() returns int language sql stable as 'select 1 from pg_sleep({seconds})'"
            )
        };
        rig.sql("select set_chunk_time_interval('mes.metric', interval '2 hours')")
            .await;
        rig.sql(&format!("drop index {chunk}")).await;
        rig.sql(&stat(false)).await;
        rig.sql(&slow("0.15")).await;
        rig.sql(
            "create table extra (ts timestamptz not null); select create_hypertable('extra', 'ts')",
        )
        .await;
        let text = bench.ends(2, &args);
        let failed = lines(&text, "failed");
        for words in [
            "the database is as the file says: ~ mes.metric: chunk interval",
            "indexes are valid on all chunks: metric_d: ",
            "(policy_retention) of mes.metric runs: ",
            "recent rows takes at most 100ms: ",
            "the number of hypertables is 1: 2",
        ] {
            let many = failed.iter().filter(|line| line.contains(words)).count();
            assert_eq!(many, 1, "{version:?}: {words}: {text}");
        }
        assert_eq!(failed.len(), 5, "{version:?}: {text}");
        rig.sql(
            "select set_chunk_time_interval('mes.metric', interval '1 hour'); drop table extra",
        )
        .await;
        rig.sql(&stat(true)).await;
        rig.sql(&slow("0")).await;
        rig.act("rebuild-missing", "mes.metric_d", &[]).await;
        let text = bench.ends(0, &args);
        assert_eq!(lines(&text, "failed").len(), 0, "{version:?}: {text}");
    });
}

#[test]
fn what_is_not_due_is_pending_says_when_and_is_settled_by_watching() {
    triage::on_each("pending", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", FILE);
        let saving = bench.write(
            "saving.toml",
            &format!("{FILE}saving = \"20%\"\nafter = \"7 days\""),
        );
        bench.workers("stop").await;
        bench.apply(&file);
        let text = bench.ends(0, &["validate", "--after", &file]);
        let pending = lines(&text, "pending");
        says(
            version,
            &pending.join("\n"),
            &[
                "(policy_compression) of mes.metric runs: has not run yet; its next start is not set yet",
                "(policy_refresh_continuous_aggregate) of mes.metric_10min runs: has not run yet",
            ],
        );
        rig.sql(ROWS).await;
        let json = bench.ends(0, &["validate", "--after", &saving, "--format", "json"]);
        let json: Json = serde_json::from_str(&json).unwrap();
        let checks = json["checks"].as_array().unwrap();
        let saves = checks
            .iter()
            .find(|check| check["what"] == "mes.metric saves at least 20 %");
        let saves = saves.unwrap();
        assert_eq!(saves["state"], "pending", "{version:?}: {saves}");
        let due = "select to_char(min(range_end) at time zone 'UTC' + interval '7 days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') from timescaledb_information.chunks where hypertable_name = 'metric'";
        assert_eq!(saves["due"], rig.text(due).await, "{version:?}: {saves}");
        bench.workers("start").await;
        bench.transactions("select 1", 150).await;
        let text = bench.ends(
            0,
            &["validate", "--after", &file, "--watch", "--for", "90s"],
        );
        says(version, &text, &[" 0 pending, 0 unknown, 0 failed"]);
        let last = text
            .lines()
            .rfind(|line| line.contains("(policy_compression)"));
        assert!(last.unwrap().starts_with("ok "), "{version:?}: {text}");
        let begun = std::time::Instant::now();
        let text = bench.ends(
            0,
            &["validate", "--after", &saving, "--watch", "--for", "1s"],
        );
        assert!(begun.elapsed().as_secs() < 60, "{version:?}");
        says(
            version,
            &text,
            &["pending mes.metric saves at least 20 %: no chunk older than 7d"],
        );
    });
}

#[test]
fn more_errors_than_before_the_apply_are_found_and_a_reset_makes_them_unknown() {
    triage::on_each("more_errors", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", FILE);
        bench.transactions("select 1", 200).await;
        bench.apply(&file);
        bench.transactions("begin; rollback", 150).await;
        let text = bench.ends(2, &["validate", "--after", &file]);
        says(
            version,
            &text,
            &[
                "failed  errors and cancelled statements per transaction are not more frequent than before: ",
                "ok      deadlocks per transaction are not more frequent than before: 0.000 %",
            ],
        );
        rig.sql("select pg_stat_reset()").await;
        let text = bench.ends(3, &["validate", "--after", &file]);
        says(
            version,
            &text,
            &[
                "unknown errors and cancelled statements per transaction are not more frequent than before: the server's counters were reset",
            ],
        );
        // Without an apply in the journal, the findings and counters before the apply are unknown.
        std::fs::remove_file(rig.journal()).unwrap();
        let text = bench.ends(3, &["validate", "--after", &file]);
        says(
            version,
            &text,
            &[
                "unknown deadlocks per transaction",
                "the journal has no entry of an apply",
            ],
        );
    });
}

#[test]
fn a_finding_that_was_there_before_the_apply_is_not_new_and_one_that_came_since_is() {
    triage::on_each("new_finding", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", FILE);
        rig.sql("create procedure old_job(job_id int, config jsonb) language plpgsql as 'begin end'; select add_job('old_job', '1 day', initial_start => now() + interval '1 day')").await;
        let fail = |name: &str| {
            format!("insert into _timescaledb_internal.bgw_job_stat (job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success, total_runs, total_duration, total_duration_failures, total_successes, total_failures, total_crashes, consecutive_failures, consecutive_crashes)
              select id, now() - interval '1 minute', now(), now() + interval '1 day', '-infinity', false, 9, '0', '0', 0, 9, 0, 9, 0 from _timescaledb_config.bgw_job where proc_name = '{name}'
              on conflict (job_id) do update set last_run_success = false, consecutive_failures = 9, total_failures = 9, last_finish = now(), last_start = now() - interval '1 minute'")
        };
        rig.sql(&fail("old_job")).await;
        bench.apply(&file);
        let text = bench.run(&["validate", "--after", &file]).1;
        says(
            version,
            &text,
            &[
                "ok      no new finding since entry 1: ",
                " of level warning or critical, all known from before the apply",
            ],
        );
        rig.sql("create procedure new_job(job_id int, config jsonb) language plpgsql as 'begin end'; select add_job('new_job', '1 day', initial_start => now() + interval '1 day')").await;
        rig.sql(&fail("new_job")).await;
        let text = bench.ends(2, &["validate", "--after", &file]);
        let failed = lines(&text, "failed");
        assert!(
            failed.len() == 1 && failed[0].starts_with("failed  no new finding on "),
            "{version:?}: {text}"
        );
    });
}

#[test]
fn a_report_says_what_was_checked_by_whom_where_and_when_in_both_forms() {
    triage::on_each("report", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", FILE);
        bench.apply(&file);
        let path = bench.path("report.md");
        let report = path.to_str().unwrap();
        let args = [
            "validate", "--after", &file, "--report", report, "--format", "json",
        ];
        let json: Json = serde_json::from_str(&bench.run(&args).1).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let of = |key: &str| json[key].as_str().unwrap().to_owned();
        let title = json["journal_entry"]["title"].as_str().unwrap();
        says(
            version,
            &text,
            &[
                "# Validation after apply",
                &format!("- files: {file}"),
                &format!("- database: {} on {}", of("database"), of("host")),
                &format!("- by: role {}, hypertop", of("role")),
                &format!("- time: {}", of("time")),
                &format!("- journal entry: 1 ({title}"),
                "| result | check | expected | seen |",
                "| ok | the number of hypertables is 1 | 1 | 1 |",
                "| compression policies | 1: 1 scheduled, ",
            ],
        );
        assert_eq!(json["journal_entry"]["id"], 1);
        assert_eq!(json["measured"]["aggregates_with_refresh"], 1);
        for check in json["checks"].as_array().unwrap() {
            let seen = check["seen"].as_str().unwrap().replace('|', "\\|");
            assert!(text.contains(&seen), "{version:?}: {seen}: {text}");
        }
        let text = bench.ends(1, &args);
        says(version, &text, &["report.md: the file exists already"]);
        let missing = bench.path("no/such/folder/report.md");
        let text = bench.ends(
            1,
            &[
                "validate",
                "--after",
                &file,
                "--report",
                missing.to_str().unwrap(),
            ],
        );
        says(version, &text, &["--report "]);
    });
}

#[test]
fn missing_rights_missing_tables_and_taken_names_are_named_before_an_apply() {
    triage::on_each("no_rights", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", FILE);
        let role = format!("limited_{}", rig.text("select current_database()").await);
        rig.sql(&format!(
            "create role {role} login; grant usage on schema mes to {role}"
        ))
        .await;
        let theirs = format!("{} user={role}", rig.conninfo);
        let (code, text) = bench.run_on(
            &theirs,
            &["validate", "--before", &file, "--i-have-a-backup"],
        );
        assert_eq!(code, 2, "{version:?}: {text}");
        says(
            version,
            &text,
            &[
                &format!(
                    "failed  rights: mes.metric belongs to postgres (GRANT postgres TO {role} gives the owner's rights)"
                ),
                &format!(
                    "mes.metric_10min: {role} may not create objects in its schema (GRANT CREATE ON SCHEMA mes TO {role} allows it)"
                ),
                "unknown oldest transaction: hidden from this role",
            ],
        );
        rig.sql(&format!(
            "alter table mes.metric owner to {role}; grant create on schema mes to {role}"
        ))
        .await;
        let (_, text) = bench.run_on(
            &theirs,
            &["validate", "--before", &file, "--i-have-a-backup"],
        );
        says(version, &text, &["ok      rights: "]);
        rig.sql("create view mes.metric_10min as select 1 as one; create sequence mes.metric_d")
            .await;
        let text = bench.ends(2, &["validate", "--before", &file, "--i-have-a-backup"]);
        says(
            version,
            &text,
            &[
                "failed  objects: mes.metric_10min cannot be created: the name is taken by a view; ",
                "index mes.metric_d on mes.metric: the name is taken by a sequence",
            ],
        );
        let other = bench.write(
            "other.toml",
            "[[hypertable]]\nname = \"mes.nothing\"\ntime = \"ts\"\n",
        );
        let text = bench.ends(2, &["validate", "--before", &other, "--i-have-a-backup"]);
        says(
            version,
            &text,
            &[
                "failed  objects: mes.nothing does not exist",
                "failed  plan: ",
            ],
        );
        rig.sql(&format!("drop owned by {role} cascade; drop role {role}"))
            .await;
    });
}

#[test]
fn a_closed_window_a_lock_an_old_transaction_and_a_running_or_failing_policy_stand_against_an_apply()
 {
    triage::on_each("stands", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", FILE);
        let hours = "select to_char(t, 'HH24:MI') from unnest(array[now() - interval '1 hour', now() + interval '1 hour']) t";
        let hours = rig.texts(hours).await;
        let (from, to) = (&hours[0], &hours[1]);
        let (open, closed) = (format!("{from}-{to} UTC"), format!("{to}-{from} UTC"));
        let check = |window: &str| {
            bench.run(&[
                "validate",
                "--before",
                &file,
                "--i-have-a-backup",
                "--window",
                window,
            ])
        };
        let (code, text) = check(&open);
        assert_eq!(code, 0, "{version:?}: {text}");
        says(
            version,
            &text,
            &[
                "ok      window: it is open until ",
                "ok      plan: ",
                "ok      locks: ",
                "ok      lock table: a step takes at most ",
                "ok      workers for the plan: the plan starts 3 policies",
                "ok      disk: ",
                "ok      backup: there is a backup (--i-have-a-backup)",
                "ok      PostgreSQL: ",
            ],
        );
        let (code, text) = check(&closed);
        assert_eq!(code, 2, "{version:?}: {text}");
        says(version, &text, &["failed  window: it is closed now"]);
        bench.apply(&file);
        bench.policies_settle().await;
        let changed = bench.write("changed.toml", &FILE.replace("90 days", "120 days"));
        bench.write(
            "hypertop/config.toml",
            "[thresholds]\nlong_transaction = \"1s\"\nlong_transaction_notice = \"1s\"\n",
        );
        rig.sql("update _timescaledb_internal.bgw_job_stat set last_run_success = false, consecutive_failures = 1 where job_id = (select id from _timescaledb_config.bgw_job where proc_name = 'policy_retention')").await;
        let other = support::client(&rig.conninfo).await;
        other
            .batch_execute("begin; lock table mes.metric in access exclusive mode")
            .await
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        let text = bench.ends(2, &["validate", "--before", &changed, "--i-have-a-backup"]);
        says(
            version,
            &text,
            &[
                "failed  locks: would wait for session ",
                " on mes.metric",
                "failed  oldest transaction: ",
                " fails: find the cause first",
            ],
        );
        other.batch_execute("rollback").await.unwrap();
    });
}

#[test]
fn a_saved_plan_is_checked_against_what_changed_since_it_was_saved() {
    triage::on_each("saved", TABLES, async |rig, version| {
        let bench = Bench::new(rig, version);
        let file = bench.write("file.toml", FILE);
        let path = bench.path("plan.json");
        let plan = path.to_str().unwrap();
        bench.ends(2, &["plan", &file, "--out", plan]);
        let args = ["validate", "--before", plan, "--i-have-a-backup"];
        says(version, &bench.ends(0, &args), &["ok      saved plan: "]);
        rig.sql("select create_hypertable('mes.metric', 'ts')")
            .await;
        let text = bench.ends(2, &args);
        says(
            version,
            &text,
            &["failed  saved plan: the database changed since the plan was saved"],
        );
        let text = bench.ends(1, &["validate", "--after", plan]);
        says(version, &text, &["--after needs policy files"]);
    });
}

#[test]
fn a_base_backup_is_known_by_the_file_that_it_leaves_and_its_age_counts() {
    let archives = [("archive_mode", "on"), ("archive_command", "test -f %p")];
    own::on_own(&archives, async |server| {
        for rig in own::databases(server).await {
            let version = rig.session.server.sql_version();
            let bench = Bench::new(&rig, version);
            for statement in TABLES.split(";\n") {
                rig.sql(statement).await;
            }
            let file = bench.write("file.toml", FILE);
            let args = |more: &'static str| ["validate", "--before", &file, "--backup-age", more];
            let known = !lines(&bench.run(&args("24h")).1, "ok")
                .iter()
                .any(|line| line.contains(" backup: "));
            if known {
                let text = bench.ends(3, &args("24h"));
                says(version, &text, &["unknown backup: no base backup is known"]);
                let text = bench.ends(0, &["validate", "--before", &file, "--i-have-a-backup"]);
                says(
                    version,
                    &text,
                    &[
                        "ok      backup: there is a backup (--i-have-a-backup); by the server's own traces, no base backup is known",
                    ],
                );
            }
            let folder = server
                .socket_folder()
                .join(format!("base_{}", version.minor));
            let mut backup = server.command("pg_basebackup");
            backup
                .arg("-D")
                .arg(&folder)
                .arg("-h")
                .arg(server.socket_folder());
            backup.args([
                "-p",
                &server.port().to_string(),
                "-U",
                "postgres",
                "-X",
                "none",
                "-c",
                "fast",
            ]);
            let output = backup.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let text = bench.ends(0, &args("24h"));
            says(
                version,
                &text,
                &["ok      backup: the newest known base backup ended "],
            );
            let text = bench.ends(2, &args("0s"));
            says(
                version,
                &text,
                &["failed  backup: the newest known base backup ended "],
            );
            let role = format!("blind_{}", version.minor);
            rig.sql(&format!(
                "create role {role} login; grant all on schema mes to {role}"
            ))
            .await;
            let (_, text) = bench.run_on(&format!("{} user={role}", rig.conninfo), &args("0s"));
            says(version, &text, &[&format!("GRANT pg_monitor TO {role}")]);
        }
    });
}

#[test]
fn free_disk_is_read_on_the_servers_machine_or_taken_from_the_settings_or_unknown() {
    if !has_server() {
        return;
    }
    let server = PrivateServer::start(&Options {
        tcp: true,
        ..Options::default()
    })
    .unwrap();
    block_on(async {
        for rig in own::databases(&server).await {
            let version = rig.session.server.sql_version();
            let bench = Bench::new(&rig, version);
            for statement in TABLES.split(";\n").chain([ROWS]) {
                rig.sql(statement).await;
            }
            let file = bench.write("file.toml", FILE);
            let args = ["validate", "--before", &file, "--i-have-a-backup"];
            let text = bench.ends(0, &args);
            says(
                version,
                &text,
                &["ok      disk: the plan may write ", "/data)"],
            );
            let database = rig.text("select current_database()").await;
            let network = format!(
                "host=127.0.0.1 port={} user=postgres dbname='{database}'",
                server.port()
            );
            let (code, text) = bench.run_on(&network, &args);
            assert_eq!(code, 3, "{version:?}: {text}");
            says(
                version,
                &text,
                &[
                    "unknown disk: the plan may write ",
                    "[host] disk_free in config.toml",
                ],
            );
            for (free, code, line) in [
                ("1 KiB", 2, "failed  disk: "),
                ("1 TiB", 0, "ok      disk: "),
            ] {
                bench.write(
                    "hypertop/config.toml",
                    &format!("[host]\nmemory = \"16 GiB\"\ncores = 8\ndisk_free = \"{free}\"\n"),
                );
                let (ended, text) = bench.run_on(&network, &args);
                assert_eq!(ended, code, "{version:?}: {text}");
                says(version, &text, &[line, "by [host] in config.toml"]);
            }
            bench.write(
                "hypertop/config.toml",
                "[host]\nname = \"elsewhere\"\ndisk_free = \"1 TiB\"\n",
            );
            let (code, text) = bench.run_on(&network, &args);
            assert_eq!(code, 3, "{version:?}: {text}");
        }
    });
}
