//! A finished action reports its effect on the finding's figure, from figures that were read after the action.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::time::Duration;

use console::{NOW, connected, drawn, press, row};
use hypertop::actions::act::Facts;
use hypertop::actions::execute::Report;
use hypertop::actions::preview::{Blocking, Preview};
use hypertop::app::ask;
use hypertop::app::{App, Effect, Msg};
use hypertop::journal::Outcome;
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::Rows;
use serde_json::json;
use support::console::Console;
use support::triage;

fn facts() -> Facts {
    let facts = json!({
        "id": 1002, "application_name": "Columnstore Policy [1002]", "schedule_interval": "12:00:00",
        "max_runtime": "00:00:00", "max_retries": -1, "retry_period": "01:00:00", "proc_schema": "_timescaledb_functions",
        "proc_name": "policy_compression", "owner": "dba", "scheduled": true, "fixed_schedule": false,
        "initial_start": null, "timezone": null, "config": {"compress_after": "7 days"}, "check_schema": null,
        "check_name": null, "hypertable_id": 2, "next_start": "2027-01-15 09:00:00+00", "relation": "mes.metrics",
        "integer_time": false, "owned": true, "member": true, "owns_database": false, "becomes": true, "role": "dba",
        "session_role": "dba", "has_proc": true, "job_table": 7, "stat_table": 8, "search_path": null, "unread": [],
        "ends": null, "gaps": false, "local_shift": 0
    });
    Facts {
        facts,
        state: json!({"scheduled": true}),
        ..Facts::default()
    }
}

/// Answers the console's requests until the preview is shown.
fn answer(app: &mut App, effects: Vec<Effect>) {
    for effect in effects {
        let next = match effect {
            Effect::Act(ask::Act::Facts { asked, targets, .. }) => app.update(Msg::Facts {
                asked,
                result: Ok(targets.iter().map(|_| facts()).collect()),
            }),
            Effect::Act(ask::Act::Look { asked, approved }) => {
                let preview = Preview {
                    plan: approved.plan.clone(),
                    holders: Ok(Vec::new()),
                    blocking: Blocking::default(),
                    refused: None,
                };
                app.update(Msg::Looked {
                    asked,
                    approved,
                    preview: Box::new(preview),
                })
            }
            _ => Vec::new(),
        };
        answer(app, next);
    }
}

fn report(outcome: Outcome) -> Report {
    Report {
        id: 7,
        outcome,
        title: "Pause job 1002".to_owned(),
        steps_done: 1,
        steps: 1,
        can_be_undone: true,
        problems: Vec::new(),
        notices: Vec::new(),
        took: Duration::from_millis(30),
        differs: Vec::new(),
    }
}

/// The console after an action on a row with a backlog of 12 chunks, and its next requests.
fn acted(outcome: Outcome) -> (App, Vec<Effect>) {
    let mut app = connected();
    let asked = press(&mut app, "p");
    answer(&mut app, asked);
    press(&mut app, "enter");
    let effects = app.update(Msg::Reported(Box::new(Ok(report(outcome)))));
    (app, effects)
}

fn seen(app: &mut App) -> String {
    drawn(app, 120, 30).backend().to_string()
}

/// Answers the pulse; returns the number of the load that follows.
fn pulse(app: &mut App, effects: &[Effect]) -> u64 {
    let pulses = effects.iter().find_map(|effect| match effect {
        Effect::List(ask::List::Pulse { asked, screen }) => Some((*asked, *screen)),
        _ => None,
    });
    let (asked, screen) = pulses.expect("a pulse");
    let effects = app.update(Msg::Pulse {
        screen,
        asked,
        clock: NOW,
        counters: vec![Some(9); 8],
    });
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::List(ask::List::Load { asked, .. }) => Some(*asked),
        _ => None,
    });
    asked.expect("rows are asked for")
}

fn load(app: &mut App, asked: u64, backlog: i64) {
    app.update(Msg::Loaded {
        asked,
        rows: Rows::Compression(vec![row(1, "energy", 0), row(2, "metrics", backlog)]),
        took: Duration::from_millis(3),
    });
}

#[test]
fn the_figure_is_awaited_and_then_said_before_and_after() {
    let (mut app, effects) = acted(Outcome::Done);
    let shown = seen(&mut app);
    assert!(shown.contains("backlog was 12; reading again"), "{shown}");
    let asked = pulse(&mut app, &effects);
    load(&mut app, asked, 0);
    let shown = seen(&mut app);
    assert!(
        shown.contains("backlog 12 -> 0: no longer a problem"),
        "{shown}"
    );
    assert!(!shown.contains("reading again"), "{shown}");
}

