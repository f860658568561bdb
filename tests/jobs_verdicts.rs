//! Verdicts on jobs, from constructed rows without a database.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod known;

use hypertop::model::moment::Stamp;
use hypertop::model::verdict::{Level, Verdict};
use hypertop::model::version::Version;
use hypertop::screens::jobs::{Interval, JobError, Row, Statistics, Workers};
use hypertop::screens::later::Later;
use hypertop::screens::record::Record;
use hypertop::server::known::{At, Edition, Server};
use known::{NOW, server};

/// A moment this many seconds ago, as the statistics have it.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the statistics' moments are optional"
)]
fn ago(seconds: f64) -> Option<Stamp> {
    Some(NOW.plus_seconds(-seconds))
}

fn interval(text: &str, seconds: f64) -> Interval {
    Interval {
        text: text.to_owned(),
        seconds,
    }
}

/// A healthy retention policy: ran ten minutes ago, next start in 50 minutes.
fn job() -> Row {
    Row {
        job_id: 1005,
        application_name: "Retention Policy [1005]".to_owned(),
        proc_schema: "_timescaledb_functions".to_owned(),
        proc: "policy_retention".to_owned(),
        proc_exists: true,
        orphaned: false,
        owner: "mes_owner".to_owned(),
        owner_may_log_in: Some(true),
        wants_rights_of: None,
        owned: false,
        target: Some("mes.metric_hist".to_owned()),
        target_kind: Some("hypertable".to_owned()),
        hierarchical_id: None,
        drops_by_creation: None,
        scheduled: true,
        schedule: interval("01:00:00", 3600.0),
        max_runtime: interval("00:05:00", 300.0),
        max_retries: -1,
        retry_period: interval("00:05:00", 300.0),
        fixed_schedule: false,
        initial_start: None,
        timezone: None,
        config: Some("{}".to_owned()),
        known_since: None,
        statistics: Some(Statistics {
            last_start: ago(602.0),
            last_finish: ago(600.0),
            next_start: ago(-3000.0),
            last_run_success: Some(true),
            total_runs: 30,
            total_successes: 29,
            total_failures: 1,
            total_duration_seconds: 58.0,
            ..Statistics::default()
        }),
        error: None,
        record: Later::NotRead,
        crowd: None,
        pid: None,
        workers: Workers {
            used: 5,
            slots: Some(16),
            schedulers: 1,
            permanent: 2,
            processes: Some(48),
            peak: None,
        },
    }
}

fn with(change: impl FnOnce(&mut Row, &mut Statistics)) -> Row {
    let mut row = job();
    let mut statistics = row.statistics.take().unwrap();
    change(&mut row, &mut statistics);
    row.statistics = Some(statistics);
    row
}

fn failed(times: i32, error: Option<(&str, &str)>) -> Row {
    with(|row, of| {
        of.last_run_success = Some(false);
        of.consecutive_failures = times;
        of.next_start = ago(-300.0);
        row.error = error.map(|(code, message)| JobError {
            sqlstate: Some(code.to_owned()),
            message: message.to_owned(),
            at: ago(600.0),
        });
    })
}

fn running() -> Row {
    with(|row, of| {
        row.pid = Some(4711);
        of.last_start = ago(12.0);
        of.last_finish = None;
        of.next_start = Some(Stamp::BEFORE_ALL);
        of.last_run_success = Some(false);
        of.total_crashes = 1;
        of.consecutive_crashes = 1;
    })
}

fn seen(row: &Row, server: &Server, seconds_later: f64) -> (&'static str, Verdict) {
    let at = At {
        now: NOW.plus_seconds(seconds_later),
        server,
    };
    (row.state(&at).name(), row.verdict(&at))
}

fn says(row: &Row) -> (&'static str, Level, String) {
    let (state, verdict) = seen(row, &server(), 0.0);
    (state, verdict.level, verdict.reason)
}

#[test]
fn a_healthy_job_says_when_it_ran_and_when_it_runs_again() {
    let (state, level, reason) = says(&job());
    assert_eq!((state, level), ("scheduled", Level::Ok));
    assert_eq!(
        reason,
        "last run succeeded 10m ago, took 2s; next start in 50m"
    );
}

#[test]
fn a_job_turns_late_by_the_clock_alone() {
    let server = server();
    assert_eq!(seen(&job(), &server, 3100.0).0, "scheduled");
    let (state, verdict) = seen(&job(), &server, 3200.0);
    assert_eq!((state, verdict.level), ("late", Level::Warning));
    assert!(
        verdict
            .reason
            .starts_with("late: it should have started 3m ago; there was no free worker"),
        "{}",
        verdict.reason
    );
}

#[test]
fn a_late_job_names_what_it_waits_for() {
    let server = server();
    let mut row = job();
    row.workers.used = 16;
    assert!(
        seen(&row, &server, 4000.0)
            .1
            .reason
            .contains("all slots of timescaledb.max_background_workers are taken")
    );
    row.workers.schedulers = 0;
    let verdict = seen(&row, &server, 4000.0).1;
    assert_eq!(verdict.level, Level::Critical);
    assert!(verdict.reason.contains("no scheduler runs"));
}

