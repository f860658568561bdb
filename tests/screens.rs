//! Every screen at three sizes, from a recording of the demo, so that a review shows changes of the layout.
//!
//! `INSTA_UPDATE=always cargo test --test screens` accepts the present screens.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::path::Path;
use std::time::Duration;

use console::{NOW, drawn, press};
use hypertop::app::tape::Replay;
use hypertop::app::{App, theme};
use hypertop::model::screen_id::ScreenId;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

fn on(screen: ScreenId) -> App {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/factory.jsonl");
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    app.screen = screen;
    app.replay(Replay::open(&path).unwrap());
    app
}

fn snapshots(part: &str, keys: &str) {
    for screen in ScreenId::ALL
        .iter()
        .filter(|screen| **screen != ScreenId::Journal)
    {
        for (width, height) in SIZES {
            let mut app = on(*screen);
            press(&mut app, keys);
            let name = format!("{}_{part}_{width}x{height}", screen.name());
            insta::assert_snapshot!(name, drawn(&mut app, width, height).backend());
        }
    }
}

#[test]
fn lists() {
    snapshots("list", "");
}

#[test]
fn details() {
    snapshots("details", "j enter");
}
