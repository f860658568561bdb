//! Columns of a list: selecting, sorting by keys and clicks, showing and hiding.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::time::Duration;

use console::{NOW, connected, drawn, help, load_compression, press, row, server};
use hypertop::app::overlay::Overlay;
use hypertop::app::{App, Effect, Msg};
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::compression;

/// Forty hypertables whose backlog grows with the number in their name.
fn fleet() -> Vec<compression::Row> {
    let name = |id: i32| format!("line_{id:02}");
    (1..=40)
        .map(|id| row(id, &name(id), i64::from(id)))
        .collect()
}

fn with_fleet() -> App {
    let mut app = connected();
    load_compression(&mut app, fleet());
    app
}

/// The line of column titles, and its position.
fn heads(app: &mut App, width: u16) -> (u16, String) {
    let terminal = drawn(app, width, 24);
    let buffer = terminal.backend().buffer();
    let line = |y: u16| -> String { (0..width).map(|x| buffer[(x, y)].symbol()).collect() };
    let y = (0..24).find(|y| line(*y).contains("HYPERTABLE")).unwrap();
    (y, line(y))
}

/// The visible column titles, without the sort mark.
fn titles(app: &mut App, width: u16) -> Vec<String> {
    let (_, line) = heads(app, width);
    // The mark replaces the last letter if the title fills its column.
    let line = ["CHUNKS", "UNCOMPR", "OLDER THAN", "BACKLOG", "POLICY"]
        .into_iter()
        .fold(line, |line, title| {
            let cut = &title[..title.len() - 1];
            let marked = ['▼', '▲'].map(|mark| format!(" {cut}{mark}"));
            let whole = format!(" {title} ");
            line.replace(&marked[0], &whole).replace(&marked[1], &whole)
        });
    let line = line.replace(['▼', '▲'], " ");
    let two = ["SEGMENT BY", "ORDER BY", "OLDER THAN"];
    let joined = two.iter().fold(line, |line, title| {
        line.replace(title, &title.replace(' ', "_"))
    });
    // Without the number of columns out of view: `‹ 3 more 4 ›`.
    let is_title = |word: &&str| !["‹", "more", "›"].contains(word) && word.parse::<i32>().is_err();
    let words = joined.split_whitespace().filter(is_title);
    words.map(str::to_owned).collect()
}

/// The title that is drawn as selected.
fn selected(app: &mut App, width: u16) -> String {
    let style = app.theme().style("column.selected");
    let (y, _) = heads(app, width);
    let terminal = drawn(app, width, 24);
    let buffer = terminal.backend().buffer();
    let is = |x: &u16| {
        let own = buffer[(*x, y)].style();
        own.fg == style.fg.or(own.fg)
            && own.bg == style.bg.or(own.bg)
            && own.add_modifier.contains(style.add_modifier)
    };
    let cells = (0..width).filter(is);
    cells
        .map(|x| buffer[(x, y)].symbol().to_owned())
        .collect::<String>()
        .trim()
        .to_owned()
}

fn first(app: &App) -> String {
    let row = app.screens.compression.in_order().next();
    row.map(|row| row.name.clone()).unwrap()
}

fn at_cursor(app: &App) -> String {
    app.screens.compression.selected().unwrap().name.clone()
}

/// The title with the sort mark.
fn sorted(app: &mut App, width: u16) -> String {
    let (_, line) = heads(app, width);
    if line.starts_with(['▼', '▲']) {
        return "verdict".to_owned();
    }
    let at = line.find(['▼', '▲']);
    let at = at.unwrap_or_else(|| panic!("no order is seen: {line}"));
    let word = line[..at].split_whitespace().last().unwrap();
    // The mark replaces the last letter if the title fills its column.
    let of = |whole: &&str| whole.starts_with(word) && whole.len() <= word.len() + 1;
    let known = ["CHUNKS", "UNCOMPR", "THAN", "BACKLOG", "POLICY"];
    known.into_iter().find(of).unwrap_or(word).to_owned()
}