#[test]
fn a_running_job_is_no_crash_although_the_server_counts_it_as_one() {
    let row = running();
    let (state, level, reason) = says(&row);
    assert_eq!((state, level), ("running", Level::Ok));
    assert_eq!(reason, "running for 12s");
    assert_eq!(row.last_run_status(), None);
}

#[test]
fn a_failing_job_stays_red_while_its_retry_runs() {
    let mut row = running();
    row.error = Some(JobError {
        sqlstate: Some("08001".to_owned()),
        message: "ERP not reachable".to_owned(),
        at: ago(600.0),
    });
    if let Some(of) = &mut row.statistics {
        of.consecutive_failures = 11;
    }
    let (state, level, reason) = says(&row);
    assert_eq!((state, level), ("running", Level::Critical));
    assert_eq!(
        reason,
        "failed 11 times, and the retry is running now; newest error on record, 10m ago: 08001 ERP not reachable; edit-job changes its settings"
    );
    assert_eq!(row.last_run_status(), Some("Failed"));
    // The history's row for the run in progress is no error.
    if let Some(error) = &mut row.error {
        error.at = None;
    }
    let (_, _, reason) = says(&row);
    assert!(!reason.contains("ERP"), "{reason}");
}

#[test]
fn a_run_without_end_and_worker_is_a_crash_once_it_cannot_have_just_ended() {
    let mut row = running();
    row.pid = None;
    let (state, level, reason) = says(&row);
    assert_eq!((state, level), ("crashed", Level::Warning));
    assert!(reason.contains("its worker is gone"), "{reason}");
    let (state, verdict) = seen(&row, &server(), -5.0);
    assert_eq!((state, verdict.level), ("running?", Level::Unknown));
}

#[test]
fn below_2_26_4_a_crashed_job_may_be_forgotten() {
    let mut old = server();
    old.timescaledb = Version::parse("2.26.3");
    let mut row = running();
    row.pid = None;
    assert!(seen(&row, &old, 0.0).1.reason.contains("2.26.4"));
    old.timescaledb = Version::parse("2.26.4");
    assert!(!seen(&row, &old, 0.0).1.reason.contains("2.26.4"));
}

#[test]
fn on_a_standby_nobody_knows_whether_it_still_runs() {
    let mut standby = server();
    standby.standby = true;
    let mut row = running();
    row.pid = None;
    let (state, verdict) = seen(&row, &standby, 7200.0);
    assert_eq!((state, verdict.level), ("running?", Level::Unknown));
}

#[test]
fn failures_in_a_row_are_critical_and_carry_their_error() {
    let (state, level, reason) = says(&failed(11, Some(("08001", "ERP not reachable"))));
    assert_eq!((state, level), ("backing off", Level::Critical));
    assert_eq!(
        reason,
        "failed 11 times in a row, last 10m ago: 08001 ERP not reachable; tries again in 5m; run-job-now shows whether the job works, and edit-job changes its settings"
    );
    assert_eq!(says(&failed(1, Some(("08001", "x")))).1, Level::Warning);
}

#[test]
fn an_error_that_this_role_may_not_see_is_said_to_be_hidden() {
    let (_, _, reason) = says(&failed(1, None));
    assert!(
        reason.contains("its error is shown to its owner mes_owner only"),
        "{reason}"
    );
}

#[test]
fn an_error_older_than_the_last_run_is_not_given_as_its_reason() {
    let mut row = failed(2, Some(("08001", "old trouble")));
    row.owned = true;
    if let Some(error) = &mut row.error {
        error.at = ago(7200.0);
    }
    let (_, _, reason) = says(&row);
    assert!(!reason.contains("old trouble"), "{reason}");
    assert!(reason.contains("no error is on record"), "{reason}");
}

#[test]
fn a_run_that_was_stopped_names_its_max_runtime() {
    let mut row = failed(1, None);
    row.max_runtime = interval("00:00:02", 2.0);
    let (_, _, reason) = says(&row);
    assert!(
        reason.contains("stopped at its max_runtime of 2s"),
        "{reason}"
    );
}

#[test]
fn the_portal_fault_is_the_servers_and_not_the_jobs() {
    let row = failed(
        9,
        Some(("24000", "cannot drop portal \"\" while it is being set up")),
    );
    let (_, level, reason) = says(&row);
    assert_eq!(level, Level::Warning);
    assert!(
        reason.starts_with("its work was done and committed 10m ago, but PostgreSQL 15.20"),
        "{reason}"
    );
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    assert!(
        Row::caveats(&[row], &at)
            .iter()
            .any(|caveat| caveat.contains("15.20"))
    );
}

#[test]
fn what_the_apache_edition_cannot_run_of_its_own_is_no_alarm() {
    let mut row = failed(
        5,
        Some((
            "0A000",
            "functionality not supported under the current \"apache\" license",
        )),
    );
    row.job_id = 3;
    let apache = Server {
        edition: Edition::Apache,
        ..server()
    };
    assert_eq!(seen(&row, &apache, 0.0).1.level, Level::Ok);
    // A user's own policy that cannot run is a finding.
    row.job_id = 1003;
    assert!(seen(&row, &apache, 0.0).1.level > Level::Notice);
}

