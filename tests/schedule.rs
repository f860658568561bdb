//! Jobs that start together, and policies that start in busy hours.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use console::{NOW, job, server};
use hypertop::model::busy::BusyHours;
use hypertop::model::moment::Stamp;
use hypertop::model::verdict::{Finding, Level};
use hypertop::model::version::Version;
use hypertop::screens::jobs::{Row, Workers};
use hypertop::screens::record::Record;
use hypertop::screens::{Rows, Screens};
use hypertop::server::known::{At, Server};
use serde_json::Value as Json;
use support::own::{databases, on_own};
use support::program::program;
use support::{triage, with_targets};

const HOUR: f64 = 3600.0;

/// A job that runs every 12 hours; `hours`: time until its next start.
fn starts(id: i32, hours: f64) -> Row {
    let mut row = job(id, true);
    if let Some(of) = &mut row.statistics {
        of.next_start = Some(NOW.plus_seconds(hours * HOUR));
    }
    row
}

/// This many jobs that start within one minute.
fn together(many: i32, hours: f64) -> Vec<Row> {
    let start = |nth| starts(1000 + nth, hours + f64::from(nth) * 2.0 / HOUR);
    (0..many).map(start).collect()
}

/// The findings of this rule on the Jobs screen, each with its job id.
fn found(rows: Vec<Row>, server: &Server, rule: &str) -> Vec<(i32, Finding)> {
    let at = At { now: NOW, server };
    let mut screens = Screens::default();
    let asked = screens
        .ask(hypertop::model::screen_id::ScreenId::Jobs)
        .unwrap();
    screens.load(asked, Rows::Jobs(rows), Duration::ZERO, &at);
    let all = screens.jobs.found();
    all.flat_map(|(row, findings)| findings.iter().map(|of| (row.job_id, of.clone())))
        .filter(|(_, of)| of.rule.name == rule)
        .collect()
}

fn crowds(rows: Vec<Row>, server: &Server) -> Vec<(i32, Finding)> {
    found(rows, server, "job-crowd")
}

#[test]
fn more_jobs_than_workers_in_one_minute_are_one_finding_with_the_numbers_and_the_way_out() {
    // 16 slots, of which the launcher and the scheduler use 2.
    assert_eq!(crowds(together(14, 12.0), &server()).len(), 0);
    let all = crowds(together(20, 12.0), &server());
    let [(id, finding)] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!((*id, finding.level), (1000, Level::Notice));
    for words in [
        "20 jobs start within one minute (in 12h, ",
        "14 workers can run them (timescaledb.max_background_workers is 16, and launcher and schedulers use 2)",
        "; 6 jobs wait until others end",
        "next_start",
        " and 15 more",
    ] {
        assert!(
            finding.reason.contains(words),
            "{words}: {}",
            finding.reason
        );
    }
    assert_eq!(finding.fix, Some("edit-job"));
    // The fix moves the job to the minute after the crowd.
    assert_eq!(
        finding.sets,
        [("next_start".to_owned(), "2027-01-15T20:01:00Z".to_owned())]
    );
    let spread: Vec<_> = (0..20)
        .map(|nth| starts(1000 + nth, f64::from(nth)))
        .collect();
    assert_eq!(crowds(spread, &server()).len(), 0);
    let mut few = together(20, 12.0);
    for row in &mut few {
        row.scheduled = row.job_id < 1010;
    }
    assert_eq!(crowds(few, &server()).len(), 0, "paused jobs do not start");
}

#[test]
fn the_limit_that_is_reached_first_is_named_and_the_threshold_is_the_users() {
    let with = |change: fn(&mut Workers)| {
        let mut rows = together(13, 12.0);
        for row in &mut rows {
            change(&mut row.workers);
        }
        rows
    };
    assert_eq!(crowds(with(|_| {}), &server()).len(), 0);
    let few = crowds(with(|of| of.processes = Some(12)), &server());
    assert!(
        few[0]
            .1
            .reason
            .contains("9 workers can run them (max_worker_processes is 12,"),
        "{few:?}"
    );
    let unknown = with(|of| of.processes = None);
    assert_eq!(crowds(unknown, &server()).len(), 0, "a recording of before");
    let mut half = server();
    half.thresholds.all.set("job_crowd_percent", 50.0);
    let early = crowds(together(8, 12.0), &half);
    let reason = &early[0].1.reason;
    assert!(
        reason.contains("8 jobs start") && !reason.contains("wait for"),
        "{reason}"
    );
    assert_eq!(crowds(together(7, 12.0), &half).len(), 0);
    half.simulated = true;
    assert_eq!(
        crowds(together(20, 12.0), &half).len(),
        0,
        "nothing runs there"
    );
}

