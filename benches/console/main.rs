//! What the console costs, as ratios in one run: `cargo bench`.
//!
//! Without a server: a frame with 100 000 rows loaded. With a fleet (`HYPERTOP_BENCH_URL`, else one of
//! `HYPERTOP_BENCH_CHUNKS` chunks, 2000 by default, on a private server): each screen against what an operator
//! would type from the documentation, from nothing and at a tick when nothing changed; and the first screen
//! against `psql -c 'select 1'`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may fail"
)]

mod naive;
mod weight;

use std::process::Command;
use std::time::{Duration, Instant};

use hypertop::app::{App, Msg};
use hypertop::conninfo::{self, Flags, Settings, Surroundings};
use hypertop::db::{Exact, Session, slices};
use hypertop::private_server::{Options, PrivateServer};
use hypertop::record::At;
use hypertop::screens::{Rows, ScreenId, Screens, compression};
use hypertop::value::{Axis, Stamp};
use hypertop::{connect, theme, ui};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

fn main() {
    frame();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(fleet());
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// A 200x50 frame with 100 000 rows: only what is visible may be built.
fn frame() {
    let row = |id: i32| compression::Row {
        id,
        schema: "fleet".into(),
        name: format!("ht_{id:06}"),
        aggregate: false,
        enabled: true,
        axis: Axis::TimestampTz,
        has_now: false,
        chunks: 100,
        compressed: 60,
        partial: 2,
        uncompressed: 38,
        frozen: 0,
        unordered: 0,
        before_bytes: Some(i64::from(id) << 20),
        after_bytes: Some(1 << 20),
        segment_by: Some("device".into()),
        order_by: Some("time DESC".into()),
        policy: None,
        recompress: None,
        most_chunks: None,
        made_before: None,
        boundary: None,
        backlog: None,
        backlog_bytes: None,
        backlog_error: None,
        partial_due: None,
        overdue_seconds: None,
        next_due: None,
    };
    for rows in [1000, 100_000] {
        let now = Stamp(1_800_000_000_000_000);
        let mut app = App::new(now, theme::all(None).0, Duration::from_secs(2));
        app.server = Some(server(now));
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
        println!("frame 200x50 with {rows} rows: {:.3} ms", median(times));
    }
}

fn server(now: Stamp) -> hypertop::server::Server {
    hypertop::server::Server {
        host: "db1:5432".into(),
        database: "fleet".into(),
        role: "dba".into(),
        tls: None,
        standby: false,
        postgres: 160_000,
        timescaledb: Some(hypertop::sql::Version::new(2, 28)),
        edition: hypertop::server::Edition::Community,
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
    }
}

fn settings(conninfo: &str) -> Settings {
    let flags = Flags {
        database: Some(conninfo.to_owned()),
        ..Flags::default()
    };
    conninfo::resolve(
        &flags,
        &Surroundings {
            os_user: "postgres".into(),
            ..Surroundings::default()
        },
    )
    .unwrap()
}

async fn fleet() {
    let (conninfo, _server) = match std::env::var("HYPERTOP_BENCH_URL") {
        Ok(url) => (url, None),
        Err(_) => match build().await {
            Some((conninfo, server)) => (conninfo, Some(server)),
            None => return println!("no TimescaleDB here: the screens are not measured"),
        },
    };
    let settings = settings(&conninfo);
    let naive = connect::again(&settings, None).await.unwrap().client;
    let session = Session::start(connect::again(&settings, None).await.unwrap())
        .await
        .unwrap();
    let mut exact = Exact::new(&settings, None);
    let chunks: i64 = naive
        .query_one("select count(*) from timescaledb_information.chunks", &[])
        .await
        .unwrap()
        .get(0);
    println!(
        "\n{chunks} chunks\n{:12} {:>10} {:>10} {:>10} {:>12} {:>12}",
        "screen", "naive ms", "screen ms", "tick ms", "naive/screen", "naive/tick"
    );
    let (mut full_product, mut tick_product) = (1.0, 1.0);
    let mut all_wanted = Vec::new();
    // All but the journal, which asks no server.
    for screen in ScreenId::ALL
        .iter()
        .copied()
        .filter(|screen| *screen != ScreenId::Journal)
    {
        let wanted = whole_screen(&mut exact, &session, screen).await;
        let ids: Vec<i64> = wanted.iter().map(|(id, _)| *id).collect();
        let statements = naive::twin(&naive, screen, &ids).await;
        all_wanted.push((screen, wanted));
        let (mut slow, mut full, mut tick) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..5 {
            let start = Instant::now();
            for statement in &statements {
                naive.simple_query(statement).await.unwrap();
            }
            slow.push(start.elapsed());
            let start = Instant::now();
            whole_screen(&mut exact, &session, screen).await;
            full.push(start.elapsed());
            let start = Instant::now();
            session.pulse(screen).await.unwrap();
            tick.push(start.elapsed());
        }
        let (slow, full, tick) = (median(slow), median(full), median(tick));
        full_product *= slow / full;
        tick_product *= slow / tick;
        println!(
            "{:12} {slow:10.1} {full:10.1} {tick:10.2} {:12.1} {:12.0}",
            screen.name(),
            slow / full,
            slow / tick
        );
    }
    println!(
        "geometric mean: naive/screen {:.1}, naive/tick {:.0}",
        f64::powf(full_product, 0.2),
        f64::powf(tick_product, 0.2)
    );
    weight::print(&settings, &all_wanted).await;
    first_screen(&conninfo);
}

/// The list, and the exact figures of the 46 rows that a 200x50 terminal shows first; returns which these are.
async fn whole_screen(
    exact: &mut Exact<'_>,
    session: &Session,
    screen: ScreenId,
) -> Vec<(i64, usize)> {
    let rows = session.load(screen).await.unwrap();
    let mut screens = Screens::default();
    let at = At {
        now: session.server.clock,
        server: &session.server,
    };
    let asked = screens.ask(screen).unwrap();
    screens.load(asked, rows, Duration::ZERO, &at);
    let wanted = screens.wanted_at_first(screen, 46, at.now);
    if let Some(query) = screen.about().exact {
        for slice in slices(&wanted, query.slice) {
            let figures = exact.slice(query, slice).await;
            screens.take_exact(screen, figures, false, &at);
        }
    }
    wanted
}

/// The whole program printing its first screen, against psql's cold start.
fn first_screen(conninfo: &str) {
    let time = |command: &mut Command| {
        let times = (0..7).map(|_| {
            let start = Instant::now();
            let output = command.output().ok()?;
            output.status.success().then(|| start.elapsed())
        });
        times.collect::<Option<Vec<_>>>().map(median)
    };
    let psql = time(Command::new("psql").args(["-X", "-d", conninfo, "-Atc", "select 1"]));
    let ours =
        time(Command::new(env!("CARGO_BIN_EXE_hypertop")).args(["show", "compression", conninfo]));
    if let (Some(psql), Some(ours)) = (psql, ours) {
        println!(
            "first screen with all exact figures: {ours:.0} ms; psql -c 'select 1': {psql:.0} ms; ratio {:.1}",
            ours / psql
        );
    }
}

/// A fleet on a private server: hypertables of 50 one-day chunks, half of them compressed, with policies and aggregates.
async fn build() -> Option<(String, PrivateServer)> {
    let server = PrivateServer::start(&Options {
        timescaledb: true,
        tcp: true,
        settings: vec![("shared_buffers".into(), "1GB".into())],
    })
    .expect("a private server");
    let version = server.timescaledb_versions().into_iter().next()?;
    let chunks: i32 = std::env::var("HYPERTOP_BENCH_CHUNKS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2000);
    let maintenance = connect::again(&settings(&server.conninfo("postgres")), None)
        .await
        .unwrap()
        .client;
    maintenance
        .batch_execute("create database fleet")
        .await
        .unwrap();
    let conninfo = server.conninfo("fleet");
    let first = connect::again(&settings(&conninfo), None)
        .await
        .unwrap()
        .client;
    first.batch_execute(&format!("set client_min_messages = error; create extension timescaledb version '{version}'; create schema fleet")).await.unwrap();
    let client = connect::again(&settings(&conninfo), None)
        .await
        .unwrap()
        .client;
    client
        .batch_execute("set client_min_messages = error; set jit = off")
        .await
        .unwrap();
    for number in 0..(chunks / 50).max(1) {
        let table = format!("fleet.ht_{number:05}");
        for statement in [
            format!(
                "create table {table} (time timestamptz not null, device int not null, value float8)"
            ),
            format!(
                "select create_hypertable('{table}', 'time', chunk_time_interval => interval '1 day')"
            ),
            format!("create index on {table} (device, time desc)"),
            format!(
                "alter table {table} set (timescaledb.compress, timescaledb.compress_segmentby = 'device')"
            ),
            format!(
                "insert into {table} select now() - d * interval '1 day', r, d from generate_series(0, 49) d, generate_series(1, 20) r"
            ),
            format!(
                "select count(compress_chunk(c)) from show_chunks('{table}', older_than => interval '25 days') c"
            ),
            format!(
                "select add_compression_policy('{table}', interval '20 days', initial_start => '2100-01-01')"
            ),
            format!(
                "select add_retention_policy('{table}', interval '48 days', initial_start => '2100-01-01')"
            ),
        ] {
            client.simple_query(&statement).await.unwrap();
        }
        if number % 4 == 0 {
            let create = format!(
                "create materialized view {table}_1h with (timescaledb.continuous) as select time_bucket('1 hour', time) as bucket, device, avg(value) from {table} group by 1, 2 with no data"
            );
            client.simple_query(&create).await.unwrap();
            let policy = format!(
                "select add_continuous_aggregate_policy('{table}_1h', interval '7 days', interval '1 hour', interval '1 hour', initial_start => '2100-01-01')"
            );
            client.simple_query(&policy).await.unwrap();
        }
    }
    client.simple_query("vacuum analyze").await.unwrap();
    Some((conninfo, server))
}