#[test]
fn h_and_l_walk_the_columns_on_the_screen_and_no_other() {
    for width in [80, 120, 200] {
        let mut app = with_fleet();
        let all = titles(&mut app, width);
        let mut walked = vec![selected(&mut app, width)];
        for _ in 0..30 {
            press(&mut app, "l");
            assert_eq!(titles(&mut app, width), all, "{width}: the columns stay");
            let now = selected(&mut app, width);
            if walked.last() != Some(&now) {
                walked.push(now);
            }
        }
        let walked: Vec<_> = walked.iter().map(|title| title.replace(' ', "_")).collect();
        assert_eq!(walked, all, "{width}");
        // Back to the verdict's column, whose title is the sort mark.
        for _ in 0..30 {
            press(&mut app, "h");
        }
        assert_eq!(selected(&mut app, width), "▼", "{width}");
    }
}

#[test]
fn a_wide_table_scrolls_to_every_column() {
    let mut app = with_fleet();
    press(&mut app, "w");
    heads(&mut app, 80);
    for _ in 0..30 {
        press(&mut app, "l");
        heads(&mut app, 80);
    }
    assert_eq!(selected(&mut app, 80), "BYTES", "the last one");
    press(&mut app, "w");
    let all = titles(&mut app, 80);
    let now = selected(&mut app, 80);
    assert!(all.contains(&now), "{now}: {all:?}");
}

#[test]
fn after_a_sort_the_cursor_is_on_the_top_row() {
    for keys in ["s", "l s", "S", "j v", ">", "<"] {
        let mut app = with_fleet();
        heads(&mut app, 120);
        press(&mut app, "G");
        heads(&mut app, 120);
        press(&mut app, keys);
        assert_eq!(at_cursor(&app), first(&app), "{keys}");
        let shown = drawn(&mut app, 120, 24).backend().to_string();
        assert!(shown.contains("1/40"), "{keys}: {shown}");
        assert!(shown.contains(&first(&app)), "{keys}: it is seen: {shown}");
    }
}

#[test]
fn the_order_moves_over_the_columns_on_the_screen_and_begins_with_the_largest() {
    let mut app = with_fleet();
    let all = titles(&mut app, 80);
    let mut walked = Vec::new();
    assert_eq!(sorted(&mut app, 80), "verdict");
    for _ in &all {
        press(&mut app, ">");
        walked.push(sorted(&mut app, 80));
        assert_eq!(titles(&mut app, 80), all, "the columns stay");
    }
    let last_words: Vec<_> = all
        .iter()
        .map(|title| title.rsplit('_').next().unwrap().to_owned())
        .collect();
    assert_eq!(walked, last_words);
    press(&mut app, ">");
    assert_eq!(sorted(&mut app, 80), "verdict", "round");
    press(&mut app, "<");
    assert_eq!(sorted(&mut app, 80), *last_words.last().unwrap());
    // BACKLOG sorts the largest first, HYPERTABLE by name.
    while sorted(&mut app, 80) != "BACKLOG" {
        press(&mut app, "<");
    }
    assert_eq!(first(&app), "line_40");
    while sorted(&mut app, 80) != "HYPERTABLE" {
        press(&mut app, "<");
    }
    assert_eq!(first(&app), "line_01");
}

#[test]
fn any_column_sorts_by_the_first_letters_of_its_heading_also_one_without_room() {
    let mut app = with_fleet();
    assert!(!titles(&mut app, 80).contains(&"UNCOMPR".to_owned()));
    press(&mut app, "G O u enter");
    assert_eq!(sorted(&mut app, 80), "UNCOMPR");
    assert_eq!(
        (first(&app), at_cursor(&app)),
        ("line_40".into(), "line_40".into())
    );
    press(&mut app, "O u enter");
    assert_eq!(first(&app), "line_01", "the other way round");
    // A title that starts with the text comes before one that only contains it.
    press(&mut app, "O o");
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(shown.contains("Enter sorts by ON"), "{shown}");
    press(&mut app, "x y");
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(shown.contains("no column has this name"), "{shown}");
    press(&mut app, "enter");
    assert!(app.overlay.is_some());
    press(&mut app, "esc");
    assert_eq!(sorted(&mut app, 80), "UNCOMPR");
}