#[test]
fn later_starts_count_where_the_schedule_is_fixed_and_frequent_jobs_always() {
    // Eight jobs start in an hour and eight in 13 hours. The first eight run again in 13 hours.
    let rows = |fixed: bool| {
        let mut rows = together(8, 1.0);
        rows.extend((0..8).map(|nth| starts(1100 + nth, 13.0)));
        for row in &mut rows {
            row.fixed_schedule = fixed;
        }
        rows
    };
    assert_eq!(crowds(rows(false), &server()).len(), 0);
    let both = crowds(rows(true), &server());
    assert!(
        both[0]
            .1
            .reason
            .contains("16 jobs start within one minute (in 13h,"),
        "{both:?}"
    );
    let mut often = together(10, 12.0);
    for nth in 0..6 {
        let mut row = starts(1200 + nth, 0.001);
        row.schedule.seconds = 30.0;
        often.push(row);
    }
    let all = crowds(often, &server());
    assert!(
        all[0]
            .1
            .reason
            .contains("16 jobs start within one minute (in 12h,"),
        "{all:?}"
    );
}

fn busy(hours: &str) -> Server {
    Server {
        busy_hours: Some(BusyHours::parse(hours).unwrap()),
        ..server()
    }
}

/// Hours from now until this minute of the day, in UTC.
fn until(minute: i64) -> f64 {
    let now = NOW.0 / 60_000_000 % 1440;
    #[expect(clippy::cast_precision_loss, reason = "minutes of a day")]
    let minutes = (minute - now).rem_euclid(1440) as f64;
    minutes / 60.0
}

#[test]
fn a_policy_that_starts_in_busy_hours_is_a_finding_with_their_end_as_its_fix() {
    let server = busy("06:00-22:00");
    let noon = starts(1003, until(12 * 60));
    let all = found(vec![noon.clone()], &server, "job-busy-hours");
    let [(1003, finding)] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!(finding.level, Level::Notice);
    for words in [
        "its next start (in ",
        " 12:00:",
        "busy hours 06:00-22:00 (UTC)",
        "They end ",
    ] {
        assert!(
            finding.reason.contains(words),
            "{words}: {}",
            finding.reason
        );
    }
    assert_eq!(finding.fix, Some("edit-job"));
    let [(field, end)] = finding.sets.as_slice() else {
        panic!("{finding:?}");
    };
    assert!(
        field == "next_start" && end.contains("T22:00:00Z"),
        "{field} {end}"
    );
    let fixed = Row {
        fixed_schedule: true,
        ..noon.clone()
    };
    let all = found(vec![fixed], &server, "job-busy-hours");
    assert_eq!(all[0].1.sets[0].0, "initial_start");
    let night = starts(1003, until(23 * 60));
    assert_eq!(found(vec![night], &server, "job-busy-hours").len(), 0);
    // In January, 12:00 UTC is 13:00 in Berlin.
    for (hours, many) in [
        ("12:30-13:30 Europe/Berlin", 1),
        ("11:30-12:30 Europe/Berlin", 0),
        ("20:00-13:00", 1),
        ("20:00-11:00", 0),
    ] {
        let all = found(vec![noon.clone()], &busy(hours), "job-busy-hours");
        assert_eq!(all.len(), many, "{hours}: {all:?}");
    }
    let none = Server {
        busy_hours: None,
        ..server
    };
    assert_eq!(found(vec![noon], &none, "job-busy-hours").len(), 0);
}

#[test]
fn what_runs_often_and_what_is_no_policy_may_start_in_busy_hours() {
    let server = busy("06:00-22:00");
    let at_noon = |change: fn(&mut Row)| {
        let mut row = starts(1003, until(12 * 60));
        change(&mut row);
        found(vec![row], &server, "job-busy-hours").len()
    };
    assert_eq!(at_noon(|_| {}), 1);
    assert_eq!(at_noon(|row| row.schedule.seconds = 3.0 * HOUR), 0);
    assert_eq!(at_noon(|row| row.job_id = 3), 0, "TimescaleDB's own job");
    assert_eq!(at_noon(|row| row.proc_schema = "mes".to_owned()), 0);
    assert_eq!(at_noon(|row| row.scheduled = false), 0);
    let mut often = server.clone();
    often.thresholds.all.set("job_busy_interval", HOUR);
    let mut row = starts(1003, until(12 * 60));
    row.schedule.seconds = 3.0 * HOUR;
    assert_eq!(found(vec![row], &often, "job-busy-hours").len(), 1);
}

