//! The preview pane: it follows the cursor, queries the server only when the cursor rests, and shows the row's drawing.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::time::Duration;

use console::{NOW, connected, drawn, load, load_compression, press, rows, server};

use hypertop::app::{App, Effect, Link, Msg, ask, theme};
use hypertop::model::moment::Axis;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::screens::Rows;
use hypertop::screens::axis::{MapCell, Mark, Place, Slice, TimeAxis};
use hypertop::screens::record::Section;
use hypertop::server::known::At;
use support::act::Rig;
use support::triage::{NAME, PACKS_WELL, on_each};

fn seen(app: &mut App, width: u16, height: u16) -> String {
    drawn(app, width, height).backend().to_string()
}

/// Lets the cursor rest until this many seconds after the start; returns the requests.
fn rest(app: &mut App, seconds: f64) -> Vec<Effect> {
    app.now = NOW.plus_seconds(seconds);
    app.update(Msg::Rested)
}

/// Number and row key of the only request for details.
fn asked(effects: &[Effect]) -> (u64, String) {
    match effects {
        [
            Effect::Figures(ask::Figures::Detail {
                asked,
                of: Rows::Compression(of),
                ..
            }),
        ] => (*asked, of[0].name.clone()),
        other => panic!("{other:?}"),
    }
}

/// A drawing of eight daily chunks, with a mark for now.
fn axis() -> Section {
    let day = 86_400_000_000;
    let slice = |nth: i64| Slice {
        start: NOW.0 - (8 - nth) * day,
        end: NOW.0 - (7 - nth) * day,
        cell: MapCell {
            sign: if nth < 5 { '#' } else { '.' },
            level: Level::Ok,
        },
        bytes: Some(nth << 20),
    };
    Section::Axis(TimeAxis {
        title: "Chunks on the time axis (UTC)".to_owned(),
        unit: Axis::TimestampTz,
        slices: (0..8).map(slice).collect(),
        marks: vec![Mark {
            sign: 'N',
            label: "now".to_owned(),
            level: Level::Ok,
            place: Place::At(NOW.0),
        }],
        legend: Vec::new(),
    })
}

fn answer(app: &mut App, asked: u64) {
    app.update(Msg::Detail {
        asked,
        index: 0,
        sections: Ok(vec![axis(), Section::text("Chunks", "the list of chunks")]),
    });
}

fn loaded(app: &mut App) -> Vec<Effect> {
    load_compression(app, rows())
}

const PICTURE: &str = "Chunks on the time axis";

#[test]
fn a_tall_terminal_has_the_preview_and_a_low_one_has_the_reason() {
    let mut app = connected();
    insta::assert_snapshot!(seen(&mut app, 100, 30));
    for (height, has) in [(29, false), (30, true), (50, true)] {
        let shown = seen(&mut app, 100, height);
        assert_eq!(shown.contains("details ──"), has, "{height}: {shown}");
        assert!(shown.contains("12 chunks"), "{height}: {shown}");
    }
}

#[test]
fn a_list_without_rows_has_no_preview() {
    let mut app = connected();
    let border = |app: &mut App| seen(app, 120, 40).contains("──");
    assert!(border(&mut app));
    load_compression(&mut app, Vec::new());
    assert!(!border(&mut app));
}

#[test]
fn a_key_closes_the_preview_and_opens_it() {
    let mut app = connected();
    seen(&mut app, 100, 40);
    press(&mut app, "V");
    assert!(!seen(&mut app, 100, 40).contains("details ──"));
    assert!(
        rest(&mut app, 5.0).is_empty(),
        "what is closed reads nothing"
    );
    press(&mut app, "V");
    assert!(seen(&mut app, 100, 40).contains("details ──"));
    assert_eq!(asked(&rest(&mut app, 9.0)).1, "metrics");
    // If the terminal is too small, the pane says so.
    seen(&mut app, 100, 24);
    press(&mut app, "V V");
    assert!(seen(&mut app, 100, 24).contains("needs a terminal of 30 lines"));
    assert!(rest(&mut app, 20.0).is_empty());
}

