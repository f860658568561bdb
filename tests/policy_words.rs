//! The messages of `plan`, `lint` and `apply` on a file that cannot work, that matches no object, or that could not be compared.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use support::act::Rig;
use support::program::{APPLY_LOCK, Files, on, run, said};
use support::triage;

const MADE: &str = "create schema mes;
create table mes.energy (ts timestamptz not null, meter_id int not null, kwh float8);
select create_hypertable('mes.energy', 'ts');
create table mes.plain (ts timestamptz not null, n int);
create materialized view mes.hourly with (timescaledb.continuous) as
  select time_bucket('1 hour', ts) as b, meter_id, avg(kwh) as mean, count(distinct kwh) as kinds from mes.energy group by 1, 2 with no data;
select add_retention_policy('mes.energy', interval '90 days');
select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name = 'policy_retention'";

const HOURLY: &str = "[[aggregate]]\nname = \"mes.hourly\"\nquery = \"select time_bucket('1 hour', ts) as b, meter_id, avg(kwh) as mean, count(distinct kwh) as kinds from mes.energy group by 1, 2\"\n";

/// Exit code and output of `plan` for this file.
fn planned(rig: &Rig, files: &Files, text: &str) -> (i32, String) {
    let path = files.write("policies.toml", text);
    run(rig, &["plan", path.to_str().unwrap()])
}

fn daily(query: &str) -> String {
    format!(
        "[[aggregate]]\nname = \"mes.daily\"\nfrom = \"mes.hourly\"\nquery = \"\"\"\n{query}\"\"\"\n"
    )
}

#[test]
fn a_new_query_that_the_server_does_not_understand_is_an_error_at_its_place() {
    triage::on_each("words_query", MADE, async |rig, version| {
        let files = Files::new();
        for (query, words) in [
            ("select nonsense from", "syntax error"),
            (
                "select time_bucket('1 day', b) as b, max(men) from mes.hourly group by 1",
                "men",
            ),
            (
                "select time_bucket('1 day', b) as b from hourly group by 1",
                "hourly",
            ),
        ] {
            let (code, text) = planned(rig, &files, &daily(query));
            assert!(
                code == 1
                    && text.contains("policies.toml:4:9: mes.daily: query: ")
                    && text.contains(words),
                "{version:?}: {code}: {text}"
            );
        }
        // The plan does not wait for a table that another session has locked.
        let other = support::client(&rig.conninfo).await;
        let lock = "begin; lock table mes.energy in access exclusive mode";
        other.batch_execute(lock).await.unwrap();
        let text = daily("select time_bucket('1 day', ts) as b from mes.energy group by 1");
        let (code, text) = planned(rig, &files, &text.replace("mes.hourly", "mes.energy"));
        assert!(
            code != 0 && text.contains("mes.daily: its query was not compared"),
            "{version:?}: {code}: {text}"
        );
        other.batch_execute("rollback").await.unwrap();
        // An aggregate may read another aggregate that the same file creates.
        let query =
            "select time_bucket('1 day', b) as b, max(mean) as most from mes.hourly group by 1";
        let weekly = daily(query).replace("mes.hourly", "mes.daily");
        let weekly = weekly
            .replace("name = \"mes.daily\"", "name = \"mes.weekly\"")
            .replace("max(mean)", "max(most)");
        let (code, text) = planned(rig, &files, &(daily(query) + &weekly));
        assert!(
            code == 2 && text.contains("2 to add"),
            "{version:?}: {text}"
        );
    });
}

#[test]
fn a_column_that_is_not_there_refuses_an_index_with_its_place() {
    triage::on_each("words_index", MADE, async |rig, version| {
        let files = Files::new();
        let index = |on: &str, columns: &str| {
            format!("[[index]]\non = \"mes.{on}\"\ncolumns = [{columns}]\n")
        };
        let made = "[[hypertable]]\nname = \"mes.plain\"\ntime = \"ts\"\n";
        for file in [
            index("energy", "\"meter\", \"ts DESC\""),
            made.to_owned() + &index("plain", "\"meter\""),
        ] {
            let (code, text) = planned(rig, &files, &file);
            let line = file.lines().count();
            assert!(
                code == 3
                    && text.contains("column \"meter\" does not exist")
                    && text.contains(&format!("policies.toml:{line}:11")),
                "{version:?}: {code}: {text}"
            );
        }
        let fine = index("energy", "'\"meter_id\" DESC NULLS LAST', \"ts\"");
        let (code, text) = planned(rig, &files, &fine);
        assert!(code == 2, "{version:?}: {text}");
        let wrong = "[[hypertable]]\nname = \"mes.energy\"\n\ncompress = { segment_by = [\"meter\"], after = \"7 days\" }\n";
        let (code, text) = planned(rig, &files, wrong);
        assert!(
            code == 3 && text.contains("policies.toml:4:12: segment_by: there is no column"),
            "{version:?}: {text}"
        );
    });
}