#[test]
fn a_click_on_a_heading_sorts_by_it_and_a_second_one_turns_the_order() {
    let mut app = with_fleet();
    let (y, line) = heads(&mut app, 100);
    let cell = |words: &str| {
        let at = line.find(words).unwrap();
        u16::try_from(line[..at].chars().count()).unwrap()
    };
    let click = |app: &mut App, line: u16, cell: u16| {
        app.update(Msg::Click { line, cell });
        heads(app, 100);
    };
    press(&mut app, "G");
    click(&mut app, y, cell("BACKLOG") + 2);
    assert_eq!(sorted(&mut app, 100), "BACKLOG");
    assert_eq!(
        (first(&app), at_cursor(&app)),
        ("line_40".into(), "line_40".into())
    );
    click(&mut app, y, cell("BACKLOG") + 2);
    assert_eq!(first(&app), "line_01", "the other way round");
    click(&mut app, y, 0);
    assert_eq!(sorted(&mut app, 100), "verdict");
    let before = first(&app);
    click(&mut app, y + 3, cell("BACKLOG"));
    assert_eq!(sorted(&mut app, 100), "verdict", "a row is no heading");
    assert_ne!(at_cursor(&app), before, "it is selected");
    help(&mut app);
    click(&mut app, y, cell("BACKLOG"));
    press(&mut app, "esc");
    assert_eq!(sorted(&mut app, 100), "verdict", "the help lies over it");
}

#[test]
fn each_screen_keeps_its_order_also_over_a_lost_connection() {
    let mut app = with_fleet();
    while sorted(&mut app, 120) != "BACKLOG" {
        press(&mut app, ">");
    }
    press(&mut app, "S 4 2");
    assert_eq!(sorted(&mut app, 120), "BACKLOG");
    assert_eq!(first(&app), "line_01");
    app.update(Msg::Down {
        error: "server closed".to_owned(),
        retry: Duration::from_secs(4),
    });
    app.update(Msg::Up(Box::new(server())));
    load_compression(&mut app, fleet());
    assert_eq!(sorted(&mut app, 120), "BACKLOG");
    assert_eq!(first(&app), "line_01");
}

#[test]
fn the_column_that_sorts_is_seen_at_any_width() {
    let mut app = with_fleet();
    while sorted(&mut app, 200) != "BEFORE" {
        press(&mut app, ">");
    }
    assert!(!titles(&mut connected(), 80).contains(&"BEFORE".to_owned()));
    for width in [80, 60, 200] {
        assert_eq!(sorted(&mut app, width), "BEFORE", "{width}");
    }
}

