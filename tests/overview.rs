//! The Overview: the findings of all screens, each once, worst first, with the key to its details and its fix.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::time::Duration;

use console::{NOW, connected, drawn, figure, job, press, row, server};
use hypertop::app::ask;
use hypertop::app::{App, Effect, Msg, theme};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::threshold_settings;
use hypertop::model::threshold_settings::Table;
use hypertop::screens::later::Later;
use hypertop::screens::record::Record;
use hypertop::screens::{Rows, aggregates, compression, jobs};

fn app() -> App {
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    app.update(Msg::Up(Box::new(server())));
    app
}

/// Answers the load of one screen.
fn load(app: &mut App, rows: Rows) {
    let screen = match &rows {
        Rows::Compression(_) => ScreenId::Compression,
        Rows::Jobs(_) => ScreenId::Jobs,
        Rows::Server(_) => ScreenId::Server,
        Rows::Aggregates(_) => ScreenId::Aggregates,
        other => panic!("{other:?}"),
    };
    app.screens.abandon();
    let asked = app.screens.ask(screen).unwrap();
    app.update(Msg::Loaded {
        asked,
        rows,
        took: Duration::from_millis(1),
    });
}

/// A hypertable with a backlog whose policy is paused.
fn behind() -> Vec<compression::Row> {
    let mut metrics = row(2, "metrics", 12);
    if let Some(policy) = &mut metrics.policy {
        policy.scheduled = false;
    }
    vec![row(1, "energy", 0), metrics]
}

fn findings(app: &App) -> Vec<(&'static str, String)> {
    let rows = app.screens.overview.in_order();
    rows.map(|row| (row.finding.rule.name, row.subject.clone()))
        .collect()
}

#[test]
fn the_console_opens_on_what_is_wrong() {
    let mut app = app();
    assert_eq!(app.screen, ScreenId::Overview);
    load(&mut app, Rows::Compression(behind()));
    load(&mut app, Rows::Jobs(vec![job(1002, false)]));
    load(
        &mut app,
        Rows::Server(vec![figure("connections", 196.0, Some(197.0))]),
    );
    insta::assert_snapshot!(drawn(&mut app, 80, 24).backend());
}

#[test]
fn a_fault_that_two_screens_know_is_told_once_with_its_cause_and_fixed_at_the_cause() {
    let mut app = app();
    load(&mut app, Rows::Compression(behind()));
    load(
        &mut app,
        Rows::Jobs(vec![job(1002, false), job(1001, true)]),
    );
    assert_eq!(
        findings(&app),
        [("compression-backlog", "mes.metrics".to_owned())]
    );
    let told = &app.screens.overview.rows()[0].finding;
    assert!(
        told.reason.contains("not compressed") && told.reason.contains("paused"),
        "{}",
        told.reason
    );
    let effects = press(&mut app, "m");
    let [
        Effect::Act(ask::Act::Facts {
            action, targets, ..
        }),
    ] = effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    assert_eq!(action.name, "resume-job");
    assert_eq!(targets[0].id, 1002);
}

