//! A console with three hypertables, and its screens as text.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use hypertop::app::overlay::Overlay;
use hypertop::app::{App, Effect, Msg, theme};
use hypertop::model::moment::{Axis, Stamp};
use hypertop::model::version::Version;
use hypertop::screens::later::Later;
use hypertop::screens::policy::Policy;
use hypertop::screens::{Rows, compression, jobs, server as figures};
use hypertop::server::known::{Edition, Server};
use hypertop::ui;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

pub const NOW: Stamp = Stamp(1_800_000_000_000_000);

pub fn server() -> Server {
    Server {
        host: "db1:5432".to_owned(),
        database: "plant".to_owned(),
        role: "dba".to_owned(),
        tls: Some("TLSv1.3".to_owned()),
        by_network: true,
        standby: false,
        postgres: 160_004,
        timescaledb: Some(Version {
            patch: 3,
            ..Version::new(2, 28)
        }),
        edition: Edition::Community,
        preloaded: true,
        extension_schema: Some("public".to_owned()),
        simulated: false,
        superuser: false,
        reads_all_stats: true,
        owns_database: true,
        reads_job_history: true,
        track_counts: true,
        logs_job_successes: true,
        stats_reset: None,
        started: NOW.plus_seconds(-864_000.0),
        clock: NOW,
        time_zone: "UTC".to_owned(),
        time_zone_hidden_by: None,
        throw_away: false,
        thresholds: hypertop::model::thresholds::Thresholds::default(),
        busy_hours: None,
        policy_files: Vec::new(),
    }
}

pub fn row(id: i32, name: &str, backlog: i64) -> compression::Row {
    compression::Row {
        id,
        schema: "mes".to_owned(),
        name: name.to_owned(),
        aggregate: false,
        enabled: true,
        axis: Axis::TimestampTz,
        has_now: false,
        open: false,
        chunks: 100,
        compressed: 100 - backlog,
        partial: 0,
        uncompressed: backlog,
        frozen: 0,
        unordered: 0,
        before_bytes: Some(12 << 30),
        after_bytes: Some(1 << 30),
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
        segment_by: Some("sensor_id".to_owned()),
        order_by: Some("ts DESC".to_owned()),
        policy: Some(Policy {
            job_id: 1000 + id,
            scheduled: true,
            after: Some("7 days".to_owned()),
            after_seconds: Some(604_800.0),
            after_number: None,
            created: None,
            last_run_success: Some(true),
            last_finish: Some(NOW.plus_seconds(-3600.0)),
            next_start: Some(NOW.plus_seconds(3600.0)),
            consecutive_failures: 0,
            schedule_seconds: Some(43_200.0),
            known_since: None,
            changed: None,
            owner_zone: None,
            code: None,
        }),
        recompress: None,
        most_chunks: None,
        made_before: None,
        boundary: Some(NOW.0 - 604_800_000_000),
        backlog: Some(backlog),
        counted: Later::NotRead,
        backlog_bytes: Later::Read(Some(backlog << 20)),
        uncompressed_bytes: Later::Read(Some(backlog << 20)),
        about_backlog_bytes: None,
        partial_due: Some(0),
        overdue_seconds: (backlog > 0).then_some(200_000.0),
        next_due: None,
        pace: compression::Pace::default(),
    }
}

pub fn job(id: i32, scheduled: bool) -> jobs::Row {
    let interval = |text: &str, seconds| jobs::Interval {
        text: text.to_owned(),
        seconds,
    };
    jobs::Row {
        job_id: id,
        application_name: format!("Columnstore Policy [{id}]"),
        proc_schema: "_timescaledb_functions".to_owned(),
        proc: "policy_compression".to_owned(),
        proc_exists: true,
        hierarchical_id: None,
        drops_by_creation: None,
        orphaned: false,
        owner: "dba".to_owned(),
        owner_may_log_in: Some(true),
        wants_rights_of: None,
        owned: true,
        target: Some("mes.metrics".to_owned()),
        target_kind: Some("hypertable".to_owned()),
        scheduled,
        schedule: interval("12:00:00", 43_200.0),
        max_runtime: interval("00:00:00", 0.0),
        max_retries: -1,
        retry_period: interval("01:00:00", 3600.0),
        fixed_schedule: false,
        initial_start: None,
        timezone: None,
        config: None,
        known_since: None,
        statistics: Some(jobs::Statistics {
            last_start: Some(NOW.plus_seconds(-3600.0)),
            last_finish: Some(NOW.plus_seconds(-3500.0)),
            next_start: Some(NOW.plus_seconds(39_600.0)),
            last_run_success: Some(true),
            total_runs: 10,
            total_successes: 10,
            ..jobs::Statistics::default()
        }),
        error: None,
        record: Later::NotRead,
        crowd: None,
        pid: None,
        workers: jobs::Workers {
            used: 3,
            slots: Some(16),
            schedulers: 1,
            permanent: 2,
            processes: Some(48),
            peak: None,
        },
    }
}

pub fn figure(name: &str, value: f64, bound: Option<f64>) -> figures::Row {
    figures::Row {
        name: name.to_owned(),
        value: Some(value),
        bound,
        about: None,
        since: None,
        pid: None,
        holder: None,
        size: Later::NotRead,
        counted: hypertop::screens::server::Counted::default(),
    }
}

pub fn rows() -> Vec<compression::Row> {
    vec![
        row(1, "energy", 0),
        row(2, "metrics", 12),
        row(3, "quality", 0),
    ]
}

pub fn connected() -> App {
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    app.screen = hypertop::model::screen_id::ScreenId::Compression;
    app.update(Msg::Up(Box::new(server())));
    app.update(Msg::Loaded {
        asked: 2,
        rows: Rows::Compression(rows()),
        took: Duration::from_millis(3),
    });
    app
}

/// Loads these rows on their screen, whatever was asked for before.
pub fn load(app: &mut App, rows: Rows) -> Vec<Effect> {
    app.screens.abandon();
    let asked = app.screens.ask(rows.screen()).unwrap();
    app.update(Msg::Loaded {
        asked,
        rows,
        took: Duration::ZERO,
    })
}

pub fn load_compression(app: &mut App, rows: Vec<compression::Row>) -> Vec<Effect> {
    load(app, Rows::Compression(rows))
}

pub fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    keys.split(' ')
        .filter(|key| !key.is_empty())
        .flat_map(|key| app.update(Msg::Key(key.to_owned())))
        .collect()
}

/// Opens the help; where something is wrong with the row, its page comes first.
pub fn help(app: &mut App) {
    press(app, "?");
    if matches!(app.overlay, Some(Overlay::Page(_))) {
        press(app, "?");
    }
}

pub fn drawn(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| ui::draw(frame, app)).unwrap();
    terminal
}

pub fn screen(app: &mut App) -> String {
    drawn(app, 100, 14).backend().to_string()
}

/// Like [`screen`], on a tall terminal.
pub fn tall(app: &mut App) -> String {
    drawn(app, 100, 40).backend().to_string()
}
