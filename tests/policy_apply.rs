//! Options of an apply: in one transaction, rolled back after an error, with a dump before it. Only one apply runs at a time.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use support::console::Console;
use support::program::{APPLY_LOCK, Files, program, run, said};
use support::triage;

const TABLES: &str =
    "create schema m; create table m.raw (ts timestamptz not null, line int not null, v float8);
select create_hypertable('m.raw', 'ts', chunk_time_interval => interval '7 days');
select add_retention_policy('m.raw', interval '300 days', schedule_interval => interval '1 day')";

const FILE: &str = r#"[[hypertable]]
name = "m.raw"
chunk_interval = "1 day"
compress = { segment_by = ["line"], after = "7 days" }
retain = { after = "400 days" }

[[aggregate]]
name = "m.hourly"
from = "m.raw"
query = "select time_bucket('1 hour', ts) as b, line, count(*) as n from m.raw group by 1, 2"
refresh = [{ start = "5 days", end = "1h", every = "1h" }]
"#;

/// An aggregate that the server refuses only when it is created, because its query has a LIMIT. The steps before it are done.
const BROKEN: &str = r#"
[[aggregate]]
name = "m.broken"
from = "m.raw"
query = "select time_bucket('1 hour', ts) as b, line, count(*) as n from m.raw group by 1, 2 limit 5"
"#;

const STATE: &str = "select concat_ws(' ', (select interval_length from _timescaledb_catalog.dimension order by id limit 1),
    (select count(*) from _timescaledb_catalog.continuous_agg),
    (select string_agg(proc_name || (config - 'hypertable_id')::text, ',' order by proc_name) from _timescaledb_config.bgw_job where id >= 1000))";

#[test]
fn an_atomic_apply_is_done_whole_or_not_at_all_and_names_the_step_that_cannot_be_in_it() {
    triage::on_each("apply_atomic", TABLES, async |rig, version| {
        let files = Files::new();
        let before = rig.text(STATE).await;
        let broken = files.write("broken.toml", &format!("{FILE}{BROKEN}"));
        let (code, text) = run(rig, &["apply", broken.to_str().unwrap(), "-y", "--atomic"]);
        assert!(
            code == 3 && text.contains("LIMIT") && text.contains("0 of 1 steps were done"),
            "{version:?}: {code}: {text}"
        );
        assert_eq!(rig.text(STATE).await, before, "{version:?}: {text}");

        let index = format!("{FILE}[[index]]\non = \"m.raw\"\ncolumns = [\"line\"]\n");
        let index = files.write("index.toml", &index);
        let args = ["apply", index.to_str().unwrap(), "-y", "--atomic"];
        let (code, text) = run(rig, &args);
        assert!(
            code == 3
                && text.contains(
                    "--atomic: the step \"create raw_line_idx\" runs outside a transaction"
                ),
            "{version:?}: {text}"
        );
        assert_eq!(rig.text(STATE).await, before, "{version:?}: {text}");

        let path = files.write("fine.toml", FILE);
        let file = path.to_str().unwrap();
        let (code, text) = run(rig, &["apply", file, "-y", "--atomic"]);
        assert!(
            code == 0 && text.contains("verified"),
            "{version:?}: {text}"
        );
        let entries = rig.actor.journal.entries().unwrap();
        assert_eq!(
            entries.all.last().unwrap().begin.plan.steps.len(),
            1,
            "{version:?}"
        );
        assert_eq!(run(rig, &["plan", file]).0, 0, "{version:?}");
        let id = entries.all.last().unwrap().begin.id.to_string();
        let (code, text) = run(rig, &["rollback", &id, "-y"]);
        assert_eq!(code, 0, "{version:?}: {text}");
        assert_eq!(rig.text(STATE).await, before, "{version:?}: {text}");
    });
}

