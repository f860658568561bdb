//! Tabs, filter, palette and help at common widths: nothing is cut off if there is room.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use console::{connected, drawn, help, load, load_compression, press, row};

use std::time::Duration;

use hypertop::actions::action::Here;
use hypertop::app::{App, Msg};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::text;
use hypertop::screens::compression;
use hypertop::screens::later::Later;
use hypertop::screens::{Rows, server as figures};

/// The line of tabs at this width.
fn tabs(app: &mut App, width: u16) -> String {
    let shown = drawn(app, width, 24).backend().to_string();
    let line = shown.lines().nth(1).unwrap();
    line.trim_matches('"').to_owned()
}

#[test]
fn tabs_are_whole_where_all_fit_whichever_is_open() {
    let mut app = connected();
    // Names, keys, spaces, and four cells for each badge. The Journal has no badge.
    let whole: usize = ScreenId::ALL.iter().map(|id| id.title().len() + 8).sum();
    let whole = whole - 5;
    for width in [whole - 1, whole, 200] {
        for id in ScreenId::ALL {
            app.screen = *id;
            let line = tabs(&mut app, u16::try_from(width).unwrap());
            for id in ScreenId::ALL {
                assert!(line.contains(id.title()), "{width}, {id:?}: {line}");
            }
            assert!(line.contains("2 Compression !1"), "{line}");
        }
    }
}

/// The text of a tab's badge, or the mark of a screen that was not read yet.
fn text_of(app: &App, id: ScreenId) -> String {
    let unread = if [ScreenId::Compression, ScreenId::Journal, ScreenId::Policies].contains(&id) {
        ""
    } else {
        "·"
    };
    app.badge(id)
        .map_or_else(|| unread.to_owned(), |badge| badge.text())
}

#[test]
fn at_eighty_columns_the_open_tab_is_whole_and_the_others_are_their_keys_and_badges() {
    let mut app = connected();
    for id in ScreenId::ALL {
        app.screen = *id;
        let line = tabs(&mut app, 80);
        let shown: Vec<String> = ScreenId::ALL
            .iter()
            .map(|other| {
                let key = app.keys.key_of(Here::Screen(*other)).unwrap();
                let badge = text_of(&app, *other);
                match (id == other, badge.is_empty()) {
                    (true, true) => format!("{key} {}", other.title()),
                    (true, false) => format!("{key} {} {badge}", other.title()),
                    (false, _) => format!("{key}{badge}"),
                }
            })
            .collect();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words.join(" "), shown.join(" "));
    }
    // The Policies screen has no file to read, and the Journal never has a badge.
    let line = tabs(&mut app, 80);
    assert!(line.starts_with("1·    2!1   3·    4·"), "{line}");
    assert!(line.contains("0 =·    F"), "{line}");
}

#[test]
fn between_eighty_columns_and_all_names_the_first_ones_are_whole_and_none_is_cut() {
    let mut app = connected();
    for width in [100, 110, 118, 120, 130, 150] {
        let mut first = None;
        for id in ScreenId::ALL {
            app.screen = *id;
            let line = tabs(&mut app, width);
            let words: Vec<&str> = line
                .split_whitespace()
                .filter(|word| word.len() > 3 && word.starts_with(char::is_alphabetic))
                .collect();
            let title = |word: &&str| ScreenId::ALL.iter().any(|id| id.title() == *word);
            assert!(words.iter().all(title), "{width}: {line}");
            assert!(words.contains(&id.title()), "{width}: {line}");
            let named = words.len() - usize::from(words.last() == Some(&id.title()));
            if *id == ScreenId::Policies {
                // There is no room for another name if a longer one is open. The last badge has four cells.
                let longer = "Compression".len() - id.title().len();
                let next = ScreenId::ALL[named].title().len() + 2;
                let used = text::width(line.trim_end()) + 4 + longer;
                assert!(used + next > width.into(), "{width}: {line}");
            }
            if (*id, width) == (ScreenId::Overview, 120) {
                assert!(line.contains("6 Aggregates"), "there is room: {line}");
            }
            let least: usize = *first.get_or_insert(named);
            assert!(named.abs_diff(least) <= 1, "{width}: the tabs jump: {line}");
        }
    }
}