#[test]
fn a_cursor_that_moves_asks_nothing_and_one_that_rests_asks_once() {
    let mut app = connected();
    seen(&mut app, 120, 40);
    assert!(rest(&mut app, 0.3).is_empty(), "not yet");
    for (nth, key) in ["j", "j", "k", "k", "j"].into_iter().enumerate() {
        app.now = NOW.plus_seconds(0.3 + f64::from(u32::try_from(nth).unwrap()) * 0.3);
        assert!(press(&mut app, key).is_empty(), "a move asks nothing");
        seen(&mut app, 120, 40);
        assert!(app.update(Msg::Rested).is_empty(), "it has not rested");
    }
    let (number, row) = asked(&rest(&mut app, 2.5));
    assert_eq!(row, "energy");
    assert!(rest(&mut app, 3.0).is_empty(), "once");
    assert!(seen(&mut app, 120, 40).contains("reading…"));
    answer(&mut app, number);
    let shown = seen(&mut app, 120, 40);
    assert!(
        shown.contains(PICTURE) && !shown.contains("reading…"),
        "{shown}"
    );
    assert!(!shown.contains("the list of chunks"), "{shown}");
    assert!(rest(&mut app, 60.0).is_empty(), "once");
    // A tick without changes requests only the pulse.
    let effects = app.update(Msg::Tick(NOW.plus_seconds(62.0)));
    let pulse = |effect: &Effect| {
        matches!(
            effect,
            Effect::List(ask::List::Pulse { .. } | ask::List::Acknowledged(_))
        )
    };
    assert!(effects.iter().all(pulse), "{effects:?}");
    assert_eq!(app.rests_at(), None);
}

#[test]
fn on_the_overview_it_shows_the_row_that_the_finding_is_about() {
    let mut app = connected();
    loaded(&mut app);
    press(&mut app, "1");
    let shown = seen(&mut app, 120, 40);
    assert!(shown.contains("mes.metrics ──"), "{shown}");
    let (number, row) = asked(&rest(&mut app, 2.0));
    assert_eq!(row, "metrics");
    answer(&mut app, number);
    let shown = seen(&mut app, 120, 40);
    assert!(
        shown.contains(PICTURE) && !shown.contains("the list of chunks"),
        "{shown}"
    );
}

#[test]
fn a_row_is_read_again_only_after_its_list_was() {
    let mut app = connected();
    seen(&mut app, 120, 40);
    let (number, _) = asked(&rest(&mut app, 0.5));
    answer(&mut app, number);
    press(&mut app, "j");
    seen(&mut app, 120, 40);
    let (number, _) = asked(&rest(&mut app, 2.0));
    answer(&mut app, number);
    // Back on the first row: its results are shown at once.
    press(&mut app, "k");
    assert!(seen(&mut app, 120, 40).contains(PICTURE));
    assert!(rest(&mut app, 9.0).is_empty());
    let effects = loaded(&mut app);
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Figures(ask::Figures::Detail { .. })))
    );
    // The old drawing stays until the new one is complete.
    assert!(seen(&mut app, 120, 40).contains(PICTURE));
    let (number, row) = asked(&rest(&mut app, 10.0));
    assert_eq!(row, "metrics");
    assert!(seen(&mut app, 120, 40).contains(PICTURE));
    // The load took 2 s, so the row is not loaded again for 100 s, although the list is.
    app.now = NOW.plus_seconds(12.0);
    answer(&mut app, number);
    loaded(&mut app);
    seen(&mut app, 120, 40);
    assert!(rest(&mut app, 100.0).is_empty());
    assert_eq!(asked(&rest(&mut app, 113.0)).1, "metrics");
}

#[test]
fn the_answer_of_a_row_that_the_cursor_has_left_is_dropped() {
    let mut app = connected();
    seen(&mut app, 120, 40);
    let (number, _) = asked(&rest(&mut app, 0.5));
    press(&mut app, "j");
    seen(&mut app, 120, 40);
    answer(&mut app, number);
    assert!(!seen(&mut app, 120, 40).contains(PICTURE));
}

#[test]
fn leaving_the_screen_cancels_what_is_read_and_its_error_is_not_shown() {
    let mut app = connected();
    seen(&mut app, 120, 40);
    let (number, _) = asked(&rest(&mut app, 0.5));
    let effects = press(&mut app, "3");
    assert!(
        effects.iter().any(|effect| matches!(
            effect,
            Effect::Figures(ask::Figures::Cancel {
                screen: ScreenId::Compression
            })
        )),
        "{effects:?}"
    );
    app.update(Msg::Detail {
        asked: number,
        index: 0,
        sections: Err("57014: canceling statement due to user request".to_owned()),
    });
    press(&mut app, "2");
    assert!(!seen(&mut app, 120, 40).contains("57014"));
    assert_eq!(
        asked(&rest(&mut app, 9.0)).1,
        "metrics",
        "it is read when it rests again"
    );
}

#[test]
fn an_error_is_shown_and_the_figures_stay() {
    let mut app = connected();
    seen(&mut app, 120, 40);
    let (number, _) = asked(&rest(&mut app, 0.5));
    app.update(Msg::Detail {
        asked: number,
        index: 0,
        sections: Err("55P03: canceling statement due to lock timeout".to_owned()),
    });
    let shown = seen(&mut app, 120, 40);
    assert!(
        shown.contains("cannot be read: 55P03") && shown.contains("segment by"),
        "{shown}"
    );
}

