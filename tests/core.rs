//! The app without a terminal and a database: it gets keys, and the screens that it draws are checked.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::time::Duration;

use console::{NOW, connected, drawn, help, load_compression, press, row, rows, screen, server};

use hypertop::app::ask;
use hypertop::app::{App, Effect, Link, Msg, theme};
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::Rows;
use ratatui::style::Modifier;

#[test]
fn the_worst_row_comes_first_and_says_why() {
    let mut app = connected();
    insta::assert_snapshot!(screen(&mut app));
}

#[test]
fn the_first_frame_is_drawn_before_there_is_a_connection() {
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    assert!(screen(&mut app).contains("connecting"));
}

#[test]
fn a_screen_fits_eighty_by_twenty_four() {
    let mut app = connected();
    insta::assert_snapshot!(drawn(&mut app, 80, 24).backend());
}

#[test]
fn a_terminal_that_is_too_small_is_told_kindly_and_nothing_breaks() {
    let mut app = connected();
    for (width, height) in [(20, 5), (1, 1), (59, 11), (60, 12), (300, 100)] {
        let shown = drawn(&mut app, width, height).backend().to_string();
        assert_eq!(
            shown.contains("needs"),
            width == 20 || width == 59,
            "{width}x{height}: {shown}"
        );
    }
}

#[test]
fn the_cursor_stays_on_its_row_when_rows_move() {
    let mut app = connected();
    press(&mut app, "j j");
    let before = app.screens.selected_key(ScreenId::Compression);
    assert_eq!(before.as_deref(), Some("mes.quality"));
    let mut moved = rows();
    moved.reverse();
    moved.push(row(4, "added", 3));
    load_compression(&mut app, moved);
    assert_eq!(app.screens.selected_key(ScreenId::Compression), before);
}

#[test]
fn an_answer_to_an_older_question_is_not_taken() {
    let mut app = connected();
    app.screens.abandon();
    app.update(Msg::Loaded {
        asked: 2,
        rows: Rows::Compression(Vec::new()),
        took: Duration::ZERO,
    });
    assert_eq!(app.screens.compression.rows().len(), 3);
}

#[test]
fn a_failure_keeps_the_rows_and_says_how_old_they_are() {
    let mut app = connected();
    app.screens.abandon();
    let asked = app.screens.ask(ScreenId::Compression).unwrap();
    app.now = NOW.plus_seconds(90.0);
    app.update(Msg::Failed {
        screen: ScreenId::Compression,
        asked,
        error: "57014: canceling statement".to_owned(),
    });
    let shown = screen(&mut app);
    assert!(
        shown.contains("the last reading failed (rows are from 1m ago): 57014"),
        "{shown}"
    );
    assert!(shown.contains("mes.metrics"));
}

#[test]
fn a_tick_in_which_nothing_changed_writes_nothing() {
    for key in ["1", "2"] {
        let mut app = connected();
        press(&mut app, key);
        // A reading's age is drawn in steps. Once it is over a minute, the steps are minutes.
        for (from, to) in [(11, 59), (61, 119), (121, 179)] {
            app.now = NOW.plus_seconds(f64::from(from));
            app.update(Msg::Tick(app.now));
            let before = drawn(&mut app, 200, 50).backend().buffer().clone();
            for second in (from..to).step_by(2) {
                let now = NOW.plus_seconds(f64::from(second));
                app.now = now;
                app.update(Msg::Tick(now));
                let after = drawn(&mut app, 200, 50).backend().buffer().clone();
                assert_eq!(before.diff(&after), [], "{key}, second {second}");
            }
        }
    }
}

#[test]
fn a_lost_connection_keeps_the_rows_and_counts_down() {
    let mut app = connected();
    app.now = NOW.plus_seconds(5.0);
    app.update(Msg::Down {
        error: "server closed\nIs it running?".to_owned(),
        retry: Duration::from_secs(4),
    });
    let shown = screen(&mut app);
    assert!(
        shown.contains("NOT CONNECTED")
            && shown.contains("connection lost just now, trying again in 4s; rows are from 5s ago: server closed; Is it"),
        "{shown}"
    );
    assert!(shown.contains("mes.metrics"));
    let effects = app.update(Msg::Up(Box::new(server())));
    assert_eq!(app.link, Link::Up);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::List(ask::List::Load { .. })))
    );
}

