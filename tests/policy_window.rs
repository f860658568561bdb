//! The hours in which compression and retention begin by the policy file, and the hours in which the steps of an apply may begin.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::PathBuf;

use hypertop::model::version::Version;
use support::act::Rig;
use support::program::{Files, remade, run};
use support::triage;

const TABLES: &str = "create schema m; create table m.a (ts timestamptz not null, d int); create table m.b (ts timestamptz not null, d int);
select create_hypertable('m.b', 'ts'); select add_retention_policy('m.b', interval '30 days', schedule_interval => interval '1 day')";

const FILE: &str = r#"[defaults]
window = "22:00-06:00 Europe/Berlin"

[[hypertable]]
name = "m.a"
time = "ts"
compress = { segment_by = ["d"], after = "7 days" }
retain = { after = "90 days", every = "7 days" }
"#;

/// Local begin of each policy's next run, whether the schedule is fixed, and the schedule's time zone.
const BEGINS: &str = "select string_agg(format('%s %s %s %s %s', j.proc_name, j.scheduled, j.fixed_schedule, j.timezone,
    to_char(s.next_start at time zone 'Europe/Berlin', 'HH24:MI')), ', ' order by j.proc_name)
  from _timescaledb_config.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id
  join _timescaledb_internal.bgw_job_stat s on s.job_id = j.id where h.table_name = ";

/// Applies the file, so that the database is as the file says. Returns the file's folder and path.
fn applied(rig: &Rig, version: Version) -> (Files, PathBuf) {
    let files = Files::new();
    let path = files.write("policies.toml", FILE);
    let file = path.to_str().unwrap();
    let (code, text) = run(rig, &["apply", file, "-y", "--allow", "NOT_UNDOABLE"]);
    assert!(
        code == 0 && text.contains("verified: the database is as the file says"),
        "{version:?}: {text}"
    );
    (files, path)
}

#[test]
fn new_policies_that_compress_or_drop_begin_in_the_window_and_not_at_once() {
    triage::on_each("window_new", TABLES, async |rig, version| {
        let (_files, path) = applied(rig, version);
        let file = path.to_str().unwrap();
        let begins = rig.text(&format!("{BEGINS} 'a'")).await;
        assert_eq!(
            begins,
            "policy_compression t t Europe/Berlin 22:00, policy_retention t t Europe/Berlin 22:00",
            "{version:?}"
        );
        let soon = "select count(*)::text from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and next_start > now() + interval '26 hours'";
        assert_eq!(rig.text(soon).await, "0", "{version:?}");
        let (code, text) = run(rig, &["plan", file]);
        assert_eq!(code, 0, "{version:?}: {text}");
        let (code, text) = run(rig, &["rollback", "1", "-y"]);
        assert_eq!(code, 0, "{version:?}: {text}");
        let jobs = "select count(*)::text from _timescaledb_config.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id where h.table_name = 'a'";
        assert_eq!(rig.text(jobs).await, "0", "{version:?}");
    });
}

/// The fixed times of all policies.
const TIMES: &str = "select string_agg(format('%s %s %s %s %s', h.table_name, j.proc_name, j.fixed_schedule, j.timezone, j.initial_start), E'\\n'
    order by h.table_name, j.proc_name)
  from _timescaledb_config.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id";

#[test]
fn an_exported_script_keeps_the_fixed_times() {
    triage::on_each("window_script", TABLES, async |rig, version| {
        let _files = applied(rig, version);
        let times = rig.text(TIMES).await;
        assert!(
            times.contains("policy_retention t Europe/Berlin"),
            "{times}"
        );
        let (code, script) = run(rig, &["export", "--sql"]);
        assert_eq!(code, 0, "{script}");
        let again = remade(rig, TABLES.split_once(";\n").unwrap().0, &script).await;
        assert_eq!(again.text(TIMES).await, times, "{version:?}: {script}");
    });
}