#[test]
fn a_column_is_hidden_and_shown_again_and_the_first_one_stays() {
    let mut app = with_fleet();
    let all = titles(&mut app, 120);
    press(&mut app, "W");
    let shown = drawn(&mut app, 120, 30).backend().to_string();
    assert!(shown.contains("Columns of Compression"), "{shown}");
    assert!(
        shown.contains("[x] BACKLOG") && shown.contains("[-] KIND"),
        "{shown}"
    );
    assert!(
        shown.contains("Chunks past compress_after"),
        "its meaning: {shown}"
    );
    press(&mut app, "space");
    assert!(
        drawn(&mut app, 120, 30)
            .backend()
            .to_string()
            .contains("the first column stays")
    );
    let chunks = all.iter().position(|title| title == "CHUNKS").unwrap();
    assert_eq!(chunks, 1, "KIND has no room here: {all:?}");
    press(&mut app, "j j j space");
    let shown = drawn(&mut app, 120, 30).backend().to_string();
    assert!(shown.contains("[ ] CHUNKS"), "{shown}");
    press(&mut app, "q");
    assert!(app.overlay.is_none(), "q goes back");
    let now = titles(&mut app, 120);
    assert!(!now.contains(&"CHUNKS".to_owned()), "{now:?}");
    // Neither the column cursor nor sorting reaches a hidden column.
    for _ in 0..20 {
        press(&mut app, ">");
        assert_ne!(sorted(&mut app, 120), "CHUNKS");
    }
    // Other screens keep their columns, and filters still use hidden columns.
    press(&mut app, "4 2");
    assert_eq!(titles(&mut app, 120), now);
    press(&mut app, "/ c h u n k s = 1 0 0 enter");
    assert_eq!(app.screens.compression.place().2, 40);
    press(&mut app, "esc W j j j x esc");
    assert!(
        titles(&mut app, 120).contains(&"CHUNKS".to_owned()),
        "shown again"
    );
    press(&mut app, "v W a esc");
    assert_eq!(titles(&mut app, 120), all);
}

#[test]
fn a_column_without_room_takes_the_room_of_others_if_it_is_chosen() {
    let mut app = with_fleet();
    assert!(!titles(&mut app, 80).contains(&"KIND".to_owned()));
    press(&mut app, "W j space");
    assert!(
        drawn(&mut app, 80, 24)
            .backend()
            .to_string()
            .contains("[x] KIND")
    );
    press(&mut app, "esc");
    let now = titles(&mut app, 80);
    assert!(now.contains(&"KIND".to_owned()), "{now:?}");
}

#[test]
fn a_hidden_column_never_sorts() {
    let mut app = with_fleet();
    while sorted(&mut app, 120) != "CHUNKS" {
        press(&mut app, ">");
    }
    press(&mut app, "W j j j space esc");
    assert_eq!(sorted(&mut app, 120), "verdict");
    assert_ne!(selected(&mut app, 120), "CHUNKS");
    assert_eq!(first(&app), at_cursor(&app));
}

#[test]
fn q_goes_back_from_what_lies_over_a_screen_and_leaves_from_the_screen() {
    let leaves = |effects: Vec<Effect>| matches!(effects.as_slice(), [Effect::Quit]);
    let mut app = connected();
    for over in ["?", "W", "enter"] {
        press(&mut app, over);
        assert!(app.overlay.is_some() || app.details.is_some(), "{over}");
        assert!(!leaves(press(&mut app, "q")), "{over}");
        assert!(app.overlay.is_none() && app.details.is_none(), "{over}");
    }
    press(&mut app, "enter");
    let shown = drawn(&mut app, 100, 24).backend().to_string();
    assert!(!shown.contains("q quit"), "{shown}");
    assert!(
        leaves(press(&mut app, "ctrl-c")),
        "it leaves from everywhere"
    );
    press(&mut app, "q / q");
    assert!(matches!(&app.overlay, Some(Overlay::Filter(prompt)) if prompt.text() == "q"));
    press(&mut app, "esc");
    assert!(leaves(press(&mut app, "q")));
    // From a finding's details back to the Overview, as with Esc.
    app.screen = ScreenId::Overview;
    load_compression(&mut app, fleet());
    app.update(Msg::Tick(NOW));
    press(&mut app, "g enter");
    assert!(app.details.is_some());
    assert_eq!(app.screen, ScreenId::Compression);
    press(&mut app, "q");
    assert_eq!(app.screen, ScreenId::Overview);
}