#[test]
fn what_remains_has_its_reason() {
    let (mut app, effects) = acted(Outcome::Done);
    let asked = pulse(&mut app, &effects);
    load(&mut app, asked, 4);
    let shown = seen(&mut app);
    assert!(
        shown.contains("backlog 12 -> 4: 4 chunks past compress_after not compressed"),
        "{shown}"
    );
    let (mut app, effects) = acted(Outcome::Done);
    let asked = pulse(&mut app, &effects);
    load(&mut app, asked, 12);
    let shown = seen(&mut app);
    assert!(
        shown.contains("backlog is still 12: 12 chunks past"),
        "{shown}"
    );
}

#[test]
fn rows_that_were_asked_for_before_the_end_are_not_its_effect() {
    let mut app = connected();
    let asked = press(&mut app, "p");
    answer(&mut app, asked);
    press(&mut app, "enter");
    // A load is in progress when the action ends.
    let before = app.screens.ask(ScreenId::Compression).unwrap();
    let effects = app.update(Msg::Reported(Box::new(Ok(report(Outcome::Done)))));
    load(&mut app, before, 11);
    let shown = seen(&mut app);
    assert!(shown.contains("backlog was 12; reading again"), "{shown}");
    let asked = pulse(&mut app, &effects);
    load(&mut app, asked, 0);
    let shown = seen(&mut app);
    assert!(shown.contains("backlog 12 -> 0"), "{shown}");
}

#[test]
fn a_figure_that_is_not_read_in_time_is_said_to_be_unknown_and_comes_later() {
    let (mut app, effects) = acted(Outcome::Done);
    app.update(Msg::Tick(NOW.plus_seconds(10.0)));
    assert!(seen(&mut app).contains("reading again"));
    app.update(Msg::Tick(NOW.plus_seconds(16.0)));
    let shown = seen(&mut app);
    assert!(
        shown.contains("backlog was 12; not read again within 16s: the effect is still unknown"),
        "{shown}"
    );
    let asked = pulse(&mut app, &effects);
    load(&mut app, asked, 0);
    assert!(seen(&mut app).contains("backlog 12 -> 0"));
}

#[test]
fn without_a_connection_no_old_figure_is_shown() {
    let mut app = connected();
    let asked = press(&mut app, "p");
    answer(&mut app, asked);
    press(&mut app, "enter");
    app.update(Msg::Down {
        error: "gone".to_owned(),
        retry: Duration::from_secs(1),
    });
    app.update(Msg::Reported(Box::new(Ok(report(Outcome::Done)))));
    let shown = seen(&mut app);
    assert!(
        shown.contains("backlog was 12; not connected, so nothing was read again"),
        "{shown}"
    );
}

#[test]
fn a_result_that_was_closed_says_it_in_the_status_line() {
    let (mut app, effects) = acted(Outcome::Done);
    press(&mut app, "esc");
    let asked = pulse(&mut app, &effects);
    load(&mut app, asked, 0);
    assert!(app.overlay.is_none());
    assert!(seen(&mut app).contains("backlog 12 -> 0"));
}

#[test]
fn an_action_that_failed_awaits_nothing() {
    let (mut app, _) = acted(Outcome::Failed);
    assert!(!seen(&mut app).contains("backlog was"));
}

const LATE: &str = r#"; select alter_job(add_compression_policy('"Me.s"."Raw ""x"""', interval '1 day', schedule_interval => interval '1 hour'), scheduled => false)"#;

#[test]
fn compressing_the_backlog_of_a_real_server_says_that_it_is_gone() {
    triage::on_each(
        "effects",
        &format!("{}{LATE}", triage::PACKS_WELL).replace("; select alter", ";\nselect alter"),
        async |rig, _| {
            let backlog = rig
            .text("select count(*) from show_chunks('\"Me.s\".\"Raw \"\"x\"\"\"', older_than => interval '1 day')")
            .await;
            let mut console = Console::open_in(
                &[&rig.conninfo],
                &[
                    ("XDG_CONFIG_HOME", "/nonexistent"),
                    ("XDG_STATE_HOME", rig.state_home().to_str().unwrap()),
                ],
                120,
                40,
            );
            console.wait_for("1 Over");
            console.press("0");
            console.wait_for("no action has been run yet");
            console.press("2");
            console.wait_for("BACKLOG");
            console.wait_for("past compress_after");
            console.press("c");
            console.wait_for("Enter: preview");
            console.press("\r");
            console.wait_for("runs it");
            console.press("y");
            console.wait_for(&format!("backlog {backlog} -> 0: no longer a problem"));
            console.press("\r");
            // The action that was run last is selected in the Journal.
            console.press("0");
            console.wait_for("1 entry");
            console.press("u");
            let preview = console.wait_for("runs it");
            console.agree(&preview);
            console.wait_for("Done");
            console.press("\r");
            console.wait_for("rollback of entry 1");
            console.press("u");
            console.wait_for("entry 2 is itself a rollback");
            console.press("\r");
            console.press("q");
            assert_eq!(console.ended(), 0, "{}", rig.name);
        },
    );
}