#[test]
fn a_filter_follows_what_is_typed_and_escape_takes_it_back() {
    let mut app = connected();
    press(&mut app, "/ e n e r");
    assert_eq!(app.screens.compression.place().1, 1);
    press(&mut app, "esc");
    assert_eq!(app.screens.compression.place().1, 3);
    press(&mut app, "/ ! ~ ^ w a r n enter");
    assert_eq!(app.screens.compression.place().1, 2);
    insta::assert_snapshot!(screen(&mut app));
}

#[test]
fn a_broken_expression_keeps_the_last_filter_and_says_what_is_wrong() {
    let mut app = connected();
    press(&mut app, "/ ~ ( enter");
    let shown = screen(&mut app);
    assert!(shown.contains("not a regular expression"), "{shown}");
    assert_eq!(app.screens.compression.place().1, 3);
}

#[test]
fn any_column_sorts_both_ways() {
    let mut app = connected();
    let first = |app: &App| {
        let row = app.screens.compression.in_order().next();
        row.map(|row| row.name.clone())
    };
    press(&mut app, "l l l l s");
    assert_eq!(
        first(&app).as_deref(),
        Some("energy"),
        "numbers begin with the largest"
    );
    press(&mut app, "s");
    assert_eq!(first(&app).as_deref(), Some("metrics"));
    press(&mut app, "h h h h s");
    assert_eq!(first(&app).as_deref(), Some("energy"));
    press(&mut app, "s");
    assert_eq!(first(&app).as_deref(), Some("quality"));
}

#[test]
fn the_palette_runs_an_action_by_its_letters() {
    let mut app = connected();
    press(&mut app, ":");
    insta::assert_snapshot!(screen(&mut app));
    press(&mut app, "a g g r enter");
    assert_eq!(app.screen, ScreenId::Aggregates);
}

#[test]
fn the_help_is_made_from_the_catalogue() {
    let mut app = connected();
    help(&mut app);
    let shown = drawn(&mut app, 100, 260).backend().to_string();
    for action in hypertop::actions::catalogue::all() {
        assert!(
            shown.contains(&action.help[..action.help.len().min(40)]),
            "{}",
            action.name
        );
    }
    press(&mut app, "esc");
    assert!(app.overlay.is_none());
}

#[test]
fn details_open_on_the_row_ask_for_their_parts_and_close() {
    let mut app = connected();
    let effects = press(&mut app, "enter");
    assert!(matches!(
        effects.as_slice(),
        [Effect::Figures(ask::Figures::Detail { index: 0, .. })]
    ));
    let shown = screen(&mut app);
    assert!(
        shown.contains("mes.metrics") && shown.contains("segment by"),
        "{shown}"
    );
    app.update(Msg::Detail {
        asked: 1,
        index: 0,
        sections: Err("55P03: lock timeout".to_owned()),
    });
    press(&mut app, "G");
    assert!(screen(&mut app).contains("cannot be read: 55P03"));
    press(&mut app, "esc");
    assert!(app.details.is_none());
}

