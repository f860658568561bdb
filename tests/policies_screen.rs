//! The Policies screen on real servers: it shows differences, changes objects to what the file says (with rollback), and writes present
//! settings into the file.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::{Path, PathBuf};

use hypertop::model::pages::{Catalogue, Handwritten};
use hypertop::model::rules;
use serde_json::Value as Json;
use support::act::Rig;
use support::console::Console;
use support::program::{program, said};
use support::triage;

/// Two hypertables and an aggregate. One hypertable has all policies.
const PLANT: &str = r"create schema mes;
create table mes.raw (ts timestamptz not null, line int not null, v float8);
select create_hypertable('mes.raw', 'ts', chunk_time_interval => interval '1 day');
insert into mes.raw select t, 1, 2 from generate_series(now() - interval '3 days', now(), interval '1 hour') t;
alter table mes.raw set (timescaledb.compress, timescaledb.compress_segmentby = 'line');
select add_compression_policy('mes.raw', interval '14 days', schedule_interval => interval '1 day');
select add_retention_policy('mes.raw', interval '30 days', schedule_interval => interval '1 day');
create table mes.quiet (ts timestamptz not null, v float8);
select create_hypertable('mes.quiet', 'ts', chunk_time_interval => interval '7 days');
create materialized view mes.hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as
  select time_bucket('1 hour', ts) as bucket, line, avg(v) as v from mes.raw group by 1, 2 with no data;
select add_continuous_aggregate_policy('mes.hourly', interval '10 days', interval '1 hour', interval '1 hour')";

const JOBS: &str = "select coalesce(string_agg(format('%s %s %s %s', proc_name, schedule_interval, scheduled, config), E'\\n' order by job_id), '')
  from timescaledb_information.jobs where job_id >= 1000";

struct Files(tempfile::TempDir);

impl Files {
    /// A folder with the exported policy file of a database.
    fn exported(rig: &Rig) -> (Self, PathBuf, String) {
        let files = Self(tempfile::tempdir().unwrap());
        let text = run(rig, &["export", "mes.*"]);
        let path = files.write(&text);
        (files, path, text)
    }

