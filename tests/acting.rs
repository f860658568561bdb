//! Actions in the app, without a terminal or a database: from the key to the approved plan, with the screens that are shown until then.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::time::Duration;

use console::{NOW, connected, drawn, press, screen, tall};
use hypertop::actions::act::Facts;
use hypertop::actions::execute::{Order, Problem, Progress, Report};
use hypertop::actions::preview::{Blocking, Holder, Preview};
use hypertop::app::ask;
use hypertop::app::{App, Effect, Msg};
use hypertop::journal::Outcome;
use hypertop::model::access::Access as Rules;
use hypertop::model::plan::{Consent, Mode, Plan};
use serde_json::json;

fn facts() -> Facts {
    let facts = json!({
        "id": 1002, "application_name": "Columnstore Policy [1002]", "schedule_interval": "12:00:00",
        "max_runtime": "00:00:00", "max_retries": -1, "retry_period": "01:00:00", "proc_schema": "_timescaledb_functions",
        "proc_name": "policy_compression", "owner": "dba", "scheduled": true, "fixed_schedule": false,
        "initial_start": null, "timezone": "Asia/Kolkata", "config": {"compress_after": "7 days"}, "check_schema": null,
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

/// Facts for adding a reorder policy, with three indexes to choose from.
fn indexed() -> Facts {
    let index = |name: &str| json!({"name": name, "definition": format!("CREATE INDEX {name}")});
    let facts = json!({
        "relation": "mes.metrics", "name": "mes.metrics", "oid": 5, "aggregate": false, "owner": "dba", "may_analyze": true,
        "dimensions": [], "partitions": 1, "policies": {}, "indexes": [index("by_time"), index("by_device"), index("by_site")],
        "shared_buffers": null, "chunks": 3, "first": null, "last": null, "compressed": 0, "reorderable": 0, "unanalyzed": 0,
        "analyzed_seconds": null, "rows": null, "recent": [], "touched": []
    });
    Facts {
        facts,
        ..Facts::default()
    }
}

/// Answers the console's requests until the preview is shown.
fn answer(app: &mut App, effects: Vec<Effect>, holders: &[Holder]) {
    answer_with(app, effects, holders, &|plan| plan);
}

/// As [`answer`], with a plan that is changed before its preview.
fn answer_with(
    app: &mut App,
    effects: Vec<Effect>,
    holders: &[Holder],
    change: &dyn Fn(Plan) -> Plan,
) {
    for effect in effects {
        let next = match effect {
            Effect::Act(ask::Act::Facts { asked, targets, .. }) => app.update(Msg::Facts {
                asked,
                result: Ok(targets.iter().map(|_| facts()).collect()),
            }),
            Effect::Act(ask::Act::Look {
                asked,
                mut approved,
            }) => {
                approved.plan = change(approved.plan);
                let preview = Preview {
                    plan: approved.plan.clone(),
                    holders: Ok(holders.to_vec()),
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
        answer_with(app, next, holders, change);
    }
}

fn previewed() -> App {
    let mut app = connected();
    let asked = press(&mut app, "p");
    answer(&mut app, asked, &[]);
    app
}

fn report(outcome: Outcome) -> Report {
    Report {
        id: 7,
        outcome,
        title: "Pause job 1002 (compression policy on mes.metrics)".to_owned(),
        steps_done: usize::from(outcome == Outcome::Done),
        steps: 1,
        can_be_undone: outcome == Outcome::Done,
        problems: Vec::new(),
        notices: Vec::new(),
        took: Duration::from_millis(30),
        differs: Vec::new(),
    }
}

#[test]
fn a_key_leads_to_a_preview_that_shows_the_statement_and_how_it_is_taken_back() {
    let mut app = previewed();
    insta::assert_snapshot!(screen(&mut app));
}

#[test]
fn a_form_that_was_just_opened_says_what_is_so_now_and_no_refusal() {
    let mut app = connected();
    let asked = press(&mut app, ": e d i t - j o b enter");
    answer(&mut app, asked, &[]);
    let shown = tall(&mut app);
    assert!(
        shown.contains("no change: job") && shown.contains("nothing changed yet"),
        "{shown}"
    );
    assert!(!shown.contains("not possible with these values"), "{shown}");
    // A wrong input is reported.
    press(&mut app, "x");
    let shown = tall(&mut app);
    assert!(shown.contains("not possible with these values"), "{shown}");
}

#[test]
fn the_arrows_move_in_a_list_to_pick_from_and_leave_it_at_its_ends() {
    let mut app = connected();
    let asked = press(&mut app, ": a d d - r e o r d e r - p o l i c y enter");
    let [Effect::Act(ask::Act::Facts { asked, .. })] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    app.update(Msg::Facts {
        asked: *asked,
        result: Ok(vec![indexed()]),
    });
    press(&mut app, "down space");
    let shown = tall(&mut app);
    assert!(shown.contains("1 of 3 picked"), "{shown}");
    let picked = shown.lines().find(|line| line.contains("by_device"));
    assert!(picked.unwrap().contains("[x]"), "{shown}");
    // The cursor is on the last of the three indexes; one more "down" goes to the next field, and "up" comes back.
    press(&mut app, "down 4 h up space");
    let shown = tall(&mut app);
    let picked = |name| {
        let line = shown.lines().find(|line| line.contains(name));
        line.is_some_and(|line| line.contains("[x]"))
    };
    assert!(picked("by_device") && picked("by_site"), "{shown}");
    assert!(!picked("by_time"), "{shown}");
    assert!(shown.contains("4h"), "{shown}");
}

#[test]
fn nothing_runs_before_consent_and_enter_is_consent_to_what_is_taken_back_exactly() {
    let mut app = previewed();
    assert!(press(&mut app, "j k space pgdn").is_empty());
    let effects = press(&mut app, "enter");
    let [Effect::Act(ask::Act::Do(approved))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert!(
        approved.plan.script()[0].contains("scheduled => false"),
        "{:?}",
        approved.plan.script()
    );
    assert!(
        approved.plan.script()[0].contains("timezone => 'Asia/Kolkata'"),
        "{:?}",
        approved.plan.script()
    );
}

#[test]
fn escape_leaves_everything_as_it_is() {
    let mut app = previewed();
    assert!(press(&mut app, "esc").is_empty());
    assert!(app.overlay.is_none() && app.running.is_none());
}

#[test]
fn an_answer_that_comes_after_escape_opens_nothing() {
    let mut app = connected();
    let asked = press(&mut app, "p");
    press(&mut app, "esc");
    answer(&mut app, asked, &[]);
    assert!(app.overlay.is_none());
}

#[test]
fn a_read_only_console_shows_the_plan_and_says_why_it_does_not_run() {
    let mut app = connected();
    app.rules = Rules {
        read_only: Some("this console only reads (--read-only): nothing is changed".to_owned()),
        protected: false,
    };
    let asked = press(&mut app, "p");
    answer(&mut app, asked, &[]);
    let shown = screen(&mut app);
    assert!(shown.contains("this console only reads"), "{shown}");
    assert!(shown.contains(" READ ONLY "), "{shown}");
    assert!(press(&mut app, "enter y enter").is_empty());
}

#[test]
fn a_protected_connection_wants_the_name_typed_for_everything() {
    let mut app = connected();
    app.rules.protected = true;
    // The header shows the protection before any action, and the dialog has a double frame.
    assert!(screen(&mut app).contains(" PROTECTED "));
    let asked = press(&mut app, "p");
    answer(&mut app, asked, &[]);
    let shown = screen(&mut app);
    assert!(
        shown.contains('╔') && shown.matches(" PROTECTED ").count() == 2,
        "{shown}"
    );
    assert!(
        press(&mut app, "enter y enter").is_empty(),
        "y is typed, and is not the name"
    );
    assert!(press(&mut app, "backspace 1 0 0 2").is_empty());
    assert!(matches!(
        press(&mut app, "enter").as_slice(),
        [Effect::Act(ask::Act::Do(_))]
    ));
}

#[test]
fn a_name_that_was_typed_wrong_is_said_to_be() {
    let mut app = connected();
    app.rules.protected = true;
    let asked = press(&mut app, "p");
    answer(&mut app, asked, &[]);
    assert!(press(&mut app, "1 0 0 3 enter").is_empty());
    let shown = screen(&mut app);
    assert!(shown.contains("\"1003\" is not the name"), "{shown}");
    // Typing corrects the name.
    assert!(press(&mut app, "backspace 2").is_empty());
    let shown = screen(&mut app);
    assert!(!shown.contains("is not the name"), "{shown}");
    assert!(matches!(
        press(&mut app, "enter").as_slice(),
        [Effect::Act(ask::Act::Do(_))]
    ));
}

#[test]
fn what_is_irreversible_is_said_first_on_a_small_screen() {
    let mut app = connected();
    let asked = press(&mut app, ": r u n - j o b - n o w enter");
    let [Effect::Act(ask::Act::Facts { asked, .. })] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    let mut retention = facts();
    retention.facts["proc_name"] = "policy_retention".into();
    let effects = app.update(Msg::Facts {
        asked: *asked,
        result: Ok(vec![retention]),
    });
    assert!(effects.is_empty(), "{effects:?}");
    let look = press(&mut app, "enter");
    answer(&mut app, look, &[]);
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    let first = shown.lines().find(|line| line.contains("IRREVERSIBLE"));
    assert!(
        first.is_some_and(|line| line.contains("chunks that it drops are gone")),
        "{shown}"
    );
}

#[test]
fn the_progress_is_shown_held_and_stopped() {
    let mut app = previewed();
    press(&mut app, "enter");
    app.update(Msg::Progress(Progress::Began(7)));
    app.update(Msg::Progress(Progress::Step {
        number: 3,
        of: 10,
        label: "compress _hyper_1_3_chunk".to_owned(),
    }));
    app.update(Msg::Progress(Progress::Bytes {
        done: 30 << 20,
        of: 100 << 20,
    }));
    app.update(Msg::Progress(Progress::Waits(
        "for a lock that is held by session 4711 of app, psql, idle in transaction".to_owned(),
    )));
    app.update(Msg::Tick(NOW.plus_seconds(60.0)));
    insta::assert_snapshot!(screen(&mut app));
    assert!(matches!(
        press(&mut app, "space").as_slice(),
        [Effect::Act(ask::Act::Order(Order::Hold))]
    ));
    assert!(matches!(
        press(&mut app, "space").as_slice(),
        [Effect::Act(ask::Act::Order(Order::Go))]
    ));
    assert!(matches!(
        press(&mut app, "c").as_slice(),
        [Effect::Act(ask::Act::Order(Order::Stop))]
    ));
}

#[test]
fn the_work_goes_on_while_it_is_hidden_and_only_one_runs_at_a_time() {
    let mut app = previewed();
    press(&mut app, "enter esc");
    assert!(screen(&mut app).contains('▶'));
    assert!(press(&mut app, "p").is_empty());
    assert!(screen(&mut app).contains("is still running"));
}

#[test]
fn leaving_stops_what_runs_first() {
    let mut app = previewed();
    press(&mut app, "enter esc");
    assert!(matches!(
        press(&mut app, "q").as_slice(),
        [Effect::Act(ask::Act::Order(Order::Stop))]
    ));
    let effects = app.update(Msg::Reported(Box::new(Ok(report(Outcome::Cancelled)))));
    assert!(matches!(effects.as_slice(), [Effect::Quit]));
}

#[test]
fn the_result_names_the_journal_entry_and_the_server_s_words() {
    let mut app = previewed();
    press(&mut app, "enter");
    let problem = Problem {
        sqlstate: Some("42501".to_owned()),
        message: "insufficient permissions to alter job 1002".to_owned(),
        fix: Some("connect as the owner"),
        lost: false,
        gone: false,
    };
    let failed = Report {
        problems: vec![("pause job 1002".to_owned(), problem)],
        ..report(Outcome::Failed)
    };
    app.update(Msg::Reported(Box::new(Ok(failed))));
    let shown = screen(&mut app);
    assert!(
        shown.contains("FAILED")
            && shown.contains("42501: insufficient permissions")
            && shown.contains("journal entry 7"),
        "{shown}"
    );
}

#[test]
fn a_session_in_the_way_is_named_before_anything_runs() {
    let mut app = connected();
    let asked = press(&mut app, "p");
    let holder = Holder {
        relation: "mes.metrics".to_owned(),
        pid: 4711,
        mode: Mode::AccessShare,
        granted: true,
        role: Some("report".to_owned()),
        what: "psql".to_owned(),
        state: Some("idle in transaction".to_owned()),
        seconds: Some(3600.0),
        query: Some("select 1".to_owned()),
        conflicts: true,
    };
    // This action's plan has no locks, so the preview gets one here.
    let locks = |plan: Plan| plan.touching(5, "mes.metrics", Mode::AccessExclusive);
    answer_with(&mut app, asked, &[holder], &locks);
    let shown = console::tall(&mut app);
    assert!(
        shown.contains("ACCESS EXCLUSIVE (reads and writes wait)"),
        "{shown}"
    );
    assert!(
        shown.contains("session 4711 of report (psql, idle in transaction"),
        "{shown}"
    );
}

#[test]
fn marked_rows_are_acted_on_together() {
    let mut app = connected();
    press(&mut app, "g x x");
    assert!(screen(&mut app).contains("2 marked"));
    let effects = press(&mut app, "p");
    let [Effect::Act(ask::Act::Facts { targets, .. })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(targets.len(), 2);
}

#[test]
fn the_menu_of_a_row_lists_what_can_be_done_with_it() {
    let mut app = connected();
    press(&mut app, "a");
    let shown = tall(&mut app);
    // Actions on the screen's rows come first; actions on the console only are not listed.
    assert!(shown.contains("compress-chunks"), "{shown}");
    assert!(!shown.contains("show-jobs"), "{shown}");
    press(&mut app, "p a u s e");
    let shown = tall(&mut app);
    assert!(shown.contains("pause-job"), "{shown}");
}

#[test]
fn an_action_for_something_else_says_what_to_select() {
    let mut app = connected();
    press(&mut app, "6 : p a u s e - j o b enter");
    assert!(screen(&mut app).contains("pause-job acts on a job: select one first"));
}

/// The form for two marked jobs. The second job is already paused.
fn group(keys: &str) -> App {
    let mut app = connected();
    let effects = press(&mut app, keys);
    let [Effect::Act(ask::Act::Facts { asked, targets, .. })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(targets.len(), 2);
    let mut paused = facts();
    paused.facts["id"] = json!(1001);
    paused.facts["scheduled"] = json!(false);
    paused.state = json!({"scheduled": false});
    let effects = app.update(Msg::Facts {
        asked: *asked,
        result: Ok(vec![facts(), paused]),
    });
    answer(&mut app, effects, &[]);
    app
}

#[test]
fn a_group_names_who_refuses_and_why_and_goes_on_without_it_where_a_person_says_so() {
    let mut app = group("x x p");
    let shown = tall(&mut app);
    for words in [
        "1 of 2 targets refuses",
        "1001: ",
        "is paused already",
        "Ctrl-O: continue with the other target only",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for keys in ["enter", "tab", "down", "y", "space"] {
        assert!(press(&mut app, keys).is_empty(), "{keys}");
    }
    let effects = press(&mut app, "ctrl-o");
    answer(&mut app, effects, &[]);
    let shown = tall(&mut app);
    assert!(
        shown.contains("1001 is left out: ") && shown.contains("Pause job 1002"),
        "{shown}"
    );
    let effects = press(&mut app, "enter");
    let [Effect::Act(ask::Act::Do(approved))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((approved.plan.steps.len(), approved.seen.len()), (1, 1));
    assert_eq!(approved.seen[0].target.id, 1002);
}

#[test]
fn a_group_of_which_all_refuse_is_refused() {
    let mut app = connected();
    let effects = press(&mut app, "x x p");
    let [Effect::Act(ask::Act::Facts { asked, .. })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let paused = |id: i64| {
        let mut paused = facts();
        paused.facts["id"] = json!(id);
        paused.facts["scheduled"] = json!(false);
        paused
    };
    let effects = app.update(Msg::Facts {
        asked: *asked,
        result: Ok(vec![paused(1002), paused(1001)]),
    });
    assert!(effects.is_empty());
    let shown = tall(&mut app);
    assert!(
        shown.contains("is paused already") && !shown.contains("Ctrl-O"),
        "{shown}"
    );
    assert!(press(&mut app, "ctrl-o").is_empty());
}

#[test]
fn enter_does_not_run_what_wants_y_and_says_so() {
    let mut app = connected();
    let asked = press(&mut app, "p");
    let wants_y = |mut plan: Plan| {
        plan.consent = Consent::Yes;
        plan
    };
    answer_with(&mut app, asked, &[], &wants_y);
    assert!(screen(&mut app).contains("y runs it"));
    assert!(press(&mut app, "enter").is_empty());
    let shown = screen(&mut app);
    assert!(shown.contains("press y, not Enter, to run it"), "{shown}");
    let effects = press(&mut app, "y");
    assert!(
        matches!(&effects[..], [Effect::Act(ask::Act::Do(_))]),
        "{effects:?}"
    );
}