#[test]
fn after_an_error_what_was_done_stays_or_is_rolled_back() {
    triage::on_each("apply_error", TABLES, async |rig, version| {
        let files = Files::new();
        let before = rig.text(STATE).await;
        let path = files.write("broken.toml", &format!("{FILE}{BROKEN}"));
        let file = path.to_str().unwrap();
        let (code, text) = run(rig, &["apply", file, "-y", "--on-error", "rollback"]);
        assert!(
            code == 1 && text.contains("LIMIT"),
            "{version:?}: {code}: {text}"
        );
        assert_eq!(rig.text(STATE).await, before, "{version:?}: {text}");
        let (code, text) = run(rig, &["apply", file, "-y"]);
        assert_eq!(code, 1, "{version:?}: {text}");
        assert_ne!(rig.text(STATE).await, before, "{version:?}: {text}");
        // Without the mistake in the file, the next apply continues.
        let path = files.write("fine.toml", FILE);
        let (code, text) = run(rig, &["apply", path.to_str().unwrap(), "-y"]);
        assert_eq!(code, 0, "{version:?}: {text}");
    });
}

#[test]
fn a_dump_is_written_before_the_first_step_and_never_over_a_file() {
    triage::on_each("apply_dump", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("fine.toml", FILE);
        let dump = files.0.path().join("before.sql");
        let args = [
            "apply",
            path.to_str().unwrap(),
            "-y",
            "--dump",
            dump.to_str().unwrap(),
        ];
        let without = program()
            .args(args)
            .args(["-d", &rig.conninfo])
            .env("XDG_STATE_HOME", rig.state_home())
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("PATH", "/nonexistent")
            .output()
            .unwrap();
        assert!(
            without.status.code() == Some(3) && said(&without).contains("--dump needs pg_dump"),
            "{version:?}: {}",
            said(&without)
        );
        let found = std::process::Command::new("pg_dump")
            .arg("--version")
            .output();
        if found.is_err() {
            println!("SKIPPED: pg_dump is not on the PATH");
            return;
        }
        let (code, text) = run(rig, &args);
        assert_eq!(code, 0, "{version:?}: {text}");
        let schema = std::fs::read_to_string(&dump).unwrap();
        assert!(schema.contains("CREATE TABLE m.raw"), "{version:?}");
        let policies =
            std::fs::read_to_string(files.0.path().join("before.sql.policies.toml")).unwrap();
        assert!(
            policies.contains("chunk_interval = \"7d\"") && policies.contains("after = \"300d\""),
            "{version:?}: {policies}"
        );
        let other = files.write("other.toml", &FILE.replace("400 days", "500 days"));
        let (code, text) = run(
            rig,
            &[
                "apply",
                other.to_str().unwrap(),
                "-y",
                "--dump",
                dump.to_str().unwrap(),
            ],
        );
        assert!(
            code == 3 && text.contains("exists already"),
            "{version:?}: {text}"
        );
    });
}

#[test]
fn while_an_apply_runs_the_screen_changes_nothing_and_its_tab_counts_what_differs() {
    triage::on_each("apply_lock", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("fine.toml", FILE.split("\n[[aggregate]]").next().unwrap());
        let file = path.to_str().unwrap();
        let other = support::client(&rig.conninfo).await;
        other.batch_execute(APPLY_LOCK).await.unwrap();
        let before = rig.text(STATE).await;
        let args = ["--screen", "jobs", "--policies", file, "-d", &rig.conninfo];
        let state = rig.state_home().to_str().unwrap();
        let vars = [
            ("XDG_CONFIG_HOME", "/nonexistent"),
            ("XDG_STATE_HOME", state),
        ];
        let mut console = Console::open_in(&args, &vars, 200, 40);
        // The tab shows the differences on every screen.
        console.wait_for("Policies !1");
        console.press("F");
        console.wait_for("1 differs");
        for refused in [true, false] {
            console.press("m");
            let preview = console.wait_for("nothing is changed");
            console.agree(&preview);
            if refused {
                let shown = console.wait_for("another apply runs");
                assert!(!shown.contains("journal entry"), "{version:?}: {shown}");
                assert_eq!(rig.text(STATE).await, before, "{version:?}");
                other
                    .batch_execute("select pg_advisory_unlock_all()")
                    .await
                    .unwrap();
            } else {
                console.wait_for("journal entry");
            }
            // Esc and a letter that arrive together are one key.
            for _ in 0..2 {
                console.press("\x1b");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
        console.wait_for("1 same");
        console.press("q");
        assert_eq!(console.ended(), 0);
        assert_ne!(rig.text(STATE).await, before, "{version:?}");
    });
}
