//! A query that the console itself cancels, because its screen was left, never shows as an error.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use console::{connected, drawn, press};
use hypertop::app::{Effect, Msg, ask};
use support::console::Console;
use support::with_targets;

const OWN: &str = "57014: canceling statement due to user request";

#[test]
fn a_pulse_of_a_screen_that_was_left_fails_in_silence_even_while_paused() {
    let mut app = connected();
    let effects = app.update(Msg::Tick(console::NOW.plus_seconds(2.0)));
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::List(ask::List::Pulse { asked, .. }) => Some(*asked),
        _ => None,
    });
    // The number of the pulse: `asked`, or 1 for the first pulse.
    let asked = asked.unwrap_or(1);
    press(&mut app, "space 3");
    app.update(Msg::PulseFailed {
        asked,
        error: OWN.to_owned(),
    });
    let shown = drawn(&mut app, 120, 30).backend().to_string();
    assert!(!shown.contains("57014"), "{shown}");
}

#[test]
fn going_through_the_screens_quickly_shows_no_cancelled_statement() {
    with_targets(|targets| {
        for target in &targets.all {
            let mut console = Console::open_in(
                &[&target.conninfo],
                &[("XDG_CONFIG_HOME", "/nonexistent")],
                120,
                40,
            );
            console.wait_for("1 Over");
            for _ in 0..40 {
                // Each screen is left while it is loaded, or just when its answer arrives.
                for key in ["1", "2", "6", "8", "3", "5", "4", "7", "9"] {
                    console.press(key);
                    std::thread::sleep(std::time::Duration::from_millis(7));
                }
            }
            console.press("2");
            console.wait_for("BACKLOG");
            console.press("q");
            let (raw, code) = console.written();
            assert_eq!(code, 0);
            // A job's own error may have the same code.
            for words in [OWN, "query failed"] {
                let at = raw
                    .find(words)
                    .map(|at| &raw[at.saturating_sub(300)..(at + 200).min(raw.len())]);
                assert_eq!(at, None, "{}: {words}", target.name);
            }
        }
    });
}