#[test]
fn details_that_are_open_read_for_themselves() {
    let mut app = connected();
    seen(&mut app, 120, 40);
    press(&mut app, "enter");
    seen(&mut app, 120, 40);
    assert!(rest(&mut app, 5.0).is_empty());
    press(&mut app, "esc");
    seen(&mut app, 120, 40);
    assert_eq!(asked(&rest(&mut app, 9.0)).1, "metrics");
}

#[test]
fn without_a_connection_nothing_is_read() {
    let mut app = connected();
    seen(&mut app, 120, 40);
    app.update(Msg::Down {
        error: "server closed".to_owned(),
        retry: Duration::from_secs(4),
    });
    assert!(matches!(app.link, Link::Down { .. }));
    assert!(rest(&mut app, 5.0).is_empty());
    assert!(seen(&mut app, 120, 40).contains("segment by"));
    app.update(Msg::Up(Box::new(server())));
    assert_eq!(asked(&rest(&mut app, 9.0)).1, "metrics");
}

/// A hypertable with all policies, and an aggregate with a changed range. No policy runs during the test.
fn with_policies() -> String {
    let later = "initial_start => now() + interval '1 day'";
    [
        PACKS_WELL.to_owned(),
        format!("select add_compression_policy('{NAME}', interval '3 days', {later})"),
        format!("select add_retention_policy('{NAME}', interval '5 days', {later})"),
        format!(
            "create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as
             select time_bucket('1 hour', ts) as hour, count(*) from {NAME} group by 1 with no data"
        ),
        format!(
            "select add_continuous_aggregate_policy('hourly', start_offset => interval '2 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour', {later})"
        ),
        "call refresh_continuous_aggregate('hourly', now() - interval '4 days', now() - interval '3 hours')".to_owned(),
        format!("insert into {NAME} select now() - interval '3 days', 2, 'late'"),
    ]
    .join(";\n")
}

/// The screen after the cursor rested on the first row with these words, and the server answered.
async fn rested(rig: &Rig, screen: ScreenId, words: &str) -> String {
    let session = &rig.session;
    let now = session.server.clock;
    let mut app = App::new(now, theme::all(None).0, Duration::from_secs(2));
    app.screen = screen;
    app.update(Msg::Up(Box::new(session.server.clone())));
    load(&mut app, session.load(screen).await.unwrap());
    press(&mut app, "/");
    app.update(Msg::Paste(words.to_owned()));
    press(&mut app, "enter");
    seen(&mut app, 120, 50);
    app.now = now.plus_seconds(1.0);
    let effects = app.update(Msg::Rested);
    assert!(!effects.is_empty(), "{screen:?}");
    for effect in effects {
        let Effect::Figures(ask::Figures::Detail {
            asked,
            index,
            query,
            params,
            of,
            now,
        }) = effect
        else {
            panic!("{effect:?}")
        };
        let rows = session.ask(query, &params).await.unwrap();
        let server = &session.server;
        let sections = of.build(index, &rows, &At { now, server });
        app.update(Msg::Detail {
            asked,
            index,
            sections: sections.map_err(|error| format!("{error:#}")),
        });
    }
    seen(&mut app, 120, 50)
}

#[test]
fn each_screen_shows_its_picture_on_every_version() {
    on_each("preview", &with_policies(), async |rig, version| {
        let expected: [(ScreenId, &str, &[&str]); 6] = [
            (
                ScreenId::Compression,
                "Raw",
                &[
                    "Chunks on the time axis (UTC)",
                    "C compress after 3d",
                    "now 2",
                    "BBB",
                    "backlog (past compress_after)",
                ],
            ),
            (
                ScreenId::Retention,
                "Raw",
                &[
                    "Chunks on the time axis (UTC)",
                    "xxx",
                    "D drop after 5d",
                    "dropped by the next run",
                ],
            ),
            (
                ScreenId::Hypertables,
                "Raw",
                &[
                    "Chunks on the time axis (UTC)",
                    "refresh public.hourly 2d to 1h ago, watermark W",
                ],
            ),
            (
                ScreenId::Aggregates,
                "hourly",
                &[
                    "Refresh on the time axis (UTC)",
                    "refresh window 2d to 1h ago, watermark W",
                    "# materialized",
                    "! changed, waits for a refresh",
                    "now 2",
                ],
            ),
            (
                ScreenId::Indexes,
                "Raw",
                &["The index in each chunk", "scanned"],
            ),
            (
                ScreenId::Jobs,
                "etention",
                &[
                    "Runs: the last and the next 24 hours",
                    "no failure on record",
                ],
            ),
        ];
        for (screen, row, words) in expected {
            let shown = Box::pin(rested(rig, screen, row)).await;
            for word in words {
                assert!(
                    shown.contains(word),
                    "{version:?} {screen:?}: no {word:?} in\n{shown}"
                );
            }
        }
    });
}
