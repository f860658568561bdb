//! Verdicts on aggregates, from constructed rows without a database.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod known;

use hypertop::model::moment::{Axis, Stamp};
use hypertop::model::verdict::{Level, Verdict};
use hypertop::screens::aggregates::{Around, Newest, ParentJob, Row, Waits};
use hypertop::screens::later::Later;
use hypertop::screens::policy::Policy;
use hypertop::screens::record::Record;
use hypertop::server::known::{At, Server};
use known::NOW;

const HOUR: i64 = 3_600_000_000;

fn server() -> Server {
    Server {
        postgres: 150_018,
        ..known::server()
    }
}

fn newest(row: i64, end: i64) -> Later<Newest> {
    Later::Read(Newest {
        row: Some(row),
        end: Some(end),
        unknown: None,
    })
}

fn unknown(reason: i64) -> Later<Newest> {
    Later::Read(Newest {
        unknown: Some(reason),
        ..Newest::default()
    })
}

/// An hourly aggregate that was refreshed an hour ago; its expected maximum lag is 3 h.
fn aggregate() -> Row {
    Row {
        id: 7,
        source_id: 3,
        parent_id: None,
        schema: "mes".to_owned(),
        name: "oee_hourly".to_owned(),
        source_schema: "mes".to_owned(),
        source_name: "oee".to_owned(),
        materialized_only: true,
        axis: Axis::TimestampTz,
        bucket_width: Some("01:00:00".to_owned()),
        bucket_zone: None,
        bucket_offset: None,
        bucket_origin: None,
        gaps: Later::NotRead,
        reach_error: None,
        watermark: Some(NOW.0 - HOUR),
        refreshed_to: Some(NOW.0 - HOUR),
        never_before: None,
        source_end: Some(NOW.0 + HOUR),
        bucket_longest: Some(HOUR),
        newest: newest(NOW.0 - 60_000_000, NOW.0 + HOUR),
        pending: 0,
        refreshing: Some(false),
        policy: Some(Policy {
            job_id: 1017,
            scheduled: true,
            after: Some("01:00:00".to_owned()),
            after_seconds: Some(3600.0),
            after_number: None,
            created: None,
            last_run_success: Some(true),
            last_finish: Some(NOW.plus_seconds(-600.0)),
            next_start: Some(NOW.plus_seconds(3000.0)),
            consecutive_failures: 0,
            schedule_seconds: Some(3600.0),
            known_since: None,
            changed: None,
            owner_zone: None,
            code: None,
        }),
        policies: 1,
        start_offset: Some("1 day".to_owned()),
        end_offset: Some("01:00:00".to_owned()),
        start_seconds: Some(86_400.0),
        end_seconds: Some(3600.0),
        schedule_interval: Some("01:00:00".to_owned()),
        expected_seconds: Some(10_800.0),
        expected_units: None,
        depth: 1,
        wipe_risk: Some(false),
        source_drop_after: None,
        local_shift: 0,
        other_stopped: 0,
        other_job: None,
        other_scheduled: false,
        parent_job: None,
        last_start: Some(NOW.plus_seconds(-605.0)),
        average_seconds: Some(5.0),
        blocked: None,
        waits: Waits::default(),
        around: Around::default(),
        inherited: None,
        family: None,
        reaggregated: Vec::new(),
        comment: None,
        branch: String::new(),
    }
}

fn judged(change: fn(&mut Row)) -> Verdict {
    let mut row = aggregate();
    change(&mut row);
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    row.verdict(&at)
}

fn behind(row: &mut Row, hours: i64) {
    row.watermark = Some(NOW.0 - hours * HOUR);
    row.refreshed_to = row.watermark;
}

#[track_caller]
fn says(verdict: &Verdict, level: Level, words: &[&str]) {
    assert_eq!(verdict.level, level, "{}", verdict.reason);
    for word in words {
        assert!(verdict.reason.contains(word), "{word}: {}", verdict.reason);
    }
}

/// The chunk with the newest row may be shorter than the bucket, which then ends long after the chunk.
#[test]
fn the_lag_is_never_more_than_what_was_said_it_is_at_most() {
    let mut row = aggregate();
    row.bucket_width = Some("1 day".to_owned());
    row.bucket_longest = Some(24 * HOUR);
    behind(&mut row, 18);
    row.source_end = Some(NOW.0 - HOUR / 2);
    row.newest = newest(NOW.0 - HOUR, NOW.0 + 6 * HOUR);
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    assert_eq!(row.lag(&at), Some(18 * HOUR));
    assert_eq!(row.lag_at_most(&at), Some(18 * HOUR));
    // If the source ended long ago, its last bucket has ended, too.
    row.source_end = Some(NOW.0 - 48 * HOUR);
    behind(&mut row, 80);
    assert_eq!(row.lag_at_most(&at), Some(56 * HOUR));
}

#[test]
fn a_lag_that_the_policy_promises_is_well() {
    says(&judged(|_| {}), Level::Ok, &["1h behind, within"]);
}

#[test]
fn a_lag_longer_than_promised_is_a_warning_with_its_cause() {
    let verdict = judged(|row| behind(row, 4));
    says(
        &verdict,
        Level::Warning,
        &[
            "4h behind (expected: at most 3h)",
            "readers miss",
            "is too short, or the policy runs too rarely, to catch up",
        ],
    );
    let verdict = judged(|row| {
        behind(row, 4);
        row.materialized_only = false;
        row.refreshing = Some(true);
    });
    says(
        &verdict,
        Level::Warning,
        &["real-time", "a refresh is running now"],
    );
}

