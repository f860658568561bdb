//! Groups on the Overview: one line per rule, which can be opened; filter, marks, fix and ages of groups.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::time::Duration;

use console::{NOW, drawn, figure, job, press, row, server};
use hypertop::app::ask;
use hypertop::app::{App, Effect, Msg, theme};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::screens::record::Record;
use hypertop::screens::{Rows, compression, server as figures};

fn app() -> App {
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    // The preview pane has its own tests.
    app.pane.open = false;
    app.update(Msg::Up(Box::new(server())));
    app
}

fn load(app: &mut App, rows: Rows) {
    app.screens.abandon();
    let asked = app.screens.ask(rows.screen()).unwrap();
    app.update(Msg::Loaded {
        asked,
        rows,
        took: Duration::from_millis(1),
    });
}

/// This many hypertables with a backlog, one with a poor compression ratio, and a healthy one.
fn fleet(many: i32) -> Vec<compression::Row> {
    let mut rows: Vec<_> = (1..=many)
        .map(|id| row(id, &format!("telemetry_of_production_line_{id:05}"), 12))
        .collect();
    let mut poor = row(many + 1, "energy", 0);
    poor.after_bytes = Some(8 << 30);
    rows.extend([poor, row(many + 2, "quality", 0)]);
    rows
}

fn with_fleet(many: i32) -> App {
    let mut app = app();
    load(&mut app, Rows::Compression(fleet(many)));
    app
}

fn text(app: &mut App, width: u16, height: u16) -> String {
    drawn(app, width, height).backend().to_string()
}

fn line(shown: &str, words: &str) -> String {
    let line = shown.lines().find(|line| line.contains(words));
    line.unwrap_or_else(|| panic!("no {words:?} in\n{shown}"))
        .to_owned()
}

fn selected(app: &App) -> String {
    app.screens.selected_key(ScreenId::Overview).unwrap()
}

#[test]
fn two_hundred_equal_findings_are_one_line_at_every_size() {
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let mut app = with_fleet(200);
        insta::assert_snapshot!(
            format!("two_hundred_equal_findings_{width}x{height}"),
            drawn(&mut app, width, height).backend()
        );
    }
}

#[test]
fn a_group_opens_in_place_and_its_rows_are_a_tree() {
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let mut app = with_fleet(4);
        press(&mut app, "enter j");
        insta::assert_snapshot!(
            format!("an_open_group_{width}x{height}"),
            drawn(&mut app, width, height).backend()
        );
    }
}

#[test]
fn enter_opens_a_group_and_closes_it_and_opens_the_details_of_a_row_in_it() {
    let mut app = with_fleet(3);
    assert!(!text(&mut app, 120, 40).contains("├"));
    press(&mut app, "enter");
    let shown = text(&mut app, 120, 40);
    assert!(
        shown.contains('▾') && shown.matches('├').count() == 2 && shown.contains('└'),
        "{shown}"
    );
    press(&mut app, "enter");
    assert!(!text(&mut app, 120, 40).contains("├"));
    press(&mut app, "enter j j enter");
    assert_eq!(app.screen, ScreenId::Compression);
    assert!(app.details.is_some());
    press(&mut app, "esc");
    // The group is still open, and the cursor is on the same row.
    assert!(text(&mut app, 120, 40).contains('└'));
    assert!(selected(&app).ends_with("_00002"), "{}", selected(&app));
}

#[test]
fn a_finding_that_is_the_only_one_of_its_rule_is_its_row() {
    let mut app = with_fleet(2);
    let shown = text(&mut app, 120, 40);
    let alone = line(&shown, "poor compression ratio");
    assert!(
        alone.contains("mes.energy") && !alone.contains('▸') && !alone.contains('×'),
        "{alone}"
    );
    press(&mut app, "j enter");
    assert_eq!(app.screen, ScreenId::Compression);
}