/// An aggregate on mes.metrics that is not late by itself, and a second aggregate on this one.
fn hierarchy(parent_policy: bool) -> Vec<aggregates::Row> {
    let hour = 3_600_000_000;
    let row = |id: i32, source: i32, parent: Option<i32>, names: [&str; 2]| {
        let policy = serde_json::json!({ "job_id": 1000 + id, "scheduled": parent_policy, "consecutive_failures": 0,
            "last_finish": NOW.0 - hour, "last_run_success": true, "next_start": NOW.0 + hour, "schedule_seconds": 3600.0 });
        let parent_job =
            parent.map(|_| serde_json::json!({ "id": 1010, "scheduled": false, "fails": false }));
        let alone = parent.is_none() && !parent_policy;
        let mut row: aggregates::Row = serde_json::from_value(serde_json::json!({
            "id": id, "source_id": source, "parent_id": parent, "schema": "mes", "name": names[0], "source_schema": "mes",
            "source_name": names[1], "materialized_only": true, "axis": "TimestampTz", "watermark": NOW.0 - hour,
            "refreshed_to": NOW.0 - hour, "source_end": NOW.0, "bucket_longest": hour,
            "pending": 0, "refreshing": false, "policy": if alone { None } else { Some(policy) },
            "policies": 1, "expected_seconds": 7200.0, "depth": if parent.is_some() { 2 } else { 1 }, "wipe_risk": false,
            "local_shift": 0, "other_stopped": 0, "other_scheduled": false, "parent_job": parent_job.filter(|_| parent_policy),
            "waits": { "unreached": 0, "ranges": 0 }, "around": {},
        }))
        .unwrap();
        row.newest = Later::Read(aggregates::Newest {
            row: Some(NOW.0 - hour),
            end: Some(NOW.0 - hour),
            unknown: None,
        });
        row
    };
    vec![
        row(10, 1, None, ["hourly", "metrics"]),
        row(11, 10, Some(10), ["daily", "hourly"]),
    ]
}

/// The action that the key `m` starts, and its targets.
fn fixed(
    app: &mut App,
) -> (
    &'static str,
    Vec<(hypertop::model::target::TargetKind, i64, String)>,
) {
    let effects = press(app, "m");
    let [
        Effect::Act(ask::Act::Facts {
            action, targets, ..
        }),
    ] = effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    let all = targets.iter();
    let all = all.map(|on| (on.kind, on.id, on.name.clone())).collect();
    press(app, "esc");
    (action.name, all)
}

#[test]
fn a_child_whose_parent_is_at_fault_is_fixed_at_the_parent_on_both_screens() {
    use hypertop::model::target::TargetKind;
    let parent = vec![(TargetKind::Aggregate, 10, "mes.hourly".to_owned())];
    let job = vec![(TargetKind::Job, 1010, "1010".to_owned())];
    for (policy, action, on) in [
        (false, "add-refresh-policy", parent),
        (true, "resume-job", job),
    ] {
        let mut app = app();
        load(&mut app, Rows::Aggregates(hierarchy(policy)));
        let of_child = |app: &App| {
            let rows = app.screens.overview.in_order().collect::<Vec<_>>();
            rows.iter().position(|row| {
                row.of == "mes.daily" && row.finding.rule.name == "aggregate-parent"
            })
        };
        let place = of_child(&app).unwrap_or_else(|| panic!("{:?}", findings(&app)));
        press(&mut app, &"j ".repeat(place));
        assert_eq!(fixed(&mut app), (action, on.clone()), "the Overview");
        // Marked rows do not matter for the fix key.
        press(&mut app, "6 g x g");
        let child = |app: &App| app.screens.selected_key(ScreenId::Aggregates);
        if child(&app).as_deref() != Some("mes.daily") {
            press(&mut app, "j");
        }
        assert_eq!(child(&app).as_deref(), Some("mes.daily"));
        assert_eq!(fixed(&mut app), (action, on), "the Aggregates screen");
    }
}

#[test]
fn where_nothing_starts_any_job_that_is_the_finding_and_not_each_late_job() {
    let mut app = app();
    let mut late = job(1002, true);
    if let Some(statistics) = &mut late.statistics {
        statistics.next_start = Some(NOW.plus_seconds(-7200.0));
    }
    late.workers.schedulers = 0;
    load(&mut app, Rows::Jobs(vec![late]));
    assert_eq!(findings(&app)[0].0, "job-late");
    load(&mut app, Rows::Server(vec![figure("scheduler", 0.0, None)]));
    assert_eq!(
        findings(&app),
        [("server-scheduler", "TimescaleDB scheduler here".to_owned())]
    );
}