#[test]
fn a_long_lag_under_a_paused_policy_is_critical_and_says_so_once() {
    let verdict = judged(|row| {
        behind(row, 9);
        row.policy.as_mut().unwrap().scheduled = false;
    });
    says(&verdict, Level::Critical, &["9h behind", "paused"]);
    assert_eq!(
        verdict.reason.matches("paused").count(),
        1,
        "{}",
        verdict.reason
    );
}

#[test]
fn no_new_source_data_is_no_fault() {
    let verdict = judged(|row| {
        behind(row, 90);
        row.newest = newest(NOW.0 - 91 * HOUR, NOW.0 - 90 * HOUR);
    });
    says(&verdict, Level::Ok, &["no newer rows"]);
}

#[test]
fn an_empty_source_is_not_an_unknown_lag() {
    let verdict = judged(|row| row.newest = Later::Read(Newest::default()));
    says(&verdict, Level::Ok, &["mes.oee is empty"]);
}

#[test]
fn what_may_not_be_read_is_unknown_and_says_why() {
    let verdict = judged(|row| row.newest = unknown(1));
    says(&verdict, Level::Unknown, &["may not SELECT from mes.oee"]);
    let verdict = judged(|row| row.newest = unknown(2));
    says(&verdict, Level::Unknown, &["Apache edition"]);
}

#[test]
fn a_refresh_that_reaches_over_dropped_source_rows_is_data_loss() {
    let verdict = judged(|row| {
        row.wipe_risk = Some(true);
        row.start_offset = Some("60 days".to_owned());
        row.source_drop_after = Some("30 days".to_owned());
    });
    says(
        &verdict,
        Level::Critical,
        &[
            "60d of mes.oee",
            "keeps rows for 30d only",
            "refreshes delete older rows from the aggregate",
        ],
    );
    says(
        &judged(|row| row.wipe_risk = None),
        Level::Unknown,
        &["cannot be compared"],
    );
}

#[test]
fn a_parent_that_stands_still_is_named() {
    let verdict = judged(|row| {
        row.parent_id = Some(5);
        row.parent_job = Some(ParentJob {
            id: 9,
            scheduled: false,
            fails: false,
        });
    });
    says(
        &verdict,
        Level::Notice,
        &["its parent mes.oee", "has a paused policy (job 9)"],
    );
}

#[test]
fn a_refresh_into_the_future_is_clamped_by_the_local_clock() {
    // Local time is five hours ahead of UTC. At midnight UTC it is 05:00 local time, so an aggregate that is refreshed up to 02:00 local
    // time is 3 h late. It is not ahead of now.
    let mut row = aggregate();
    row.axis = Axis::Timestamp;
    row.local_shift = 5 * HOUR;
    row.newest = newest(NOW.0 - 60_000_000, NOW.0 + 9 * HOUR);
    (row.watermark, row.refreshed_to) = (Some(NOW.0 + 2 * HOUR), Some(NOW.0 + 2 * HOUR));
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    assert_eq!(row.lag(&at), Some(3 * HOUR));
}

#[test]
fn a_refresh_that_runs_long_is_no_reason_to_begin_another() {
    let verdict = judged(|row| {
        behind(row, 4);
        let policy = row.policy.as_mut().unwrap();
        (policy.next_start, policy.last_finish) = (Some(Stamp::BEFORE_ALL), None);
        row.last_start = Some(NOW.plus_seconds(-1200.0));
        row.average_seconds = Some(30.0);
    });
    says(
        &verdict,
        Level::Warning,
        &["running for 20m, longer than usual (30s on average)"],
    );
    assert_eq!(verdict.findings[0].fix, None);
}

#[test]
fn what_is_older_than_the_window_is_said_to_stay_missing() {
    let verdict = judged(|row| behind(row, 30));
    says(
        &verdict,
        Level::Warning,
        &["refreshes the last 1d only", "cannot catch up"],
    );
}

#[test]
fn an_end_offset_of_many_buckets_is_named_but_is_no_fault() {
    let verdict = judged(|row| {
        behind(row, 49);
        (row.end_offset, row.end_seconds) = (Some("2 days".to_owned()), Some(172_800.0));
        (row.start_offset, row.start_seconds) = (Some("5 days".to_owned()), Some(432_000.0));
        row.expected_seconds = Some(180_000.0);
    });
    says(
        &verdict,
        Level::Ok,
        &["end_offset alone holds back the newest 2d"],
    );
}

#[test]
fn rows_that_may_be_dropped_before_they_are_materialized_are_warned_of() {
    let verdict = judged(|row| {
        row.source_drop_after = Some("02:00:00".to_owned());
        row.around = Around {
            source_drops: Some(true),
            source_drop_seconds: Some(7200.0),
            ..Around::default()
        };
    });
    says(
        &verdict,
        Level::Warning,
        &[
            "keeps rows for 2h, but it may take 3h",
            "may be dropped before",
        ],
    );
}

#[test]
fn many_changed_ranges_are_a_notice() {
    says(
        &judged(|row| row.pending = 5000),
        Level::Notice,
        &["5000 changed ranges wait for a refresh"],
    );
}

#[test]
fn what_an_action_did_to_the_lag_is_said_by_the_lag_not_by_a_maximum_that_the_action_changes() {
    let server = server();
    let at = At {
        now: NOW,
        server: &server,
    };
    let figure = |expected: Option<f64>| {
        let row = Row {
            expected_seconds: expected,
            ..aggregate()
        };
        row.figure(&hypertop::model::rules::AGGREGATE_BEHIND, &at)
    };
    let (_, lag) = figure(Some(3600.0)).unwrap();
    assert!(!lag.contains('x'), "{lag}");
    assert_eq!(figure(Some(3600.0)), figure(Some(7200.0)));
    assert_eq!(figure(Some(3600.0)), figure(None));
}