#[test]
fn g_switches_to_the_flat_list_and_back_and_the_cursor_stays() {
    let mut app = with_fleet(30);
    press(&mut app, "enter j j");
    let before = selected(&app);
    press(&mut app, "g");
    assert_eq!(selected(&app), before);
    let shown = text(&mut app, 120, 40);
    assert!(!shown.contains('▾') && !shown.contains('├'), "{shown}");
    assert_eq!(
        shown.matches("chunks wait for compr").count(),
        29,
        "{shown}"
    );
    press(&mut app, "g");
    assert_eq!(selected(&app), before);
    // On a row of a closed group the cursor goes to the group, and from there to its first row.
    press(&mut app, "k k enter g");
    assert!(selected(&app).ends_with("_00001"), "{}", selected(&app));
    // On other screens the key has its usual meaning.
    press(&mut app, "2 j j");
    assert_ne!(app.screens.compression.place().0, 1);
    press(&mut app, "g");
    assert_eq!(app.screens.compression.place().0, 1);
}

#[test]
fn a_filter_opens_the_groups_with_a_match_and_counts_the_matches() {
    let mut app = with_fleet(120);
    press(&mut app, "/ l i n e _ 0 0 0 1 enter");
    let shown = text(&mut app, 120, 40);
    assert!(line(&shown, "▾").contains("10× chunks wait for"), "{shown}");
    assert_eq!(
        shown
            .matches("mes.telemetry_of_production_line_0001")
            .count(),
        11,
        "{shown}"
    );
    assert!(
        line(&shown, "read now").contains("10 of 121 findings"),
        "{shown}"
    );
    // The group can be closed, and another filter opens it again.
    press(&mut app, "enter");
    assert!(text(&mut app, 120, 40).contains("▸ 10×"));
    press(&mut app, "/ backspace enter");
    let shown = text(&mut app, 120, 40);
    assert!(line(&shown, "line_00019").contains('├'), "{shown}");
    press(&mut app, "esc");
    assert!(text(&mut app, 120, 40).contains("▸ 120×"));
}

#[test]
fn the_cursor_stays_on_its_group_and_on_its_row_when_others_come_and_go() {
    let mut app = with_fleet(3);
    press(&mut app, "j");
    let poor = selected(&app);
    assert!(poor.contains("compression-ratio"), "{poor}");
    press(&mut app, "k");
    let group = selected(&app);
    load(
        &mut app,
        Rows::Server(vec![figure("connections", 196.0, Some(197.0))]),
    );
    assert_eq!(selected(&app), group);
    assert_eq!(app.screens.overview.place().0, 2);
    load(&mut app, Rows::Compression(fleet(5)));
    assert_eq!(selected(&app), group);
    // If one row of the group is left, that row is shown instead.
    load(&mut app, Rows::Compression(fleet(1)));
    assert!(selected(&app).ends_with("_00001"), "{}", selected(&app));
}