#[test]
fn work_that_waits_because_its_policy_waits_for_a_lock_is_told_once_and_fixed_at_its_holder() {
    let mut app = app();
    let mut metrics = row(2, "metrics", 12);
    metrics.blocked = Some(hypertop::screens::aggregates::Blocked {
        pid: 4711,
        blocker: Some(4712),
        blocker_name: Some("nightly load".to_owned()),
        relation: Some("mes.metrics".to_owned()),
        since: Some(NOW.plus_seconds(-300.0)),
    });
    load(&mut app, Rows::Compression(vec![metrics]));
    assert_eq!(
        findings(&app),
        [("compression-backlog", "mes.metrics".to_owned())]
    );
    let told = &app.screens.overview.rows()[0].finding;
    let cause = "its policy (session 4711) has waited 5m for a lock on mes.metrics, held by session 4712 (nightly load)";
    assert!(told.reason.ends_with(cause), "{}", told.reason);
    assert_eq!(told.fix, Some("terminate-session"));
    assert_eq!(told.on.as_ref().map(|on| on.id), Some(4712));
}

#[test]
fn a_fault_of_postgresql_that_every_job_runs_into_is_told_once() {
    let mut app = app();
    let failing = |id| {
        let mut job = job(id, true);
        if let Some(of) = &mut job.statistics {
            (of.last_run_success, of.consecutive_failures) = (Some(false), 9);
        }
        job.error = Some(jobs::JobError {
            sqlstate: Some("24000".to_owned()),
            message: "cannot drop portal \"\" while it is being set up".to_owned(),
            at: Some(NOW.plus_seconds(-3500.0)),
        });
        job
    };
    // The Compression screen knows only that the policy failed, not why; its table has no backlog.
    let mut metrics = row(1, "metrics", 0);
    if let Some(policy) = &mut metrics.policy {
        policy.job_id = 1001;
        (policy.last_run_success, policy.consecutive_failures) = (Some(false), 9);
    }
    load(&mut app, Rows::Compression(vec![metrics]));
    load(&mut app, Rows::Jobs((1000..1009).map(failing).collect()));
    let [told] = app.screens.overview.rows() else {
        panic!("{:#?}", findings(&app))
    };
    let finding = &told.finding;
    assert_eq!(finding.rule.name, "job-portal-fault");
    assert_eq!(finding.level, hypertop::model::verdict::Level::Warning);
    let others = "the same for 8 other jobs: 1001, 1002, 1003, 1004, 1005 and 3 more";
    assert!(finding.reason.ends_with(others), "{}", finding.reason);
    assert_eq!(told.of, "1000");
}

#[test]
fn a_threshold_of_ones_own_makes_or_silences_a_finding() {
    #[derive(serde::Deserialize)]
    struct File {
        thresholds: Table,
        thresholds_for: Vec<Table>,
    }
    let judged = |text: &str| {
        let file: File = toml::from_str(text).unwrap();
        let mut server = server();
        server.thresholds =
            threshold_settings::read(&file.thresholds, &file.thresholds_for, |_| String::new())
                .unwrap();
        let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
        app.update(Msg::Up(Box::new(server)));
        load(
            &mut app,
            Rows::Compression(vec![row(1, "energy", 3), row(2, "metrics", 12)]),
        );
        load(
            &mut app,
            Rows::Server(vec![figure("connections", 150.0, Some(197.0))]),
        );
        findings(&app)
    };
    let backlog = |name: &str| ("compression-backlog", format!("mes.{name}"));
    assert_eq!(
        judged("[thresholds]\n[[thresholds_for]]\nname = \"nobody\"\n"),
        [backlog("energy"), backlog("metrics")]
    );
    let own = "[thresholds]\nconnections_percent = 70\n[[thresholds_for]]\nname = \"mes.en*\"\ncompression_patience = \"3 days\"\n";
    assert_eq!(
        judged(own),
        [
            ("server-connections", "client connections".to_owned()),
            backlog("metrics")
        ]
    );
}