#[test]
fn each_advice_is_a_line_and_a_pattern_that_fits_nothing_is_said() {
    triage::on_each("words_lint", MADE, async |rig, version| {
        let files = Files::new();
        let query = "select time_bucket('1 day', b) as b, avg(mean) as mean, stddev(mean) as dev, sum(kinds) as kinds from mes.hourly group by 1";
        let path = files.write("policies.toml", &daily(query));
        let (code, text) = run(rig, &["lint", path.to_str().unwrap()]);
        let advice: Vec<&str> = text.lines().collect();
        assert!(
            code == 2
                && advice.len() == 2
                && advice[0].contains("avg() of mean")
                && advice[1].contains("sum() of kinds")
                && text.ends_with('\n'),
            "{version:?}: {text}"
        );
        let pattern = "[[hypertable]]\nname = \"mse.*\"\nretain = { after = \"60 days\" }\n";
        let (code, text) = planned(rig, &files, pattern);
        assert!(
            code == 0 && text.contains("policies.toml:2:8: mse.*: no hypertable has such a name"),
            "{version:?}: {text}"
        );
    });
}

#[test]
fn without_a_session_that_can_write_a_query_is_not_compared_until_a_plan_has_asked_the_server() {
    triage::on_each("words_read_only", MADE, async |rig, version| {
        let files = Files::new();
        let path = files.write("policies.toml", HOURLY);
        let file = path.to_str().unwrap();
        let only = ["plan", file, "--read-only"];
        let (code, text) = run(rig, &only);
        assert!(
            code == 3
                && text.contains("? mes.hourly: its query was not compared")
                && !text.contains("differs")
                && !text.contains("no difference"),
            "{version:?}: {code}: {text}"
        );
        let (code, text) = run(rig, &["plan", file]);
        assert_eq!(code, 0, "{version:?}: {text}");
        // The plan kept the server's spelling of this query.
        let (code, text) = run(rig, &only);
        assert!(
            code == 0 && text.contains("no difference"),
            "{version:?}: {text}"
        );
        let other = files.write("policies.toml", &HOURLY.replace("avg(", "max("));
        let (code, text) = run(rig, &["plan", other.to_str().unwrap(), "--read-only"]);
        assert!(
            code == 3 && text.contains("not compared"),
            "{version:?}: {text}"
        );
    });
}

/// Runs a drift check while an apply is running. The check must not end before `after` is done.
async fn drift(rig: &Rig, file: &Path, after: impl Future<Output = ()>) -> (i32, String) {
    let child = on(rig, &["plan", "--drift", file.to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Some(status) = child.try_wait().unwrap() {
            panic!("it did not wait for the apply: {status}");
        }
    }
    after.await;
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), said(&output))
}

#[test]
fn a_running_apply_is_no_drift() {
    triage::on_each("words_drift", MADE, async |rig, version| {
        let files = Files::new();
        let file = "[[hypertable]]\nname = \"mes.energy\"\nretain = { after = \"120 days\", paused = true }\n";
        let path = files.write("policies.toml", file);
        let (code, text) = run(rig, &["plan", "--drift", path.to_str().unwrap()]);
        assert_eq!(code, 2, "{version:?}: {text}");
        let apply = support::client(&rig.conninfo).await;
        apply.batch_execute(APPLY_LOCK).await.unwrap();
        let ends = async {
            let set = "select alter_job(job_id, config => jsonb_set(config, '{drop_after}', '\"120 days\"')) from timescaledb_information.jobs
              where proc_name = 'policy_retention'";
            rig.sql(set).await;
            let unlock = "select pg_advisory_unlock_all()";
            apply.batch_execute(unlock).await.unwrap();
        };
        let (code, text) = drift(rig, &path, ends).await;
        assert!(code == 0 && text.is_empty(), "{version:?}: {code}: {text}");
    });
}

#[test]
fn a_saved_plan_for_another_database_names_both_and_no_plan_is_said_not_to_be_saved() {
    triage::on_each("words_saved", MADE, async |rig, version| {
        let files = Files::new();
        let file = "[[hypertable]]\nname = \"mes.energy\"\nretain = { after = \"120 days\", paused = true }\n";
        let path = files.write("policies.toml", file);
        let (file, plan) = (path.to_str().unwrap(), files.0.path().join("plan.json"));
        let plan = plan.to_str().unwrap();
        let (code, text) = run(rig, &["plan", file, "--out", plan]);
        assert_eq!(code, 2, "{version:?}: {text}");
        let mut saved: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(plan).unwrap()).unwrap();
        saved["place"]["database"] = "elsewhere".into();
        saved["place"]["database_oid"] = 1.into();
        let other = files.write("other.json", &saved.to_string());
        let (code, text) = run(rig, &["apply", other.to_str().unwrap(), "-y"]);
        let own = &rig.session.server.database;
        assert!(
            code == 3
                && text.contains("saved for database elsewhere")
                && text.contains(&format!("this is database {own}")),
            "{version:?}: {text}"
        );
        let same = file.replace("policies", "same");
        std::fs::write(&same, "[[hypertable]]\nname = \"mes.energy\"\n").unwrap();
        let (code, text) = run(rig, &["plan", &same, "--out", &format!("{plan}.2")]);
        assert!(
            code == 0 && text.contains("no plan was saved"),
            "{version:?}: {text}"
        );
    });
}

#[test]
fn a_value_of_the_wrong_kind_says_how_to_write_it() {
    let wrong = |text: &str| {
        hypertop::model::setup::file::Wanted::parse("x.toml", text).expect_err("wrong")
    };
    assert!(wrong("owns = \"mes.*\"\n").contains("expected a list, such as [\"a\", \"b\"]"));
    assert!(
        wrong("[expect]\nhypertables = \"5\"\n")
            .contains("expected a whole number, without quotes")
    );
    assert!(
        wrong("[store]\ncomments = \"yes\"\n").contains("expected true or false, without quotes")
    );
}
