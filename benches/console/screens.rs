//! Each screen compared with the documented queries, first load and idle tick.

use std::time::{Duration, Instant};

use hypertop::connect;
use hypertop::connect::conninfo::Settings;
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::{Rows, Screens};
use hypertop::server::exact::{Exact, slices};
use hypertop::server::known::At;
use hypertop::server::session::Session;

use crate::{Goals, Limit, Spread, naive};

/// Ids and costs of the rows whose exact figures a 200x50 terminal shows first, by screen.
pub type Wanted = Vec<(ScreenId, Vec<(i64, usize)>)>;

const ROUNDS: usize = 7;
/// A screen gets no further round after this time.
const PATIENCE: Duration = Duration::from_secs(12);

async fn session(settings: &Settings) -> Session {
    let connected = connect::again(settings, None).await.unwrap();
    Session::start(connected).await.unwrap()
}

/// The screens that the documentation has queries for.
fn all() -> [ScreenId; 6] {
    [
        ScreenId::Hypertables,
        ScreenId::Compression,
        ScreenId::Retention,
        ScreenId::Indexes,
        ScreenId::Jobs,
        ScreenId::Aggregates,
    ]
}

pub async fn measure(settings: &Settings, goals: &mut Goals) -> Wanted {
    let naive = naive::client(settings).await;
    let lists = session(settings).await;
    let mut exact = Exact::new(settings, None);
    let count = "select count(*) from timescaledb_information.chunks";
    let chunks: i64 = naive.query_one(count, &[]).await.unwrap().get(0);
    println!(
        "\n{chunks} chunks\n{:12} {:>18} {:>16} {:>18} {:>18} {:>20}",
        "screen", "naive ms", "screen ms", "tick ms", "naive/screen", "naive/tick"
    );
    let (mut fulls, mut ticks, mut worst) = (0.0, 0.0, f64::INFINITY);
    let mut all_wanted = Vec::new();
    for screen in all() {
        let wanted = whole_screen(&lists, &mut exact, screen).await;
        let ids: Vec<i64> = wanted.iter().map(|(id, _)| *id).collect();
        let statements = naive::twin(&naive, screen, &ids).await;
        all_wanted.push((screen, wanted));
        let began = Instant::now();
        let (mut slow, mut full, mut tick) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let start = Instant::now();
            for statement in &statements {
                naive.simple_query(statement).await.unwrap();
            }
            let naive_took = start.elapsed();
            let start = Instant::now();
            whole_screen(&lists, &mut exact, screen).await;
            let full_took = start.elapsed();
            let start = Instant::now();
            lists.pulse(screen).await.unwrap();
            // The first round only fills the caches.
            if round > 0 {
                slow.push(naive_took);
                full.push(full_took);
                tick.push(start.elapsed());
                if round > 2 && began.elapsed() > PATIENCE {
                    break;
                }
            }
        }
        let by_full = Spread::of_ratios(&slow, &full);
        let by_tick = Spread::of_ratios(&slow, &tick);
        fulls += by_full.median.ln();
        ticks += by_tick.median.ln();
        worst = worst.min(by_full.median);
        println!(
            "{:12} {:>18} {:>16} {:>18} {:>18} {:>20}",
            screen.name(),
            Spread::of_times(&slow).to_string(),
            Spread::of_times(&full).to_string(),
            Spread::of_times(&tick).to_string(),
            by_full.to_string(),
            by_tick.to_string()
        );
    }
    let count = all_wanted.len() as f64;
    goals.check(
        "naive / screen, geometric mean",
        (fulls / count).exp(),
        Limit::Least(10.0),
    );
    goals.check("naive / screen, the worst", worst, Limit::Least(2.0));
    goals.check(
        "naive / tick, geometric mean",
        (ticks / count).exp(),
        Limit::Least(75.0),
    );
    watch(settings, goals).await;
    all_wanted
}

/// Loads the list, with the list query and its companion in parallel, as the program does.
async fn load(lists: &Session, exact: &mut Exact<'_>, screen: ScreenId) -> Rows {
    let half = async {
        match screen.about().companion {
            Some(query) => exact.companion(query).await.map(std::sync::Arc::new),
            None => Ok(std::sync::Arc::default()),
        }
    };
    lists.load_with_companion(screen, half).await.unwrap()
}

/// Loads the list and the exact figures of the 46 rows that a 200x50 terminal shows first; returns those rows. As in
/// the program, the statements are prepared once per connection, before the measurement.
async fn whole_screen(
    lists: &Session,
    exact: &mut Exact<'_>,
    screen: ScreenId,
) -> Vec<(i64, usize)> {
    let rows = load(lists, exact, screen).await;
    let mut screens = Screens::default();
    let at = At {
        now: lists.server.clock,
        server: &lists.server,
    };
    let asked = screens.ask(screen).unwrap();
    screens.load(asked, rows, Duration::ZERO, &at);
    let queries = (screen.about().exact)();
    // The queries for columns of the list. Later queries only add verdicts, and are measured separately.
    let last = queries.iter().position(|query| !query.overview);
    let mut wanted = Vec::new();
    for (nth, query) in queries.iter().take(last.unwrap_or(0) + 1).enumerate() {
        wanted = screens.wanted_at_first(screen, nth, 46, at.now);
        let slices = slices(&wanted, query.slice);
        for (number, slice) in slices.iter().enumerate() {
            let figures = exact.slice(*query, slice).await;
            let last = number + 1 == slices.len();
            screens.take_exact(screen, nth, figures, last, &at);
        }
    }
    wanted
}

/// An idle tick compared with `watch psql` on the documented views.
async fn watch(settings: &Settings, goals: &mut Goals) {
    let client = naive::client(settings).await;
    let mut times = Vec::new();
    for _ in 0..4 {
        let start = Instant::now();
        for statement in naive::WATCH {
            client.simple_query(statement).await.unwrap();
        }
        times.push(start.elapsed());
    }
    let (watch, tick) = (Spread::of_times(&times[1..]), tick(settings).await);
    println!("watch over the documented views: {watch} ms; a tick: {tick} ms");
    goals.check(
        "watch / tick",
        watch.median / tick.median,
        Limit::Least(200.0),
    );
}

/// Round-trip time of the queries of an idle tick, in milliseconds.
pub async fn tick(settings: &Settings) -> Spread {
    let session = session(settings).await;
    let mut times = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        session.pulse(ScreenId::Compression).await.unwrap();
        times.push(start.elapsed());
    }
    Spread::of_times(&times[10..])
}

/// The slowest list or slice of the first rows, in milliseconds (median of five).
pub async fn slowest(settings: &Settings) -> f64 {
    let (lists, mut exact) = (session(settings).await, Exact::new(settings, None));
    println!();
    let mut slowest: f64 = 0.0;
    for screen in all() {
        let wanted = whole_screen(&lists, &mut exact, screen).await;
        let (mut list, mut slice) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let start = Instant::now();
            load(&lists, &mut exact, screen).await;
            list.push(start.elapsed());
            for query in (screen.about().exact)() {
                if let Some(first) = slices(&wanted, query.slice).first() {
                    let start = Instant::now();
                    exact.slice(query, first).await;
                    slice.push(start.elapsed());
                }
            }
        }
        let list = Spread::of_times(&list);
        println!("large fleet, {}: list {list} ms", screen.name());
        slowest = slowest.max(list.median);
        if !slice.is_empty() {
            let slice = Spread::of_times(&slice);
            println!("large fleet, {}: slice {slice} ms", screen.name());
            slowest = slowest.max(slice.median);
        }
    }
    slowest
}