#[test]
fn a_time_zone_that_is_not_known_is_said_and_nothing_is_found() {
    let mut server = busy("06:00-22:00");
    server.time_zone = "<+03>-03".to_owned();
    let noon = starts(1003, until(12 * 60));
    assert_eq!(
        found(vec![noon.clone()], &server, "job-busy-hours").len(),
        0
    );
    let at = At {
        now: NOW,
        server: &server,
    };
    let said = Row::caveats(std::slice::from_ref(&noon), &at).concat();
    assert!(
        said.contains("does not know the server's time zone (<+03>-03)")
            && said.contains("busy_hours = \"06:00-22:00 Europe/Berlin\""),
        "{said}"
    );
    server.busy_hours = Some(BusyHours::parse("06:00-22:00 UTC").unwrap());
    assert_eq!(found(vec![noon], &server, "job-busy-hours").len(), 1);
}

#[test]
fn a_policy_that_cannot_be_altered_has_no_fix() {
    let mut server = busy("06:00-22:00");
    server.timescaledb = Some(Version::new(2, 22));
    let mut row = starts(1003, until(12 * 60));
    row.hierarchical_id = Some(7);
    let all = found(vec![row], &server, "job-busy-hours");
    assert_eq!(all[0].1.fix, None);
}

/// Runs `hypertop show jobs` with this config.toml.
fn show(conninfo: &str, config: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("hypertop");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("config.toml"), config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(["-d", conninfo, "show", "jobs", "--format", "json"])
        .env("XDG_CONFIG_HOME", folder.path())
        .env("XDG_STATE_HOME", "/nonexistent")
        .output()
        .unwrap()
}

#[test]
fn on_every_version_config_toml_says_what_is_busy_and_a_wrong_one_is_refused() {
    with_targets(|targets| {
        for target in &targets.all {
            let name = &target.name;
            // The whole day except the last minute.
            let config = "[[connection]]\nbusy_hours = \"00:00-23:59 UTC\"\n[thresholds]\njob_crowd_percent = 0.1\n";
            let output = show(&target.conninfo, config);
            assert!(output.status.success(), "{output:?}");
            let json: Json = serde_json::from_slice(&output.stdout).unwrap();
            let rows = json["rows"].as_array().unwrap();
            let says = |row: &Json, words: &str| row["reason"].as_str().unwrap().contains(words);
            let clock = json["server"]["clock"].as_str().unwrap();
            let mut seldom = 0;
            for row in rows {
                let policy = row["proc"].as_str().unwrap().starts_with("policy_")
                    && row["job_id"].as_i64().unwrap() >= 1000;
                let next = row["next_start"].as_str().unwrap_or_default();
                // Times in RFC 3339 with the same zone are in the right order as texts, too.
                let quiet = next <= clock || next.contains("T23:59");
                let every = row["schedule_interval"].as_str().unwrap();
                let days = every.contains("day") || every.contains("mon") || every == "12:00:00";
                if policy && !quiet && row["scheduled"] == true && days {
                    assert!(says(row, "busy hours 00:00-23:59 (UTC)"), "{name}: {row}");
                    seldom += 1;
                }
            }
            let real = json["server"]["simulated"] == false;
            let crowd = rows
                .iter()
                .filter(|row| says(row, "start within one minute"));
            assert!(
                crowd.count() <= usize::from(real),
                "{name}: one finding at most"
            );
            println!("{name}: {seldom} policies start in busy hours");
            let wrong = show(&target.conninfo, "[[connection]]\nbusy_hours = \"6-22\"\n");
            let said = String::from_utf8_lossy(&wrong.stderr);
            assert!(
                said.contains("config.toml: line 2: busy_hours = \"6-22\"")
                    && said.contains("write \"06:00-22:00\""),
                "{said}"
            );
        }
    });
}

const DAILY: &str = "set client_min_messages = error; create table raw (ts timestamptz not null, v float8); \
    select create_hypertable('raw', 'ts'); select add_retention_policy('raw', interval '1 year', schedule_interval => interval '1 day')";

