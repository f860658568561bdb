//! The menu of actions on a row: the title names the row; actions that apply come first, the others are dimmed with a
//! reason.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use console::{connected, drawn, load, load_compression, press, row};
use hypertop::app::App;
use hypertop::screens::Rows;
use hypertop::server::known::Edition;

/// The lines of the menu, from its title on.
fn menu(app: &mut App, width: u16, height: u16) -> Vec<String> {
    let shown = drawn(app, width, height).backend().to_string();
    let lines = shown.lines().map(str::to_owned);
    lines.skip_while(|line| !line.contains("Actions")).collect()
}

fn place(lines: &[String], words: &str) -> usize {
    // Skips the line with the typed text.
    let entry = |line: &String| line.contains(words) && !line.contains("│: ");
    let found = lines.iter().position(entry);
    found.unwrap_or_else(|| panic!("{words}: {}", lines.join("\n")))
}

#[test]
fn the_title_names_the_row_and_what_it_allows_comes_first() {
    let mut app = connected();
    press(&mut app, "a");
    let lines = menu(&mut app, 120, 60);
    assert!(
        lines[0].contains(" Actions on mes.metrics "),
        "{}",
        lines[0]
    );
    // Order: the screen's actions, other actions that apply, actions that do not apply, actions on other kinds of
    // targets.
    let order = [
        " compress-chunks ",
        " edit-compression-policy ",
        " pause-job ",
        " add-compression-policy ",
    ];
    let places: Vec<_> = order.iter().map(|name| place(&lines, name)).collect();
    assert!(places.is_sorted(), "{places:?}\n{}", lines.join("\n"));
    let why = &lines[place(&lines, " add-compression-policy ")];
    assert!(
        why.contains("it already has a compression policy: use edit"),
        "{why}"
    );
    press(&mut app, "r e s u m e");
    let lines = menu(&mut app, 120, 60);
    let why = &lines[place(&lines, " resume-job ")];
    assert!(why.contains("its policy is not paused"), "{why}");
}

#[test]
fn what_the_row_does_not_allow_is_dimmed_and_can_still_be_read() {
    let mut app = connected();
    press(&mut app, "a d r o p - i n d e x");
    let terminal = drawn(&mut app, 120, 40);
    let shown = terminal.backend().to_string();
    let lines: Vec<_> = shown.lines().map(str::to_owned).collect();
    let at = place(&lines, " drop-index ");
    assert!(
        lines[at].contains("acts on an index, which this row does not have"),
        "{}",
        lines[at]
    );
    // The selected entry shows the whole reason and the help.
    assert!(shown.contains("not here: acts on an index"), "{shown}");
    press(&mut app, "ctrl-u");
    press(&mut app, "esc a");
    let terminal = drawn(&mut app, 120, 60);
    let shown = terminal.backend().to_string();
    let lines: Vec<_> = shown.lines().map(str::to_owned).collect();
    let style = |name: &str| {
        let line = place(&lines, name);
        let before = lines[line].split(name).next().unwrap();
        // Each line of the backend's text starts with a quote, and the name with a space.
        let column = u16::try_from(before.chars().count()).unwrap();
        terminal.backend().buffer()[(column, u16::try_from(line).unwrap())].style()
    };
    assert_ne!(
        style(" decompress-chunks "),
        style(" add-compression-policy ")
    );
    assert_eq!(
        style(" add-compression-policy "),
        style(" enable-compression ")
    );
}

#[test]
fn what_another_screen_knows_of_the_object_dims_an_action_too() {
    let mut app = connected();
    load(&mut app, Rows::Jobs(vec![console::job(1002, false)]));
    // The selected row's policy runs as job 1002, which is paused by now.
    press(&mut app, "a p a u s e");
    let lines = menu(&mut app, 120, 60);
    let why = &lines[place(&lines, " pause-job ")];
    assert!(why.contains("it is paused"), "{why}");
}

#[test]
fn no_two_entries_have_the_same_key() {
    let mut app = connected();
    press(&mut app, "a");
    let lines = menu(&mut app, 120, 90);
    let keys: Vec<_> = lines
        .iter()
        .filter_map(|line| line.rsplit_once('│').map(|(line, _)| line))
        .filter_map(|line| line.rsplit_once("  "))
        .map(|(_, key)| key.trim())
        .filter(|key| key.chars().count() == 1)
        .collect();
    let once: std::collections::BTreeSet<_> = keys.iter().collect();
    assert!(keys.len() > 3, "{lines:#?}");
    assert_eq!(once.len(), keys.len(), "{keys:?}");
}

#[test]
fn an_action_that_is_not_for_the_row_says_so_when_it_is_chosen() {
    let mut app = connected();
    press(&mut app, "a d r o p - i n d e x enter");
    let shown = drawn(&mut app, 120, 30).backend().to_string();
    assert!(
        shown.contains("drop-index acts on an index: select one first"),
        "{shown}"
    );
}

#[test]
fn a_row_without_a_policy_offers_to_add_one() {
    let mut app = connected();
    let mut bare = row(9, "bare", 0);
    bare.policy = None;
    bare.enabled = false;
    load_compression(&mut app, vec![bare]);
    press(&mut app, "a p a u s e");
    let lines = menu(&mut app, 120, 60);
    let line = &lines[place(&lines, " pause-job ")];
    assert!(
        line.contains("acts on a job, which this row does not have"),
        "{line}"
    );
    press(&mut app, "esc a");
    let lines = menu(&mut app, 120, 60);
    for (action, why) in [
        (
            "compress-chunks",
            "compression is not enabled: use enable-compression",
        ),
        ("edit-compression-policy", "it has no compression policy"),
    ] {
        let line = &lines[place(&lines, &format!(" {action} "))];
        assert!(line.contains(why), "{line}");
        assert!(place(&lines, " enable-compression ") < place(&lines, &format!(" {action} ")));
    }
}

#[test]
fn several_rows_are_counted_and_what_one_of_them_allows_is_offered() {
    let mut app = connected();
    press(&mut app, "x x a");
    let lines = menu(&mut app, 80, 24);
    assert!(lines[0].contains(" Actions on 2 rows "), "{}", lines[0]);
    assert!(place(&lines, " compress-chunks ") < place(&lines, " edit-compression-policy "));
}

#[test]
fn on_the_apache_edition_the_reason_is_the_edition() {
    let mut app = connected();
    app.server.as_mut().unwrap().edition = Edition::Apache;
    press(&mut app, "a c o m p r e s s - c h u n k s");
    let lines = menu(&mut app, 120, 40);
    let line = &lines[place(&lines, " compress-chunks ")];
    assert!(line.contains("needs the Community edition"), "{line}");
}
