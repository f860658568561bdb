//! Keys from `[keys]` work, and all places that show keys show these keys.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use console::{connected, drawn, press, screen};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use hypertop::actions::key_map::KeyMap;
use hypertop::actions::{catalogue, chord};
use hypertop::app::overlay::Overlay;
use hypertop::app::{App, Effect};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::threshold_settings::Table;
use hypertop::ui::terminal::key_text;

/// A console with these lines in `[keys]`.
fn with(lines: &str) -> App {
    let table: Table = toml::from_str(lines).unwrap();
    let mut app = connected();
    app.keys = KeyMap::read(&table).unwrap();
    app
}

#[test]
fn a_changed_key_works_and_the_old_one_does_nothing() {
    let mut app =
        with("quit = \"Q\"\nshow-jobs = \"J\"\nnext-row = [\"n\", \"down\"]\nnext-match = \"\"");
    press(&mut app, "q");
    let leaves = |effects: Vec<Effect>| matches!(effects.as_slice(), [Effect::Quit]);
    assert!(!leaves(press(&mut app, "q")));
    let first = app.screens.selected_key(ScreenId::Compression);
    press(&mut app, "j");
    assert_eq!(app.screens.selected_key(ScreenId::Compression), first);
    press(&mut app, "n");
    assert_ne!(app.screens.selected_key(ScreenId::Compression), first);
    press(&mut app, "5");
    assert_eq!(app.screen, ScreenId::Compression);
    press(&mut app, "J");
    assert_eq!(app.screen, ScreenId::Jobs);
    assert!(leaves(press(&mut app, "Q")));
    assert!(
        leaves(press(&mut app, "ctrl-c")),
        "which nobody can take away"
    );
}

#[test]
fn the_server_has_a_key_as_every_screen() {
    let mut app = connected();
    assert!(
        drawn(&mut app, 180, 24)
            .backend()
            .to_string()
            .contains(" = Server")
    );
    press(&mut app, "=");
    assert_eq!(app.screen, ScreenId::Server);
}

#[test]
fn footer_tabs_palette_and_help_show_the_keys_in_force() {
    let mut app = with(
        "quit = \"Q\"\nfilter-rows = \"ctrl-f\"\npage-down = \"pgdn\"\nshow-jobs = \"alt-j\"\nshow-queries = \"\"
         compress-chunks = \"f7\"\nshow-help = \"f1\"\nopen-palette = \"f2\"\nnext-row = \"f3\"\nfix = \"\"",
    );
    let shown = drawn(&mut app, 200, 30).backend().to_string();
    let lines: Vec<_> = shown.lines().collect();
    let (tabs, footer) = (lines[1], lines[lines.len() - 1]);
    assert!(
        tabs.contains(" alt-j Jobs ") && !tabs.contains("5 Jobs"),
        "{tabs}"
    );
    let words: Vec<_> = tabs.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains("Activity · Queries · "), "no key: {tabs}");
    for words in ["Q quit", "f1 help", "ctrl-f filter", "f2 palette"] {
        assert!(footer.contains(words), "{words}: {footer}");
    }
    assert!(!footer.contains("fix"), "which no key takes: {footer}");

    press(&mut app, "f1 f1");
    let help = drawn(&mut app, 100, 300).backend().to_string();
    assert!(help.contains("Help: Compression · f3/k scroll"), "{help}");
    let line = |text: &str, words: &str| {
        let line = text.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("no {words} in\n{text}"));
        line.split('│').nth(1).unwrap().trim().to_owned()
    };
    assert!(line(&help, "Leave the console").starts_with("Q  ctrl-c  "));
    assert!(line(&help, "Queries: slowest").starts_with(":show-queries "));
    assert!(line(&help, "Compress the chunks that are due").starts_with("f7 "));
    press(&mut app, "f1");
    assert!(app.overlay.is_none());

    press(&mut app, "f2");
    let mut palette = |typed: &str, words: &str| {
        press(&mut app, typed);
        let shown = screen(&mut app);
        press(&mut app, "esc f2");
        line(&shown, words)
    };
    assert!(palette("q u i t", "Leave the console").ends_with(" Q"));
    assert!(palette("c o m p r e s s - c", "compress-chunks").ends_with(" f7"));
    // On this screen the key belongs to another action.
    assert!(!palette("e d i t - r e t", "edit-retention-policy").ends_with(" e"));
    // psql's commands still work.
    assert!(palette("\\ q", "Leave the console").ends_with(" Q"));
}

#[test]
fn what_is_typed_is_text_whatever_the_keys_mean() {
    let mut app = with(
        "suspend = [\"z\", \"f9\"]\nsnooze = \"\"\nquit = \"u\"\nrollback = \"\"\nopen-palette = \"n\"\nnext-match = \"\"",
    );
    press(&mut app, "/ z u n ctrl-z enter");
    assert!(app.overlay.is_none());
    let filter = app.screens.compression.filter.text().to_owned();
    assert_eq!(filter, "zun");
    press(&mut app, "n z u n");
    assert!(
        matches!(&app.overlay, Some(Overlay::Palette(palette)) if palette.prompt.text() == "zun")
    );
    let suspends = |effects: Vec<Effect>| matches!(effects.as_slice(), [Effect::Suspend]);
    assert!(
        !suspends(press(&mut app, "ctrl-z")),
        "it was given other keys"
    );
    press(&mut app, "esc");
    assert!(suspends(press(&mut app, "f9")));
    let mut app = connected();
    press(&mut app, "/");
    assert!(
        suspends(press(&mut app, "ctrl-z")),
        "by default also from a prompt"
    );
}

#[test]
fn what_the_terminal_sends_is_what_a_person_can_write() {
    let with = |code, modifiers| key_text(KeyEvent::new(code, modifiers)).unwrap();
    let codes = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::F(1),
        KeyCode::F(12),
        KeyCode::Char(' '),
        KeyCode::Char('ß'),
        KeyCode::Char('~'),
    ];
    for code in codes {
        let key = with(code, KeyModifiers::NONE);
        assert_eq!(chord::check(&key), Ok(()), "{key}");
    }
    for letter in 'a'..='z' {
        let plain = KeyCode::Char(letter);
        let alt = with(plain, KeyModifiers::ALT);
        assert_eq!(chord::check(&alt), Ok(()), "{alt}");
        let held = with(plain, KeyModifiers::CONTROL);
        // A terminal sends two of these keys as Tab and Enter.
        assert_eq!(
            chord::check(&held).is_err(),
            "im".contains(letter),
            "{held}"
        );
    }
    assert!(catalogue::all().all(|action| action.keys.iter().all(|key| chord::check(key).is_ok())));
}