    fn write(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("policies.toml");
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Runs the program, which must succeed. Returns its output.
fn run(rig: &Rig, args: &[&str]) -> String {
    let output = output(rig, args);
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn output(rig: &Rig, args: &[&str]) -> std::process::Output {
    program()
        .args(args)
        .args(["-d", &rig.conninfo])
        .env("XDG_STATE_HOME", rig.state_home())
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .output()
        .unwrap()
}

/// The rows by object.
fn rows(rig: &Rig, file: &Path) -> Vec<Json> {
    let file = file.to_str().unwrap();
    let args = ["show", "policies", "--policies", file, "--format", "json"];
    let shown: Json = serde_json::from_str(&run(rig, &args)).unwrap();
    let rows = shown["rows"].as_array().unwrap().clone();
    let page = Handwritten::of(Catalogue::Rules, rules::POLICY_FILE.name).unwrap();
    for row in &rows {
        let level = row["verdict"].as_str().unwrap();
        let is_same = row["state"] == "same";
        assert!(is_same == (level == "ok"), "{row}");
        assert!(is_same || page.names("levels").contains(&level), "{row}");
    }
    rows
}

/// State and differences of each object that is not the same.
fn differing(rig: &Rig, file: &Path) -> Vec<String> {
    let rows = rows(rig, file).into_iter();
    let differing = rows.filter(|row| row["state"] != "same");
    let words = differing.map(|row| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let (sign, object) = (text("sign"), text("object"));
        format!("{sign} {object} {}: {}", text("state"), text("differences"))
    });
    words.collect()
}

fn open(rig: &Rig, file: &Path) -> Console {
    let args = ["--screen", "policies", "--policies", file.to_str().unwrap()];
    let args = [&args[..], &["-d", &rig.conninfo]].concat();
    let state = rig.state_home().to_str().unwrap();
    let vars = [
        ("XDG_CONFIG_HOME", "/nonexistent"),
        ("XDG_STATE_HOME", state),
    ];
    Console::open_in(&args, &vars, 140, 40)
}

#[test]
fn a_setting_changed_by_hand_is_the_one_difference_and_the_fix_and_its_rollback_are_exact() {
    triage::on_each("policies_screen", PLANT, async |rig, version| {
        let (_files, file, _) = Files::exported(rig);
        assert_eq!(rows(rig, &file).len(), 3, "{version:?}");
        assert_eq!(differing(rig, &file), [""; 0], "{version:?}");
        rig.sql("select alter_job(job_id, schedule_interval => interval '3 days') from timescaledb_information.jobs where proc_name = 'policy_retention'").await;
        let found = ["~ mes.raw differs: retain.every: 3d -> 1d"];
        assert_eq!(differing(rig, &file), found, "{version:?}");
        let before = rig.text(JOBS).await;
        let mut console = open(rig, &file);
        console.wait_for("3 objects: 2 same, 1 differs");
        console.press("m");
        let preview = console.wait_for("nothing is changed");
        assert!(
            preview.contains("as the policy file says: 1 change"),
            "{preview}"
        );
        console.agree(&preview);
        let done = console.wait_for("journal entry");
        assert!(done.contains("Done in"), "{version:?}: {done}");
        console.press("\x1b");
        console.wait_for("3 objects: 3 same");
        console.press("q");
        assert_eq!(console.ended(), 0);
        assert_eq!(differing(rig, &file), [""; 0], "{version:?}");
        // The findings before the change are kept in the journal, as by `hypertop apply`.
        let validated = said(&output(
            rig,
            &["validate", "--after", file.to_str().unwrap()],
        ));
        assert!(
            validated.contains("no new finding since entry 1"),
            "{version:?}: {validated}"
        );
        let text = run(rig, &["rollback", "1", "-y"]);
        assert_eq!(rig.text(JOBS).await, before, "{version:?}: {text}");
        assert_eq!(differing(rig, &file), found, "{version:?}");
    });
}

#[test]
fn the_present_goes_into_the_file_and_its_comments_stay() {
    triage::on_each("policies_into_file", PLANT, async |rig, version| {
        let (files, _, text) = Files::exported(rig);
        let text = format!("# agreed in May\n{text}").replace(
            "name = \"mes.raw\"\n",
            "name = \"mes.raw\" # the raw samples\n# measured\n",
        );
        let file = files.write(&text);
        rig.sql("select remove_retention_policy('mes.raw'); select set_chunk_time_interval('mes.quiet', interval '2 days')").await;
        let found = differing(rig, &file);
        assert_eq!(found.len(), 2, "{version:?}: {found:?}");
        let mut console = open(rig, &file);
        console.wait_for("2 differs");
        for left in ["1 differs", "3 objects: 3 same"] {
            console.press("E");
            console.wait_for("y writes");
            console.press("y");
            console.wait_for(left);
        }
        // A change of the file by another program is shown without a key.
        let written = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, written.replace("\"2d\"", "\"5d\"")).unwrap();
        console.wait_for("chunk_interval: 2d -> 5d");
        console.press("q");
        assert_eq!(console.ended(), 0);
        let wanted = text.replace("chunk_interval = \"7d\"", "chunk_interval = \"2d\"");
        let mut lines: Vec<&str> = wanted.lines().collect();
        let retain = lines.iter().position(|line| line.starts_with("retain"));
        lines[retain.unwrap()] = "retain = \"none\"";
        let written: Vec<&str> = written.lines().collect();
        assert_eq!(written, lines, "{version:?}");
    });
}

#[test]
fn a_change_that_needs_another_objects_change_says_so() {
    triage::on_each("policies_alone", PLANT, async |rig, version| {
        let (files, _, text) = Files::exported(rig);
        // The aggregate shall be refreshed further back than its source keeps rows; the file makes the source keep them.
        let text = text
            .replace("start = \"10d\"", "start = \"45d\"")
            .replace("retain = { after = \"30d\"", "retain = { after = \"90d\"");
        let file = files.write(&text);
        let found = differing(rig, &file);
        assert_eq!(found.len(), 2, "{version:?}: {found:?}");
        let mut console = open(rig, &file);
        console.wait_for("2 differs");
        console.press("/hourly\r");
        console.wait_for("1/1 of 3");
        console.press("m");
        let shown = console.wait_for("closes this");
        assert!(
            shown.contains("mes.hourly cannot be changed alone")
                && shown.contains("mes.raw")
                && shown.contains("hypertop apply changes all of them in one plan"),
            "{version:?}: {shown}"
        );
        console.press("\r");
        console.press("q");
        assert_eq!(console.ended(), 0);
        assert_eq!(rig.actor.journal.entries().unwrap().all.len(), 0);
    });
}

#[test]
fn a_broken_file_is_an_error_on_the_screen_until_it_is_repaired_and_without_one_the_way_to_it_is_said()
 {
    triage::on_each("policies_broken", PLANT, async |rig, version| {
        let (files, _, text) = Files::exported(rig);
        let file = files.write("[[hypertable]]\nname = \"mes.raw\"\nretan = \"none\"\n");
        let mut console = open(rig, &file);
        let shown = console.wait_for("could not be read");
        // The lines may wrap anywhere.
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            shown.contains("line 3, column 1") && shown.contains("unknown field `retan`"),
            "{version:?}: {shown}"
        );
        files.write(&text);
        console.wait_for("3 objects: 3 same");
        std::fs::remove_file(&file).unwrap();
        console.wait_for("cannot be read");
        console.press("q");
        assert_eq!(console.ended(), 0);
        let failed = output(
            rig,
            &["show", "policies", "--policies", file.to_str().unwrap()],
        );
        assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
        let tape = files.0.path().join("tape.jsonl");
        files.write(&text);
        let args = ["--policies", file.to_str().unwrap(), "record", "--details"];
        let args = [&args[..], &["--for", "6s", tape.to_str().unwrap()]].concat();
        run(rig, &args);
        let recorded = std::fs::read_to_string(&tape).unwrap();
        let mut lines = recorded.lines();
        assert!(
            lines.any(|line| line.contains("{\"Policies\":[{\"object\":\"mes.")),
            "{version:?}: the rows are recorded with the details"
        );
        let none = run(rig, &["show", "policies"]);
        assert!(
            none.contains("hypertop export > policies.toml") && none.contains("--policies"),
            "{version:?}: {none}"
        );
    });
}

#[test]
fn a_shorter_retention_that_drops_chunks_is_a_hazard_however_late_its_next_run() {
    triage::on_each("policies_shorter", PLANT, async |rig, version| {
        rig.sql(
            "insert into mes.quiet select now() - interval '20 days';
             select add_retention_policy('mes.quiet', interval '60 days', schedule_interval => interval '1 day',
               initial_start => now() + interval '12 hours')",
        )
        .await;
        let (files, _, text) = Files::exported(rig);
        for (after, hazards) in [("50d", Json::Null), ("5d", "DELETES_DATA".into())] {
            let file =
                files.write(&text.replace("after = \"60d\"", &format!("after = \"{after}\"")));
            let rows = rows(rig, &file);
            let row = rows
                .iter()
                .find(|row| row["object"] == "mes.quiet")
                .unwrap();
            assert_eq!(row["state"], "differs", "{version:?}: {row}");
            assert_eq!(row["hazards"], hazards, "{version:?}: {row}");
            let code = output(rig, &["apply", file.to_str().unwrap(), "-y"])
                .status
                .code();
            let expected = if hazards.is_null() { 0 } else { 3 };
            assert_eq!(code, Some(expected), "{version:?}: {after}");
        }
    });
}