#[test]
fn enter_shows_the_evidence_and_escape_comes_back() {
    let mut app = app();
    load(&mut app, Rows::Compression(behind()));
    press(&mut app, "enter");
    assert_eq!(app.screen, ScreenId::Compression);
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(
        shown.contains("mes.metrics") && shown.contains("backlog"),
        "{shown}"
    );
    press(&mut app, "esc");
    assert_eq!(app.screen, ScreenId::Overview);
    assert!(app.details.is_none());
}

#[test]
fn health_is_not_claimed_before_everything_was_read() {
    let mut app = app();
    load(&mut app, Rows::Jobs(vec![job(1001, true)]));
    let shown = drawn(&mut app, 100, 24).backend().to_string();
    assert!(
        shown.contains("still reading") && !shown.contains("HEALTHY"),
        "{shown}"
    );
}

#[test]
fn a_screen_of_its_own_does_not_gather() {
    let mut app = connected();
    load(&mut app, Rows::Jobs(vec![job(1002, false)]));
    assert!(app.screens.overview.rows().is_empty());
    press(&mut app, "1");
    assert!(!app.screens.overview.rows().is_empty());
}

#[test]
fn a_screen_that_was_left_before_it_was_read_is_asked_for_again() {
    let mut app = app();
    // The Overview has requested several screens, including the indexes. Their answer is no longer needed.
    press(&mut app, "2");
    let effects = press(&mut app, "4");
    let loads = |effect: &Effect| {
        matches!(
            effect,
            Effect::List(ask::List::Load {
                screen: ScreenId::Indexes,
                ..
            })
        )
    };
    assert!(effects.iter().any(loads), "{effects:?}");
}

/// Loads these rows of the Compression screen; returns its requests for exact figures.
fn asked(app: &mut App, rows: Vec<compression::Row>) -> Vec<(usize, u64, Vec<i64>)> {
    app.screens.abandon();
    let asked = app.screens.ask(ScreenId::Compression).unwrap();
    let effects = app.update(Msg::Loaded {
        asked,
        rows: Rows::Compression(rows),
        took: Duration::from_millis(1),
    });
    let exact = effects.into_iter().filter_map(|effect| match effect {
        Effect::Figures(ask::Figures::Exact {
            screen: ScreenId::Compression,
            nth,
            round,
            ids,
        }) => Some((nth, round, ids.iter().map(|(id, _)| *id).collect())),
        _ => None,
    });
    exact.collect()
}

#[test]
fn checks_that_are_dear_are_made_behind_the_overview_too_and_after_the_figures_of_a_screen() {
    let mut app = app();
    let checks = asked(&mut app, behind());
    let [(2, round, ids)] = checks.as_slice() else {
        panic!("{checks:?}")
    };
    assert_eq!(ids, &[2, 1], "of every row, the worst first");
    let old = vec![Some(3), Some(0), None, None];
    app.update(Msg::Exact {
        screen: ScreenId::Compression,
        nth: 2,
        round: *round,
        figures: vec![(1, Ok(old))],
        last: true,
    });
    assert!(findings(&app).contains(&("compression-old", "mes.energy".to_owned())));

    let mut app = self::app();
    press(&mut app, "2");
    let figures = asked(&mut app, behind());
    assert!(
        matches!(figures.as_slice(), [(1, _, _)]),
        "the figures first: {figures:?}"
    );
}