#[test]
fn no_tab_moves_when_a_badge_comes_goes_or_changes() {
    for width in [80, 100, 120, 160, 200] {
        let mut app = connected();
        app.screen = ScreenId::Compression;
        let places = |rows: Vec<compression::Row>, app: &mut App| {
            load_compression(app, rows);
            let line = tabs(app, width);
            let retention: usize = line.chars().position(|c| c == '3').unwrap();
            let last = line.chars().position(|c| c == 'F').unwrap();
            (retention, last, line)
        };
        let wait = |many: i32| (0..many).map(|id| row(id, &format!("table_{id}"), 12));
        let (retention, last, none) = places(vec![row(1, "energy", 0)], &mut app);
        assert!(!none.contains('!'), "{none}");
        for many in [1, 12, 120, 1200] {
            let (now, end, line) = places(wait(many).collect(), &mut app);
            assert_eq!((now, end), (retention, last), "{many}:\n{none}\n{line}");
            let count = match (many, width) {
                (120 | 1200, 100..=160) => " !9+ ".to_owned(),
                (1200, _) => " !99+ ".to_owned(),
                _ => format!(" !{many} "),
            };
            assert!(line.contains(&count), "{width}, {many}: {line}");
        }
    }
}

#[test]
fn a_screen_that_was_not_read_yet_is_told_apart_from_one_without_findings() {
    let mut app = connected();
    assert!(tabs(&mut app, 80).contains("5·"));
    load(&mut app, Rows::Jobs(vec![console::job(1000, true)]));
    let line = tabs(&mut app, 80);
    assert!(line.contains("5     6·"), "{line}");
    app.ascii = true;
    assert!(tabs(&mut app, 80).contains("5     6."));
}

#[test]
fn a_click_on_a_tab_opens_its_screen_also_over_details_but_not_under_an_overlay() {
    for width in [80, 120, 200] {
        let mut app = connected();
        for id in [ScreenId::Server, ScreenId::Jobs, ScreenId::Journal] {
            let line = tabs(&mut app, width);
            let key = app.keys.key_of(Here::Screen(id)).unwrap();
            let x = line
                .split_whitespace()
                .find(|word| word.starts_with(key))
                .map(|word| line.find(word).unwrap())
                .map(|at| line[..at].chars().count())
                .unwrap();
            app.update(Msg::Click {
                line: 1,
                cell: u16::try_from(x).unwrap(),
            });
            assert_eq!(app.screen, id, "{width}: {line}");
        }
        press(&mut app, "2");
        press(&mut app, "enter");
        assert!(app.details.is_some());
        tabs(&mut app, width);
        let click = Msg::Click { line: 1, cell: 1 };
        app.update(click);
        assert_eq!(app.screen, ScreenId::Overview);
        assert!(app.details.is_none());
        press(&mut app, "2");
        help(&mut app);
        tabs(&mut app, width);
        app.update(Msg::Click { line: 1, cell: 1 });
        assert_eq!(app.screen, ScreenId::Compression, "the help lies over it");
    }
}

#[test]
fn a_badge_is_of_what_was_read_and_not_acknowledged_and_says_when_it_is_old() {
    let mut app = connected();
    assert_eq!(app.badge(ScreenId::Jobs), None, "not read yet");
    assert_eq!(text_of(&app, ScreenId::Compression), "!1");
    app.screen = ScreenId::Jobs;
    assert!(tabs(&mut app, 80).contains("2!1 "), "on every screen");
    let terminal = drawn(&mut app, 80, 24);
    let at = terminal.backend().buffer();
    let sign = (0..80).find(|x| at[(*x, 1)].symbol() == "!").unwrap();
    let warns = app.theme().style("level.warning").fg;
    assert_eq!(at[(sign, 1)].style().fg, warns);
    // The server answers, so its clock continues.
    app.now = console::NOW.plus_seconds(900.0);
    app.update(Msg::Pulse {
        screen: ScreenId::Compression,
        asked: 0,
        clock: app.now,
        counters: Vec::new(),
    });
    assert_eq!(text_of(&app, ScreenId::Compression), "~!1");
}

#[test]
fn a_badge_grows_old_also_while_the_server_does_not_answer() {
    let mut app = connected();
    load(&mut app, Rows::Jobs(vec![console::job(1000, true)]));
    let line = tabs(&mut app, 80);
    assert!(line.contains("2 Compression !1"), "{line}");
    assert!(line.contains("5     6·"), "no finding: {line}");
    app.now = console::NOW.plus_seconds(900.0);
    let line = tabs(&mut app, 80);
    assert!(line.contains("2 Compression ~!1"), "{line}");
    assert!(
        line.contains("5~    6·"),
        "healthy long ago is not healthy: {line}"
    );
}

#[test]
fn names_of_some_length_are_whole_at_120_columns_and_the_drawings_stay() {
    let mut app = connected();
    load_compression(&mut app, vec![row(1, "energy_consumption_kwh", 12)]);
    let shown = drawn(&mut app, 120, 24).backend().to_string();
    assert!(shown.contains("energy_consumption_kwh"), "{shown}");
    assert!(shown.contains("COMPRESSED"), "{shown}");
}