/// The action and targets of the fix key. `None`: the key starts nothing.
fn fixed(app: &mut App) -> Option<(&'static str, Vec<i64>)> {
    match press(app, "m").as_slice() {
        [
            Effect::Act(ask::Act::Facts {
                action, targets, ..
            }),
        ] => Some((
            action.name,
            targets.iter().map(|target| target.id).collect(),
        )),
        [] => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_fix_of_a_group_acts_on_all_its_rows_as_if_they_were_marked() {
    let mut app = with_fleet(3);
    assert_eq!(fixed(&mut app), Some(("compress-chunks", vec![1, 2, 3])));
    // Actions on a group apply to all its rows, and so do marks.
    let mut app = with_fleet(3);
    assert_eq!(app.targets().len(), 3);
    press(&mut app, "x");
    assert_eq!(app.screens.overview.marks(), 3);
    press(&mut app, "k x");
    assert_eq!(app.screens.overview.marks(), 0);
    // With a filter, the fix applies only to the rows that match.
    press(&mut app, "/ _ 0 0 0 0 2 enter");
    assert_eq!(fixed(&mut app), Some(("compress-chunks", vec![2])));
}

#[test]
fn where_the_rows_of_a_group_need_different_fixes_it_says_so_and_opens_it_at_the_worst() {
    let mut app = app();
    let mut rows = fleet(3);
    // This row's policy is paused, so its fix is to resume the policy.
    rows[1].policy.as_mut().unwrap().scheduled = false;
    load(&mut app, Rows::Compression(rows));
    load(&mut app, Rows::Jobs(vec![job(1002, false)]));
    let shown = text(&mut app, 200, 50);
    assert!(shown.contains("3 findings. The worst is"), "{shown}");
    assert_eq!(fixed(&mut app), None);
    let said = &app.notice.as_ref().unwrap().text;
    assert!(
        said.contains("different fixes") && said.contains("one by one"),
        "{said}"
    );
    let shown = text(&mut app, 200, 50);
    assert!(line(&shown, "▾ 3×").contains(" several "), "{shown}");
    assert!(
        !shown.contains("The worst is"),
        "the pane is of that row: {shown}"
    );
    // The cursor is on the row that the group's line shows, and the same key fixes that row.
    let group = line(&shown, "▾ 3×");
    let worst = app.screens.overview.selected().unwrap().subject.clone();
    assert!(group.contains(&worst), "{worst}: {group}");
    assert!(fixed(&mut app).is_some_and(|(_, targets)| targets.len() == 1));
}

#[test]
fn an_unknown_age_is_a_dash_and_not_that_of_the_console() {
    let mut app = app();
    load(
        &mut app,
        Rows::Server(vec![figure("connections", 196.0, Some(197.0))]),
    );
    app.update(Msg::Tick(NOW.plus_seconds(90.0)));
    load(
        &mut app,
        Rows::Server(vec![figure("connections", 196.0, Some(197.0))]),
    );
    let shown = line(&text(&mut app, 120, 40), "connections near the limit");
    let words: Vec<_> = shown.split_whitespace().collect();
    assert!(words.contains(&"-") && !shown.contains("> "), "{shown}");
}

#[test]
fn at_80_columns_the_reason_is_what_stays_and_no_name_is_cut_where_there_is_room() {
    let mut app = with_fleet(2);
    press(&mut app, "enter");
    let shown = text(&mut app, 80, 24);
    assert!(
        shown.contains("WHY") && !shown.contains("SCREEN"),
        "{shown}"
    );
    let shown = text(&mut app, 200, 50);
    assert!(
        shown.contains("mes.telemetry_of_production_line_00002") && shown.contains("SCREEN"),
        "{shown}"
    );
}

#[test]
fn what_hurts_now_goes_before_a_setting_of_the_same_level() {
    let mut app = app();
    let setting = |name: &str| figures::Row {
        about: Some("off".to_owned()),
        ..figure(name, 0.0, None)
    };
    load(
        &mut app,
        Rows::Server(vec![
            setting("setting fsync"),
            setting("setting autovacuum"),
        ]),
    );
    load(&mut app, Rows::Compression(fleet(1)));
    let rows: Vec<_> = app.screens.overview.in_order().collect();
    let names: Vec<_> = rows.iter().map(|row| row.finding.rule.name).collect();
    assert_eq!(
        names,
        [
            "compression-backlog",
            "server-setting",
            "server-setting",
            "compression-ratio"
        ]
    );
    assert!(
        rows[..3]
            .iter()
            .all(|row| row.finding.level == Level::Warning)
    );
}

#[test]
fn only_the_demos_own_server_may_run_without_fsync() {
    for (throw_away, expected) in [(false, 2), (true, 0)] {
        let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
        app.update(Msg::Up(Box::new(hypertop::server::known::Server {
            throw_away,
            ..server()
        })));
        let setting = |name: &str| figures::Row {
            about: Some("off".to_owned()),
            ..figure(name, 0.0, None)
        };
        load(
            &mut app,
            Rows::Server(vec![
                setting("setting fsync"),
                setting("setting full_page_writes"),
            ]),
        );
        assert_eq!(app.screens.overview.rows().len(), expected);
    }
}

#[test]
fn a_gauge_is_coloured_by_the_threshold_that_it_approaches() {
    // 80 % of the connections is a warning.
    for (used, level) in [
        (20.0, None),
        (150.0, Some(Level::Notice)),
        (170.0, Some(Level::Warning)),
        (196.0, Some(Level::Critical)),
    ] {
        let mut app = app();
        load(
            &mut app,
            Rows::Server(vec![figure("connections", used, Some(197.0))]),
        );
        let terminal = drawn(&mut app, 120, 40);
        let buffer = terminal.backend().buffer();
        let y = (0..40)
            .find(|y| {
                (0..11)
                    .map(|x| buffer[(1 + x, *y)].symbol())
                    .collect::<String>()
                    == "Connections"
            })
            .unwrap();
        let bar = (1..30)
            .find(|x| "█▏▎▍▌▋▊▉".contains(buffer[(*x, y)].symbol()))
            .unwrap();
        let theme = app.theme();
        let expected = level.map_or(theme.style("muted"), |level| theme.level(level));
        assert_eq!(Some(buffer[(bar, y)].fg), expected.fg, "{used}");
    }
}

#[test]
fn sorting_orders_the_rows_in_a_group_and_the_groups_by_their_first_rows() {
    let mut app = with_fleet(3);
    press(&mut app, "enter l s");
    let shown = text(&mut app, 120, 40);
    let at = |words: &str| {
        shown
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {shown}"))
    };
    // Sorted by OBJECT: mes.energy comes before mes.telemetry….
    assert!(at("poor compression ratio") < at("▾ 3×"), "{shown}");
    press(&mut app, "s");
    let shown = text(&mut app, 120, 40);
    let at = |words: &str| shown.find(words).unwrap();
    assert!(at("▾ 3×") < at("poor compression ratio"), "{shown}");
    assert!(line(&shown, "└").contains("00001"), "{shown}");
}

#[test]
fn printed_rows_are_every_finding() {
    let app = with_fleet(3);
    assert_eq!(app.screens.overview.in_order().count(), 4);
    let keys: Vec<_> = app.screens.overview.in_order().map(Record::key).collect();
    assert!(
        keys.iter().all(|key| !key.starts_with("group ")),
        "{keys:?}"
    );
}

#[test]
fn a_finding_that_is_part_of_another_is_found_by_its_name_and_says_where_it_went() {
    let mut app = app();
    load(&mut app, Rows::Server(vec![figure("launcher", 0.0, None)]));
    let mut late = job(1002, true);
    late.statistics.as_mut().unwrap().next_start = Some(NOW.plus_seconds(-7200.0));
    load(&mut app, Rows::Jobs(vec![late]));
    // One finding for all jobs: the launcher, which starts them, does not run.
    assert_eq!(app.screens.overview.place(), (1, 1, 1, 1));
    assert!(!text(&mut app, 200, 40).contains("mes.metrics"));
    press(&mut app, "/ m e s . m e t r i c s enter");
    let shown = text(&mut app, 200, 40);
    assert!(
        line(&shown, "Part of another finding").contains("mes.metrics"),
        "{shown}"
    );
    assert!(shown.contains("no TimescaleDB launcher"), "{shown}");
    // Negated filters and regular expressions do not show parts of a finding.
    for filter in ["! l a u n c h e r", "~ ^ x $"] {
        press(&mut app, "esc");
        press(&mut app, &format!("/ {filter} enter"));
        assert_eq!(app.screens.overview.place().2, 0, "{filter}");
    }
    press(&mut app, "esc");
    assert_eq!(app.screens.overview.rows().len(), 1);
}