#[test]
fn a_policy_that_begins_at_other_times_differs_and_is_moved_and_moved_back() {
    triage::on_each("window_moved", TABLES, async |rig, version| {
        let files = Files::new();
        let path = files.write("policies.toml", 
            "[[hypertable]]\nname = \"m.b\"\nwindow = \"22:00-06:00 Europe/Berlin\"\nretain = { after = \"30 days\" }\n",
        );
        let file = path.to_str().unwrap();
        let look = "select format('%s %s %s', fixed_schedule, initial_start, timezone) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'";
        let before = rig.text(look).await;
        if version < Version::new(2, 12) {
            let (code, text) = run(rig, &["plan", file]);
            assert!(
                code == 3 && text.contains("remove the policy"),
                "{version:?}: {text}"
            );
            return;
        }
        let (code, text) = run(rig, &["plan", "--drift", file]);
        assert!(
            code == 2
                && text.contains(
                    "retain.window: begins one interval after each run -> 22:00-06:00 Europe/Berlin"
                ),
            "{version:?}: {text}"
        );
        assert_eq!(text.lines().count(), 1, "{version:?}: {text}");
        let (code, text) = run(rig, &["apply", file, "-y"]);
        assert!(
            code == 0 && text.contains("verified"),
            "{version:?}: {text}"
        );
        let begins = rig.text(&format!("{BEGINS} 'b'")).await;
        assert_eq!(
            begins, "policy_retention t t Europe/Berlin 22:00",
            "{version:?}"
        );
        // A change of the time zone, or of another part of the schedule, moves the run out of the window.
        rig.sql("select alter_job(job_id, timezone => 'Asia/Tokyo') from timescaledb_information.jobs where proc_name = 'policy_retention'").await;
        let (code, text) = run(rig, &["plan", "--drift", file]);
        assert!(
            code == 2 && text.contains("in the time zone Asia/Tokyo"),
            "{version:?}: {text}"
        );
        rig.sql("select alter_job(job_id, initial_start => '2024-01-01 12:00 Europe/Berlin', timezone => 'Europe/Berlin') from timescaledb_information.jobs where proc_name = 'policy_retention'").await;
        let (code, text) = run(rig, &["plan", "--drift", file]);
        assert!(
            code == 2 && text.contains("begins at 12:00 ->"),
            "{version:?}: {text}"
        );
        rig.sql("select alter_job(job_id, initial_start => '2000-01-01 22:00 Europe/Berlin', timezone => 'Europe/Berlin') from timescaledb_information.jobs where proc_name = 'policy_retention'").await;
        let (code, text) = run(rig, &["plan", "--drift", file]);
        assert_eq!(code, 0, "{version:?}: {text}");
        let (code, text) = run(rig, &["rollback", "1", "-y"]);
        assert_eq!(code, 0, "{version:?}: {text}");
        let fixed = |state: &str| state.split(' ').next().unwrap().to_owned();
        let after = rig.text(look).await;
        assert_eq!(
            fixed(&after),
            fixed(&before),
            "{version:?}: {before}: {after}"
        );
    });
}

#[test]
fn a_window_that_cannot_hold_is_an_error_with_the_fix_and_one_table_may_have_none() {
    triage::on_each("window_wrong", TABLES, async |rig, version| {
        let files = Files::new();
        for (from, to, words) in [
            (
                "every = \"7 days\"",
                "every = \"6h\"",
                "retain: it runs every 6h. Its runs stay within",
            ),
            (
                "22:00-06:00",
                "22-06",
                "window = \"22-06 Europe/Berlin\": expected two times of a day",
            ),
            (
                "Europe/Berlin",
                "Europe/Bern",
                "unknown time zone \"Europe/Bern\"",
            ),
        ] {
            let path = files.write("policies.toml", &FILE.replace(from, to));
            let (code, text) = run(rig, &["plan", path.to_str().unwrap()]);
            assert!(
                code == 1 && text.contains(words) && text.contains("policies.toml"),
                "{version:?}: {text}"
            );
        }
        let path = files.write(
            "policies.toml",
            &FILE
                .replace("time = \"ts\"", "time = \"ts\"\nwindow = \"none\"")
                .replace("7 days\" }\n", "6h\" }\n"),
        );
        let (code, text) = run(rig, &["plan", path.to_str().unwrap()]);
        assert_eq!(code, 2, "{version:?}: {text}");
        let path = files.write("policies.toml", FILE);
        let args = [
            "apply",
            path.to_str().unwrap(),
            "-y",
            "--allow",
            "NOT_UNDOABLE",
            "--window",
        ];
        let now = rig.text("select to_char(now() at time zone 'Asia/Tokyo' + interval '2 hours', 'HH24:MI-') || to_char(now() at time zone 'Asia/Tokyo' + interval '3 hours', 'HH24:MI')").await;
        let (code, text) = run(rig, &[&args[..], &[&now, "--zone", "Asia/Tokyo"]].concat());
        assert!(
            code == 3 && text.contains("the present time is not in") && text.contains("Asia/Tokyo"),
            "{version:?}: {text}"
        );
        let now = rig.text("select to_char(now() at time zone 'Asia/Tokyo' - interval '2 hours', 'HH24:MI-') || to_char(now() at time zone 'Asia/Tokyo' + interval '3 hours', 'HH24:MI')").await;
        let (code, text) = run(rig, &[&args[..], &[&now, "--zone", "Asia/Tokyo"]].concat());
        assert_eq!(code, 0, "{version:?}: {text}");
    });
}