#[test]
fn on_every_version_a_daily_policy_in_busy_hours_is_a_notice_of_check_until_its_start_is_moved() {
    triage::on_each("daily", DAILY, async |rig, _| {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("hypertop");
        fs::create_dir(&own).unwrap();
        let config = "[[connection]]\nbusy_hours = \"06:00-22:00 UTC\"\n";
        fs::write(own.join("config.toml"), config).unwrap();
        let check = |args: &[&str]| {
            let output = program()
                .args([
                    "check",
                    "--only",
                    "job-busy-hours",
                    "--format",
                    "prometheus",
                ])
                .args(args)
                .arg(&rig.conninfo)
                .env("XDG_CONFIG_HOME", folder.path())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let series = ",rule=\"job-busy-hours\",level=\"notice\"} ";
            let found = text
                .lines()
                .find_map(|line| Some(line.split_once(series)?.1.to_owned()));
            (output.status.code().unwrap(), found.unwrap())
        };
        let starts = async |time: &str| {
            rig.sql(&format!("select alter_job(max(id), next_start => ((now() at time zone 'UTC')::date + 2 + time '{time}') at time zone 'UTC') from _timescaledb_config.bgw_job")).await;
        };
        starts("12:00").await;
        assert_eq!(check(&[]), (0, "1".to_owned()), "{}", rig.name);
        let warns = ["--notice-as", "warning"];
        assert_eq!(check(&warns), (1, "1".to_owned()), "{}", rig.name);
        starts("23:00").await;
        assert_eq!(check(&warns), (0, "0".to_owned()), "{}", rig.name);
    });
}

#[test]
fn a_moment_of_the_past_is_in_no_minute_to_come() {
    let late = together(20, -1.0);
    assert_eq!(crowds(late, &server()).len(), 0);
    let mut running = together(20, 12.0);
    for row in &mut running {
        row.pid = Some(row.job_id);
        if let Some(of) = &mut row.statistics {
            of.next_start = Some(Stamp::BEFORE_ALL);
        }
    }
    assert_eq!(crowds(running, &server()).len(), 0);
}

#[test]
fn on_every_version_jobs_that_want_more_workers_than_there_are_are_found_until_they_are_spread() {
    let settings = [("timescaledb.max_background_workers", "8")];
    on_own(&settings, async |server| {
        let rigs = databases(server).await;
        // Each database has a scheduler.
        let permanent = 1 + rigs.len();
        let free = 8 - permanent;
        for rig in &rigs {
            triage::until(
                rig,
                "every scheduler runs",
                &format!("select count(*) = {} from pg_stat_activity where application_name = 'TimescaleDB Background Worker Scheduler'", rigs.len()),
            )
            .await;
            rig.sql("create procedure p(job_id int, config jsonb) language sql as 'select 1'")
                .await;
            // The start is not at a full hour, because one of TimescaleDB's own jobs starts every 6 hours at a full hour.
            let add = "select add_job('p', interval '1 day', initial_start => date_trunc('hour', now()) + interval '3 hours 30 minutes')";
            for _ in 0..free {
                rig.sql(add).await;
            }
            let rule = &hypertop::model::rules::JOB_CROWD;
            assert!(
                crowd(rig).await.is_none(),
                "{}: a worker for each",
                rig.name
            );
            rig.sql(add).await;
            let found = crowd(rig)
                .await
                .unwrap_or_else(|| panic!("{}: no {}", rig.name, rule.name));
            for words in [
                format!("{} jobs start within one minute", free + 1),
                format!(
                    "timescaledb.max_background_workers is 8, and launcher and schedulers use {permanent}"
                ),
                "; 1 job waits until another ends".to_owned(),
            ] {
                assert!(
                    found.reason.contains(&words),
                    "{}: {words}: {}",
                    rig.name,
                    found.reason
                );
            }
            rig.limit(|limits| limits.job_crowd_percent = 1000.0);
            assert!(
                crowd(rig).await.is_none(),
                "{}: the threshold is the user's",
                rig.name
            );
            rig.limit(|limits| limits.job_crowd_percent = 100.0);
            rig.sql("select alter_job(max(id), next_start => now() + interval '90 minutes') from _timescaledb_config.bgw_job").await;
            assert!(crowd(rig).await.is_none(), "{}: spread", rig.name);
        }
    });
}

/// The Overview's finding on jobs that start together.
async fn crowd(rig: &support::act::Rig) -> Option<Finding> {
    let rows = triage::overview(rig).await.into_iter();
    let mut found = rows.map(|row| row.finding);
    found.find(|finding| finding.rule.name == "job-crowd")
}