#[test]
fn copying_takes_the_cell_or_the_row() {
    let mut app = connected();
    let copied = |effects: Vec<Effect>| match effects.into_iter().next() {
        Some(Effect::Copy(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(copied(press(&mut app, "y")), "mes.metrics");
    assert!(copied(press(&mut app, "Y")).starts_with("mes.metrics\thypertable\ttrue\t100\t88"));
}

#[test]
fn a_message_ends_with_a_switch_of_screens_unless_it_is_a_result() {
    let mut app = connected();
    app.say("no row of this screen is folded", false);
    assert!(screen(&mut app).contains("is folded"));
    press(&mut app, "5");
    assert!(!screen(&mut app).contains("is folded"));
    app.say_everywhere("Done in 2s: Pause job 7", false);
    press(&mut app, "2");
    assert!(screen(&mut app).contains("Done in 2s: Pause job 7"));
}

#[test]
fn a_tick_asks_whether_anything_changed_and_reads_only_then() {
    let mut app = connected();
    let counters = vec![Some(1), None];
    let pulse = |app: &mut App, asked, counters: &Vec<Option<i64>>, seconds: f64| {
        let clock = NOW.plus_seconds(seconds);
        app.now = clock;
        app.update(Msg::Pulse {
            screen: ScreenId::Compression,
            asked,
            clock,
            counters: counters.clone(),
        })
    };
    let loads = |effects: &[Effect]| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::List(ask::List::Load { .. })))
    };
    assert!(
        loads(&pulse(&mut app, 1, &counters, 1.0)),
        "what the counters were before the first rows is not known"
    );
    app.update(Msg::Loaded {
        asked: 3,
        rows: Rows::Compression(rows()),
        took: Duration::from_millis(3),
    });
    let effects = app.update(Msg::Tick(NOW.plus_seconds(3.0)));
    assert!(matches!(
        effects.first(),
        Some(Effect::List(ask::List::Pulse { asked: 2, .. }))
    ));
    assert!(
        !loads(&pulse(&mut app, 2, &counters, 3.0)),
        "nothing changed"
    );
    app.update(Msg::Tick(NOW.plus_seconds(5.0)));
    assert!(
        loads(&pulse(&mut app, 3, &vec![Some(2), None], 5.0)),
        "a catalogue changed"
    );
}

#[test]
fn leaving_a_screen_stops_the_exact_figures_that_are_being_read_for_it() {
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    app.screen = ScreenId::Compression;
    app.update(Msg::Up(Box::new(server())));
    let effects = app.update(Msg::Loaded {
        asked: 2,
        rows: Rows::Compression(rows()),
        took: Duration::from_millis(3),
    });
    // The rows are loaded, but the size of the backlog is still being read.
    let reads = |effect: &Effect| matches!(effect, Effect::Figures(ask::Figures::Exact { .. }));
    assert!(effects.iter().any(reads), "{effects:?}");
    let effects = press(&mut app, "4");
    let stops = |effect: &Effect| {
        matches!(
            effect,
            Effect::Figures(ask::Figures::Cancel {
                screen: ScreenId::Compression
            })
        )
    };
    assert!(effects.iter().any(stops), "{effects:?}");
}

/// The number of the round in which the backlog's size is requested. `None`: it is not requested.
fn bytes_asked(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Figures(ask::Figures::Exact { nth: 1, round, .. }) => Some(*round),
        _ => None,
    })
}

/// The exact figures of a row, or the error.
type Answer = Result<Vec<Option<i64>>, String>;

fn exact(nth: usize, round: u64, figures: Vec<(i64, Answer)>) -> Msg {
    Msg::Exact {
        screen: ScreenId::Compression,
        nth,
        round,
        figures,
        last: true,
    }
}

/// Answers the requests after the backlog's size with zeros.
fn answer_others(app: &mut App, effects: &[Effect]) {
    for effect in effects {
        if let Effect::Figures(ask::Figures::Exact {
            nth: nth @ 2..,
            round,
            ids,
            ..
        }) = effect
        {
            let zeros = [Some(0), Some(0), None, None];
            let zeros = if *nth == 2 { &zeros[..] } else { &zeros[..1] };
            let figures = ids.iter().map(|(id, _)| (*id, Ok(zeros.to_vec())));
            let more = app.update(exact(*nth, *round, figures.collect()));
            answer_others(app, &more);
        }
    }
}