#[test]
fn a_backlog_of_integer_time_is_asked_for_behind_the_overview_and_of_no_other_row() {
    let mut app = app();
    let mut counted = row(7, "counted", 0);
    (counted.axis, counted.has_now) = (hypertop::model::moment::Axis::Integer, true);
    (counted.backlog, counted.backlog_bytes) = (None, Later::NotRead);
    if let Some(policy) = &mut counted.policy {
        (policy.after, policy.after_number) = (Some("500".to_owned()), Some(500));
        policy.after_seconds = None;
    }
    let mut rows = behind();
    rows.push(counted);
    let figures = asked(&mut app, rows);
    let [(0, round, ids)] = figures.as_slice() else {
        panic!("{figures:?}")
    };
    assert_eq!(ids, &[7]);
    let counted = ("compression-backlog", "mes.counted".to_owned());
    assert!(!findings(&app).contains(&counted));
    let answer = |since: f64| {
        let since = NOW.plus_seconds(-since).0;
        vec![(7, Ok(vec![Some(4), None, Some(since)]))]
    };
    let (screen, round) = (ScreenId::Compression, *round);
    app.update(Msg::Exact {
        screen,
        nth: 0,
        round,
        figures: answer(86_400.0 * 3.0),
        last: true,
    });
    assert!(findings(&app).contains(&counted), "{:?}", findings(&app));
    let rows = app.screens.overview.rows();
    let told = rows
        .iter()
        .find(|row| row.subject == "mes.counted")
        .unwrap();
    let words = "4 chunks past compress_after not compressed, the oldest due for at least 3d; the policy runs in 1h";
    assert_eq!(told.finding.reason, words);
}

/// Number of findings that contain these words.
fn times(app: &App, words: &str) -> usize {
    let rows = app.screens.overview.rows().iter();
    rows.map(|row| row.finding.reason.matches(words).count())
        .sum()
}

#[test]
fn a_policys_next_start_is_told_once() {
    // A failing policy: its job's error contains the time of the next try.
    let mut app = app();
    let mut metrics = row(2, "metrics", 12);
    let mut failing = job(1002, true);
    if let (Some(policy), Some(of)) = (&mut metrics.policy, &mut failing.statistics) {
        (policy.last_run_success, of.last_run_success) = (Some(false), Some(false));
        of.next_start = policy.next_start;
    }
    load(&mut app, Rows::Compression(vec![metrics.clone()]));
    let alone = metrics.verdict(&app.at().unwrap()).reason;
    assert_eq!(alone.matches("in 1h").count(), 1, "{alone}");
    load(&mut app, Rows::Jobs(vec![failing]));
    assert_eq!(
        findings(&app),
        [("compression-backlog", "mes.metrics".to_owned())]
    );
    assert_eq!(
        times(&app, "in 1h"),
        1,
        "{:#?}",
        app.screens.overview.rows()
    );
    // A late policy.
    if let Some(policy) = &mut metrics.policy {
        policy.last_run_success = Some(true);
        policy.next_start = Some(NOW.plus_seconds(-7200.0));
    }
    let reason = metrics.verdict(&app.at().unwrap()).reason;
    assert_eq!(reason.matches("2h ago").count(), 1, "{reason}");
    assert!(
        reason.contains("(job 1002) is late: it should have run 2h ago"),
        "{reason}"
    );
}

/// The policy of [`behind`]'s table, whose next start is only in twenty days.
fn far() -> (compression::Row, jobs::Row) {
    let mut metrics = row(2, "metrics", 12);
    let mut job = job(1002, true);
    if let (Some(policy), Some(of)) = (&mut metrics.policy, &mut job.statistics) {
        policy.next_start = Some(NOW.plus_seconds(86_400.0 * 20.0));
        of.next_start = policy.next_start;
    }
    (metrics, job)
}

#[test]
fn work_that_waits_for_a_start_far_away_is_told_once_and_fixed_by_starting_the_job() {
    let mut app = app();
    let (metrics, job) = far();
    load(&mut app, Rows::Compression(vec![metrics]));
    load(&mut app, Rows::Jobs(vec![job]));
    assert_eq!(
        findings(&app),
        [("compression-backlog", "mes.metrics".to_owned())]
    );
    assert_eq!(times(&app, "in 20d"), 1);
    let told = &app.screens.overview.rows()[0].finding;
    let ends = "the policy runs in 20d (its schedule: every 12h); run-job-now starts it";
    assert!(told.reason.ends_with(ends), "{}", told.reason);
    let (action, on) = fixed(&mut app);
    assert_eq!((action, on[0].1), ("run-job-now", 1002));
}

