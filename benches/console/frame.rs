//! Time to draw a frame, without a server.

use std::time::{Duration, Instant};

use hypertop::app::{App, Effect, Link, Msg, ask, theme};
use hypertop::model::moment::{Axis, Stamp};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::screens::axis::{MapCell, Slice, TimeAxis};
use hypertop::screens::later::Later;
use hypertop::screens::record::Section;
use hypertop::screens::{Rows, compression};
use hypertop::ui;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::{Goals, Limit, Spread};

/// A 200x50 frame with 100 000 rows: only visible rows may be built.
pub fn measure(goals: &mut Goals) {
    let row = |id: i32| compression::Row {
        id,
        schema: "fleet".into(),
        name: format!("ht_{id:06}"),
        aggregate: false,
        enabled: true,
        axis: Axis::TimestampTz,
        has_now: false,
        open: false,
        chunks: 100,
        compressed: 60,
        partial: 2,
        uncompressed: 38,
        frozen: 0,
        unordered: 0,
        before_bytes: Some(i64::from(id) << 20),
        about_backlog_bytes: None,
        after_bytes: Some(1 << 20),
        rows: Some(1_000_000),
        batches: Some(2000),
        drop_after: None,
        drops_first: None,
        blocked: None,
        stuck: None,
        packed: Later::Read(compression::Packed {
            old: Some(0),
            ..compression::Packed::default()
        }),
        seen: None,
        segment_by: Some("device".into()),
        order_by: Some("time DESC".into()),
        policy: None,
        recompress: None,
        most_chunks: None,
        made_before: None,
        boundary: None,
        backlog: None,
        counted: Later::NotRead,
        backlog_bytes: Later::NotRead,
        uncompressed_bytes: Later::NotRead,
        partial_due: None,
        overdue_seconds: None,
        next_due: None,
        pace: compression::Pace::default(),
    };
    for rows in [1000, 100_000] {
        let now = Stamp(1_800_000_000_000_000);
        let mut app = App::new(now, theme::all(None).0, Duration::from_secs(2));
        app.screen = ScreenId::Compression;
        app.server = Some(server(now));
        app.link = Link::Up;
        app.screens.ask(ScreenId::Compression);
        app.update(Msg::Loaded {
            asked: 1,
            rows: Rows::Compression((0..rows).map(row).collect()),
            took: Duration::ZERO,
        });
        let mut terminal = Terminal::new(TestBackend::new(200, 50)).unwrap();
        let mut times = Vec::new();
        for _ in 0..200 {
            app.update(Msg::Key("j".to_owned()));
            let start = Instant::now();
            terminal.draw(|frame| ui::draw(frame, &mut app)).unwrap();
            times.push(start.elapsed());
        }
        let frame = Spread::of_times(&times);
        println!("frame 200x50 with {rows} rows, the preview open: {frame} ms");
        let mut pictures = Vec::new();
        for _ in 0..50 {
            rest(&mut app);
            let start = Instant::now();
            terminal.draw(|frame| ui::draw(frame, &mut app)).unwrap();
            pictures.push(start.elapsed());
            app.update(Msg::Key("j".to_owned()));
            terminal.draw(|frame| ui::draw(frame, &mut app)).unwrap();
        }
        let picture = Spread::of_times(&pictures);
        println!("the same with a time axis of 1000 chunks in it: {picture} ms");
        if rows == 100_000 {
            goals.check(
                "frame 200x50 of 100 000 rows, ms",
                frame.median,
                Limit::Most(1.0),
            );
            goals.check(
                "the same with a time axis in the preview, ms",
                picture.median,
                Limit::Most(1.0),
            );
        }
    }
}

/// The cursor rests on its row, and the server answers with 1000 chunks.
fn rest(app: &mut App) {
    app.now = app.now.plus_seconds(1.0);
    let hour = 3_600_000_000;
    let slice = |nth: i64| Slice {
        start: nth * hour,
        end: (nth + 1) * hour,
        cell: MapCell {
            sign: '#',
            level: Level::Ok,
        },
        bytes: Some(nth << 20),
    };
    let axis = Section::Axis(TimeAxis {
        title: "Chunks on the time axis (UTC)".to_owned(),
        unit: Axis::TimestampTz,
        slices: (0..1000).map(slice).collect(),
        marks: Vec::new(),
        legend: Vec::new(),
    });
    let effects = app.update(Msg::Rested);
    assert!(!effects.is_empty(), "the row under the cursor is read");
    for effect in effects {
        if let Effect::Figures(ask::Figures::Detail { asked, index, .. }) = effect {
            app.update(Msg::Detail {
                asked,
                index,
                sections: Ok(vec![axis.clone()]),
            });
        }
    }
}

fn server(now: Stamp) -> hypertop::server::known::Server {
    hypertop::server::known::Server {
        host: "db1:5432".into(),
        database: "fleet".into(),
        role: "dba".into(),
        tls: None,
        by_network: true,
        standby: false,
        postgres: 160_000,
        timescaledb: Some(hypertop::model::version::Version::new(2, 28)),
        edition: hypertop::server::known::Edition::Community,
        preloaded: true,
        extension_schema: None,
        simulated: false,
        superuser: true,
        reads_all_stats: true,
        owns_database: true,
        reads_job_history: true,
        track_counts: true,
        logs_job_successes: true,
        stats_reset: None,
        started: now,
        clock: now,
        time_zone: "UTC".into(),
        time_zone_hidden_by: None,
        throw_away: false,
        thresholds: hypertop::model::thresholds::Thresholds::default(),
        busy_hours: None,
        policy_files: Vec::new(),
    }
}