#[test]
fn a_filter_stands_beside_the_tabs_and_every_key_is_still_there() {
    let mut app = connected();
    press(&mut app, "/ u n u s e d : y e s enter");
    for width in [60, 80, 100, 120, 160] {
        let line = tabs(&mut app, width);
        let (tabs, filter) = line.split_once(" /").unwrap();
        assert_eq!(
            filter.trim_end(),
            if width == 60 {
                "unused…"
            } else {
                "unused:yes"
            },
            "{line}"
        );
        for id in ScreenId::ALL {
            let here = Here::Screen(*id);
            let key = app.keys.key_of(here).unwrap();
            let keys = tabs.split_whitespace().map(|word| word.chars().next());
            let mut keys = keys.filter_map(|key| Some(key?.to_string()));
            assert!(keys.any(|shown| shown == key), "{width}: {line}");
        }
    }
    insta::assert_snapshot!(drawn(&mut app, 80, 24).backend());
}

#[test]
fn the_palette_shows_whole_keys() {
    let mut app = connected();
    press(&mut app, ": p r e v i o u s");
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(shown.contains("shift-tab │"), "{shown}");
}

#[test]
fn the_help_says_everything_at_any_width() {
    let mut app = connected();
    for width in [60, 80, 100] {
        help(&mut app);
        let shown = drawn(&mut app, width, 400).backend().to_string();
        let inner = shown
            .lines()
            .filter_map(|line| Some(line.split_once('│')?.1.rsplit_once('│')?.0.trim()));
        let words: Vec<_> = inner.flat_map(str::split_whitespace).collect();
        let words = words.join(" ");
        for action in hypertop::actions::catalogue::all() {
            let how = if action.keys.is_empty() {
                format!(":{}", action.name)
            } else {
                action.keys.join(" ")
            };
            let line = format!("{how} {}", action.help);
            // A key that belongs to another action on this screen is not shown.
            let named = format!(":{} {}", action.name, action.help);
            assert!(
                words.contains(&line) || words.contains(&named),
                "{width}: {line}\n{shown}"
            );
        }
        press(&mut app, "esc");
    }
    // With several columns, each line has at least the first words of its action.
    for width in [120, 200] {
        help(&mut app);
        let shown = drawn(&mut app, width, 300).backend().to_string();
        for action in hypertop::actions::catalogue::all() {
            let first: Vec<_> = action.help.split(' ').take(2).collect();
            let first = first.join(" ");
            let key = action.keys.first().map_or(action.name, |key| *key);
            let named = |line: &str| line.contains(key) || line.contains(action.name);
            let is_its = |line: &str| line.contains(&first) && named(line);
            assert!(shown.lines().any(is_its), "{width}: {first}\n{shown}");
        }
        press(&mut app, "esc");
    }
    help(&mut app);
    insta::assert_snapshot!(drawn(&mut app, 80, 24).backend());
    press(&mut app, "end");
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(shown.contains("Act: journal"), "{shown}");
}

#[test]
fn a_settings_value_is_its_figure_and_facts_that_do_not_exist_are_left_out() {
    let mut app = connected();
    let figure = |name: &str, about: &str| figures::Row {
        name: name.to_owned(),
        value: None,
        bound: None,
        about: Some(about.to_owned()),
        since: None,
        pid: None,
        holder: None,
        size: Later::NotRead,
        counted: hypertop::screens::server::Counted::default(),
    };
    app.screen = ScreenId::Server;
    let settings = vec![
        figure("setting fsync", "off"),
        figure("setting autovacuum", "off, by ALTER DATABASE"),
    ];
    load(&mut app, Rows::Server(settings));
    let line = |shown: &str, words: &str| {
        let line = shown.lines().find(|line| line.contains(words)).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        words.join(" ")
    };
    let shown = drawn(&mut app, 120, 24).backend().to_string();
    assert!(
        line(&shown, "! setting fsync").contains("setting fsync off - -"),
        "{shown}"
    );
    assert!(
        line(&shown, "! setting autovacuum").contains("off - by ALTER DATABASE"),
        "{shown}"
    );
    press(&mut app, "/ f s y n c enter enter");
    insta::assert_snapshot!(drawn(&mut app, 80, 24).backend());
}

#[test]
fn a_connection_in_clear_over_a_network_is_marked_at_any_width() {
    // The host's name does not matter, only the actual address.
    for (host, marked) in [
        ("db1:5432", true),
        ("db1:5432", false),
        ("[fe80::1%eth0]:5432", true),
        ("localhost:5432", true),
        ("127.evil.test:5432", true),
        ("[local]:5432", false),
    ] {
        let mut app = console::connected();
        let server = hypertop::server::known::Server {
            host: host.to_owned(),
            tls: None,
            by_network: marked,
            ..console::server()
        };
        app.update(hypertop::app::Msg::Up(Box::new(server)));
        for width in [80, 120, 200] {
            let drawn = console::drawn(&mut app, width, 24);
            let buffer = drawn.backend().buffer();
            let line: String = (0..width).map(|x| buffer[(x, 0)].symbol()).collect();
            let warns = app.theme().style("level.warning").fg;
            let at = line.find("no TLS").and_then(|at| {
                let at = line[..at].chars().count();
                u16::try_from(at).ok()
            });
            let shown = at.is_some_and(|x| buffer[(x, 0)].style().fg == warns);
            assert_eq!(shown, marked, "{host} at {width}: {line}");
        }
    }
}