#[test]
fn max_retries_pauses_a_job_and_that_is_critical() {
    let mut row = failed(3, Some(("08001", "x")));
    row.scheduled = false;
    row.max_retries = 3;
    let (state, level, reason) = says(&row);
    assert_eq!((state, level), ("paused", Level::Critical));
    assert!(
        reason.starts_with("paused by the scheduler: it failed 3 times, and"),
        "{reason}"
    );
    let mut by_hand = job();
    by_hand.scheduled = false;
    assert_eq!(says(&by_hand).1, Level::Notice);
}

#[test]
fn a_procedure_that_is_gone_and_an_owner_that_may_not_log_in_are_critical() {
    let mut row = job();
    row.proc_exists = false;
    let (_, level, reason) = says(&row);
    assert_eq!(level, Level::Critical);
    assert!(reason.contains("no longer exists"));
    let mut row = job();
    row.owner_may_log_in = Some(false);
    assert!(says(&row).2.contains("mes_owner may not log in"));
}

#[test]
fn a_job_that_was_never_looked_at_is_unknown_and_late_by_its_first_start() {
    let mut row = job();
    row.statistics = None;
    let (state, level, reason) = says(&row);
    assert_eq!((state, level), ("never ran", Level::Ok));
    assert_eq!(reason, "waits for its first run");
    row.known_since = ago(600.0);
    let (state, level, reason) = says(&row);
    assert_eq!((state, level), ("never ran", Level::Unknown));
    assert!(reason.contains("no start for at least 10m"), "{reason}");
    row.initial_start = ago(600.0);
    let (state, level, _) = says(&row);
    assert_eq!((state, level), ("late", Level::Warning));
}

#[test]
fn a_run_longer_than_its_interval_is_noticed() {
    let row = with(|row, of| {
        row.schedule = interval("00:00:01", 1.0);
        of.next_start = ago(0.0);
    });
    let (_, level, reason) = says(&row);
    assert_eq!(level, Level::Notice);
    assert!(reason.contains("longer than its interval"), "{reason}");
}

#[test]
fn policies_bear_readable_names_and_own_names_win() {
    let mut row = job();
    assert_eq!(row.name(), "Retention of mes.metric_hist");
    row.application_name = "keep a quarter [1005]".to_owned();
    assert_eq!(row.name(), "keep a quarter (Retention of mes.metric_hist)");
    row.proc_schema = "mes".to_owned();
    row.proc = "job_noop".to_owned();
    assert_eq!(row.name(), "keep a quarter");
    row.application_name = "User-Defined Action [1005]".to_owned();
    assert_eq!(row.name(), "mes.job_noop");
}

#[test]
fn what_is_hidden_is_told_with_its_grant() {
    let mut server = server();
    let rows = [job()];
    let caveats = |server: &Server| Row::caveats(&rows, &At { now: NOW, server }).join("\n");
    let hidden = |server: &Server| Row::hidden(&rows, &At { now: NOW, server }).pop();
    let said = hidden(&server).unwrap();
    assert_eq!(said.level, Level::Unknown);
    let words = "hidden from operator for jobs of other owners: 1005";
    assert!(said.reason.contains(words), "{}", said.reason);
    assert!(said.reason.contains("GRANT ") && said.reason.ends_with(" TO operator"));
    assert!(caveats(&server).contains("enable_job_execution_logging is off"));
    server.timescaledb = Version::parse("2.22.1");
    assert!(
        hidden(&server)
            .unwrap()
            .reason
            .starts_with("run history is hidden")
    );
    server.owns_database = true;
    server.logs_job_successes = true;
    assert_eq!(caveats(&server), "");
    assert_eq!(hidden(&server), None);
}

#[test]
fn a_start_that_was_moved_far_away_is_told_with_its_fix() {
    let row = with(|_, of| of.next_start = ago(-86_400.0 * 20.0));
    let (_, level, reason) = says(&row);
    assert_eq!(level, Level::Notice);
    assert!(
        reason.contains("runs next in 20d, although it should run every 1h: run-job-now"),
        "{reason}"
    );
    // A fixed schedule with a first start in the future was intended.
    let row = with(|row, of| {
        of.next_start = ago(-86_400.0 * 20.0);
        row.fixed_schedule = true;
        row.initial_start = of.next_start;
    });
    assert_eq!(says(&row).1, Level::Ok);
}

#[test]
fn a_servers_full_stop_does_not_stand_before_what_follows() {
    let row = failed(1, Some(("XX000", "it broke. ")));
    let (_, _, reason) = says(&row);
    assert!(reason.contains("it broke; tries again"), "{reason}");
}

#[test]
fn the_details_are_headed_with_the_name_and_the_target() {
    assert_eq!(job().title(), "Retention of mes.metric_hist (job 1005)");
    let mut row = job();
    row.proc_schema = "mes".to_owned();
    row.proc = "job_export".to_owned();
    row.application_name = "User-Defined Action [1005]".to_owned();
    assert_eq!(row.title(), "mes.job_export on mes.metric_hist (job 1005)");
}