#[test]
fn figures_that_cannot_be_had_again_stand_for_a_while_with_their_age_and_are_not_asked_for_without_pause()
 {
    let mut app = connected();
    app.update(Msg::Tick(NOW));
    let answer = |app: &mut App, round, figures| {
        // The server answers, so its clock continues.
        app.update(Msg::Pulse {
            screen: ScreenId::Compression,
            asked: 0,
            clock: NOW,
            counters: Vec::new(),
        });
        let effects = app.update(exact(1, round, vec![(2, figures)]));
        answer_others(app, &effects);
        effects
    };
    let first = (1..=9).find(|round| app.screens.compression.is_round(*round));
    answer(&mut app, first.unwrap(), Ok(vec![Some(23 << 20)]));
    assert!(screen(&mut app).contains("23.0 MB"), "{}", screen(&mut app));
    let again = bytes_asked(&app.update(Msg::Tick(NOW.plus_seconds(40.0)))).unwrap();
    let locked = || Err("55P03: canceling statement due to lock timeout".to_owned());
    let effects = answer(&mut app, again, locked());
    assert_eq!(
        bytes_asked(&effects),
        None,
        "asked again at once: {effects:?}"
    );
    let effects = app.update(Msg::Tick(NOW.plus_seconds(44.0)));
    assert_eq!(bytes_asked(&effects), None, "{effects:?}");
    let shown = drawn(&mut app, 140, 14).backend().to_string();
    let words = "exact figures of 1 row were read 44s ago, and cannot be read now: 55P03";
    assert!(
        shown.contains(words) && shown.contains("23.0 MB"),
        "{shown}"
    );
    // The figures are too old to be shown.
    let last = bytes_asked(&app.update(Msg::Tick(NOW.plus_seconds(400.0)))).unwrap();
    answer(&mut app, last, locked());
    let shown = drawn(&mut app, 140, 14).backend().to_string();
    let words = "exact figures of 1 row cannot be read: 55P03";
    assert!(
        shown.contains(words) && !shown.contains("23.0 MB"),
        "{shown}"
    );
}

#[test]
fn pausing_stops_the_questions_and_is_shown() {
    let mut app = connected();
    press(&mut app, "space");
    assert!(app.update(Msg::Tick(NOW.plus_seconds(2.0))).is_empty());
    assert!(screen(&mut app).contains("PAUSED"));
}

#[test]
fn hostile_names_cannot_move_the_cursor_of_the_terminal() {
    let mut app = connected();
    let acting = row(9, "x\u{1b}[2J\u{7}\n\t\"'; drop table y --", 0);
    let unseen = row(10, "\u{202e}x\u{9b}", 0);
    load_compression(&mut app, vec![acting, unseen]);
    let shown = screen(&mut app);
    assert!(
        !shown.contains('\u{1b}') && shown.contains("␛[2J␇␊␉"),
        "{shown}"
    );
    assert!(shown.contains("\\u202ex\\u009b"), "{shown}");
}

#[test]
fn every_theme_tells_levels_apart_without_colour() {
    let mut app = connected();
    for theme in 0..app.themes.len() {
        app.theme = theme;
        let terminal = drawn(&mut app, 100, 14);
        let sign = terminal.backend().buffer()[(0, 3)].symbol();
        assert_eq!(
            sign, "!",
            "the warning's sign in {}",
            app.themes[theme].name
        );
    }
}

#[test]
fn mono_draws_without_any_colour() {
    let mut app = connected();
    app.theme = app
        .themes
        .iter()
        .position(|theme| theme.name == "mono")
        .unwrap();
    let terminal = drawn(&mut app, 100, 14);
    for cell in terminal.backend().buffer().content() {
        assert_eq!(
            (cell.fg, cell.bg),
            (ratatui::style::Color::Reset, ratatui::style::Color::Reset)
        );
    }
    let selected = &terminal.backend().buffer()[(30, 3)];
    assert!(
        selected.modifier.contains(Modifier::REVERSED),
        "the selected row is seen"
    );
}

#[test]
fn a_backlog_that_shrinks_under_the_eyes_of_the_console_says_since_when_and_until_when() {
    let mut app = connected();
    app.update(Msg::Tick(NOW.plus_seconds(120.0)));
    let mut rows = rows();
    rows[1].backlog = Some(8);
    load_compression(&mut app, rows);
    let shown = screen(&mut app);
    for words in [
        "4 fewer than",
        "2m ago (seen by this console): done in about 4m at this rate",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}