#[test]
fn the_header_says_how_often_this_screen_is_read() {
    let mut app = connected();
    let head = |app: &mut App, width| {
        let shown = drawn(app, width, 24).backend().to_string();
        shown.lines().next().unwrap().trim_matches('"').to_owned()
    };
    for width in [80, 120] {
        app.screen = ScreenId::Compression;
        assert!(head(&mut app, width).ends_with(" reads every 5m "));
        app.screen = ScreenId::Activity;
        assert!(head(&mut app, width).ends_with(" reads every 2s "));
        app.screen = ScreenId::Overview;
        assert!(head(&mut app, width).ends_with(" reads every 2s to 5m "));
    }
    // The marks for read-only and protected connections leave a space before the host at every width.
    app.rules.read_only = Some("--read-only".to_owned());
    for width in 80..=200 {
        let shown = head(&mut app, width);
        assert!(shown.contains("READ ONLY"), "{width}: {shown}");
        assert!(
            shown.ends_with(" reads every 2s to 5m "),
            "{width}: {shown}"
        );
    }
    app.rules.read_only = None;
    // With a longer refresh interval of the console, each screen is read less often.
    app.interval = Duration::from_secs(60);
    app.screen = ScreenId::Activity;
    assert!(head(&mut app, 80).ends_with(" reads every 1m "));
}

#[test]
fn columns_that_do_not_fit_are_counted_in_a_heading() {
    let mut app = connected();
    let heads = |app: &mut App, width| {
        let shown = drawn(app, width, 24).backend().to_string();
        let line = shown.lines().find(|line| line.contains(" HYPERTABLE"));
        line.unwrap().to_owned()
    };
    let more = |line: &str| line.contains(" more");
    assert!(
        heads(&mut app, 80).contains(" more ›"),
        "{}",
        heads(&mut app, 80)
    );
    let wide = heads(&mut app, 400);
    assert!(!more(&wide), "all fit: {wide}");
    press(&mut app, "w");
    let first = heads(&mut app, 80);
    assert!(first.contains(" more ›") && !first.contains('‹'), "{first}");
    press(&mut app, &"l ".repeat(40));
    let last = heads(&mut app, 80);
    assert!(last.contains("‹ ") && !last.contains('›'), "{last}");
    app.ascii = true;
    assert!(heads(&mut app, 80).contains("< "));
}

#[test]
fn a_number_is_never_cut_and_a_name_keeps_its_end() {
    let mut app = connected();
    let mut rows = console::rows();
    rows[1].name = "telemetry_of_production_line_with_a_long_name_0000012".to_owned();
    rows[1].chunks = 123_456_789_012;
    rows[1].before_bytes = Some(1 << 60);
    load_compression(&mut app, rows);
    for width in [60, 80, 100, 120, 200] {
        let shown = drawn(&mut app, width, 24).backend().to_string();
        let row = shown
            .lines()
            .find(|line| line.contains("_0000012"))
            .unwrap();
        let cells: Vec<_> = row.split_whitespace().skip(2).collect();
        for cell in cells.iter().filter(|cell| cell.ends_with('…')) {
            assert!(!cell.starts_with(|c: char| c.is_ascii_digit()), "{row}");
        }
        assert!(
            row.contains("123 456 789 012") || !row.contains("123 "),
            "{row}"
        );
    }
}

#[test]
fn a_figure_of_the_server_without_a_problem_says_so_once() {
    let mut app = connected();
    app.screen = ScreenId::Server;
    let figures = vec![
        console::figure("connections", 5.0, Some(197.0)),
        console::figure("oldest-transaction", 1.0, None),
    ];
    load(&mut app, Rows::Server(figures));
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(shown.contains("   ok within its limit "), "{shown}");
    press(&mut app, "j");
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(shown.contains("   ok no problem found "), "{shown}");
}

#[test]
fn a_message_that_does_not_fit_is_cut_between_words_and_marked() {
    let mut app = connected();
    app.say(
        "a message that is longer than a line of a terminal with eighty 123 456 789 012 345 cells",
        false,
    );
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    let last = shown.lines().last().unwrap();
    assert!(
        last.contains(" a message ") && last.contains("with eighty … "),
        "{last}"
    );
}