#[test]
fn n_steps_through_the_matches_of_the_last_filter_when_all_rows_are_shown_again() {
    let mut app = with_fleet();
    heads(&mut app, 120);
    press(&mut app, "l s / 1 5 enter");
    press(&mut app, "esc");
    assert_eq!(app.screens.compression.place().2, 40);
    let filter = |app: &mut App, keys: &str, name: &str, words: &str| {
        press(app, keys);
        assert_eq!(at_cursor(app), name, "{keys}");
        let shown = drawn(app, 120, 24).backend().to_string();
        assert!(shown.contains(words), "{words}: {shown}");
    };
    press(&mut app, "g / ~ [ 1 2 ] 5 enter esc g");
    filter(&mut app, "n", "line_15", "/~[12]5: 1 of 2");
    filter(&mut app, "n", "line_25", "/~[12]5: 2 of 2");
    // The keys stay beside the message.
    filter(&mut app, "N n", "line_25", "a act");
    filter(&mut app, "n", "line_15", "from the top again");
    filter(&mut app, "N", "line_25", "from the end again");
    filter(&mut app, "N", "line_15", "/~[12]5: 1 of 2");
    press(&mut app, "/ n o n e enter esc n");
    assert_eq!(at_cursor(&app), first(&app), "the cursor stays");
    let shown = drawn(&mut app, 120, 24).backend().to_string();
    assert!(shown.contains("/none: none in the list"), "{shown}");
}

#[test]
fn without_a_filter_n_steps_to_the_next_row_with_a_problem() {
    let mut app = connected();
    heads(&mut app, 120);
    // By name: energy, metrics, quality; metrics has the backlog.
    press(&mut app, "s g n");
    assert_eq!(at_cursor(&app), "metrics");
    let shown = drawn(&mut app, 120, 24).backend().to_string();
    assert!(shown.contains("row with a problem: 1 of 1"), "{shown}");
}

#[test]
fn the_help_is_about_this_screen_first_and_uses_the_width() {
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let mut app = with_fleet();
        help(&mut app);
        let shown = drawn(&mut app, width, height).backend().to_string();
        let at = |words: &str| {
            let line = shown.lines().position(|line| line.contains(words));
            line.unwrap_or_else(|| panic!("{width}: no {words} in\n{shown}"))
        };
        assert!(at("Help: Compression") < at("Compression: chunks, ratio, backlog"));
        assert!(at("Compression: chunks") < at("SEGMENT BY"));
        let line = shown
            .lines()
            .find(|line| line.contains("The hypertable, or"));
        let (_, beside) = line.unwrap().split_once("The hypertable").unwrap();
        let beside = beside.trim_end_matches(['"', '│', ' ']).contains("   ");
        assert_eq!(beside, width > 100, "{width}: {shown}");
        if height > 24 {
            assert!(at("BACKLOG") < at("Compress chunks"), "{shown}");
        }
        // The keys of this screen's actions come before the general ones, and scrolling reaches all of them.
        let mut pages = String::new();
        for _ in 0..40 {
            pages.push_str(&drawn(&mut app, width, height).backend().to_string());
            press(&mut app, "j j j j j");
        }
        let place = |words: &str| pages.find(words).unwrap_or_else(|| panic!("{words}"));
        assert!(place("Actions here") < place("Rows and columns"));
        assert!(place("Also for the selected row") < place("Rows and columns"));
        assert!(place("Rows and columns") < place("Signs"));
        assert!(place("Signs") < place("Act: sessions"));
        assert!(pages.contains("bytes>1MB"), "{pages}");
    }
}

#[test]
fn the_help_of_each_screen_explains_each_heading() {
    let mut app = connected();
    let mut explained = 0;
    for id in ScreenId::ALL {
        app.screen = *id;
        help(&mut app);
        let shown = drawn(&mut app, 80, 200).backend().to_string();
        press(&mut app, "esc");
        assert!(shown.contains(&format!("Help: {}", id.title())), "{shown}");
        let heads = shown.lines().skip(4).take_while(|line| {
            !line.contains("Actions here") && !line.contains("Rows and columns")
        });
        explained += heads.count();
    }
    assert!(explained > 120, "{explained}");
}