#[test]
fn the_fix_of_a_late_policy_is_filled_in_alike_on_its_screen_and_on_the_overview() {
    let mut app = app();
    let (mut metrics, mut job) = far();
    if let (Some(policy), Some(of)) = (&mut metrics.policy, &mut job.statistics) {
        policy.next_start = Some(NOW.plus_seconds(-7200.0));
        of.next_start = policy.next_start;
    }
    load(&mut app, Rows::Compression(vec![metrics.clone()]));
    load(&mut app, Rows::Jobs(vec![job]));
    let shown = app.screens.overview.rows()[0].finding.clone();
    assert_eq!(shown.fix, Some("run-job-now"), "{shown:#?}");
    assert_eq!(shown.sets, [("how".to_owned(), "scheduler".to_owned())]);
    let verdict = metrics.verdict(&app.at().unwrap());
    let own = verdict.findings.iter().find(|of| of.fix == shown.fix);
    assert_eq!(own.map(|of| &of.sets), Some(&shown.sets));
}

#[test]
fn a_start_that_was_put_off_on_purpose_is_no_fault_of_its_table_either() {
    let mut app = app();
    let (mut metrics, mut job) = far();
    (metrics.backlog, metrics.overdue_seconds) = (Some(0), None);
    job.fixed_schedule = true;
    job.initial_start = job.statistics.as_ref().and_then(|of| of.next_start);
    let verdict = metrics.verdict(&app.at().unwrap());
    assert_eq!(verdict.findings, []);
    load(&mut app, Rows::Compression(vec![metrics]));
    load(&mut app, Rows::Jobs(vec![job.clone()]));
    assert_eq!(findings(&app), []);
    // If a user moved the next start, the finding is one of the Jobs screen.
    job.fixed_schedule = false;
    load(&mut app, Rows::Jobs(vec![job]));
    assert_eq!(findings(&app).len(), 1);
    assert_eq!(findings(&app)[0].0, "job-far");
}

#[test]
fn a_row_that_gets_worse_behind_the_overview_goes_to_its_place_on_its_own_screen() {
    let mut app = app();
    let mut quality = row(3, "quality", 0);
    if let Some(policy) = &mut quality.policy {
        policy.next_start = Some(NOW.plus_seconds(30.0));
    }
    load(
        &mut app,
        Rows::Compression(vec![row(1, "energy", 0), quality]),
    );
    let first = |app: &App| app.screens.compression.in_order().next().map(|row| row.id);
    assert_eq!(first(&app), Some(1));
    let later = NOW.plus_seconds(600.0);
    app.update(Msg::Tick(later));
    // Verdicts use the server's time, so a pulse must bring it.
    app.update(Msg::Pulse {
        screen: ScreenId::Overview,
        asked: 0,
        clock: later,
        counters: Vec::new(),
    });
    app.update(Msg::Tick(later.plus_seconds(61.0)));
    assert!(findings(&app).contains(&("job-late", "mes.quality".to_owned())));
    assert_eq!(first(&app), Some(3));
}

#[test]
fn an_aggregate_that_nothing_refreshes_is_told_once_and_given_a_policy() {
    let mut app = app();
    let mut rows = hierarchy(false);
    rows.truncate(1);
    (rows[0].watermark, rows[0].refreshed_to) = (None, Some(i64::MIN));
    load(&mut app, Rows::Aggregates(rows));
    assert_eq!(
        findings(&app),
        [("aggregate-never-refreshed", "mes.hourly".to_owned())]
    );
    let told = &app.screens.overview.rows()[0].finding;
    let words = "it was never refreshed, so it holds nothing; it has no refresh policy";
    assert_eq!(told.reason, words);
    assert_eq!(fixed(&mut app).0, "add-refresh-policy");
}
