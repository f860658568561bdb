//! Measures the console's cost, mostly as ratios within one run: `cargo bench`.
//!
//! Without a server: a frame with 100 000 rows. With a database (`HYPERTOP_BENCH_URL`, else one of
//! `HYPERTOP_BENCH_CHUNKS` chunks, by default 2000, on a private server): each screen compared with the documented
//! queries for the same data, first load and idle tick; locks and memory on the server; the plan of a policy file
//! compared with the Overview's first reading; the program in a terminal
//! compared with `psql -c 'select 1'`. `HYPERTOP_BENCH_LARGE_URL` and `HYPERTOP_BENCH_SMALL_URL` name two further
//! databases (the goals assume 66 000, 20 000 and 500 chunks). Prints medians with minimum and maximum, from
//! alternating rounds, and at the end all goals with the measured values.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may fail"
)]

mod check;
mod fleet;
mod frame;
mod naive;
mod policies;
mod program;
mod screens;
mod weight;

use std::time::Duration;

use hypertop::connect::conninfo;
use hypertop::connect::conninfo::{Flags, Settings, Surroundings};

fn main() {
    let mut goals = Goals::default();
    frame::measure(&mut goals);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(fleets(&mut goals));
    goals.print();
}

async fn fleets(goals: &mut Goals) {
    let (conninfo, server) = match std::env::var("HYPERTOP_BENCH_URL") {
        Ok(url) => (url, None),
        Err(_) => match fleet::build().await {
            Some((conninfo, server)) => (conninfo, Some(server)),
            None => return println!("no TimescaleDB here: the screens are not measured"),
        },
    };
    let wanted = Box::pin(screens::measure(&settings(&conninfo), goals)).await;
    weight::measure(&settings(&conninfo), &wanted, goals).await;
    Box::pin(policies::measure(&settings(&conninfo), goals)).await;
    program::measure(&conninfo, goals);
    check::measure(
        &conninfo,
        &settings(&conninfo),
        &wanted,
        server.is_some(),
        goals,
    )
    .await;
    let tick = screens::tick(&settings(&conninfo)).await;
    if let Ok(url) = std::env::var("HYPERTOP_BENCH_LARGE_URL") {
        let slowest = Box::pin(screens::slowest(&settings(&url))).await;
        goals.check(
            "large fleet: slowest query, ms",
            slowest,
            Limit::Most(2000.0),
        );
        let (list, exact) = program::first_screen(&conninfo);
        let (large_list, large_exact) = program::first_screen(&url);
        println!(
            "first screen on the large fleet: {large_list} ms, with the exact bytes {large_exact} ms ({:.2} times as long)",
            large_exact.median / exact.median
        );
        let by_list = large_list.median / list.median;
        goals.check(
            "large fleet: first screen / this one",
            by_list,
            Limit::Most(1.5),
        );
        let base = match std::env::var("HYPERTOP_BENCH_SMALL_URL") {
            Ok(small) => screens::tick(&settings(&small)).await,
            Err(_) => tick,
        };
        let large = screens::tick(&settings(&url)).await;
        println!("tick: {base} ms on the smallest fleet, {large} ms on the largest");
        let ratio = large.median / base.median;
        goals.check("tick: largest / smallest fleet", ratio, Limit::Most(1.5));
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

/// Minimum, median and maximum of some measurements.
#[derive(Debug, Clone, Copy)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        Self {
            least: numbers[0],
            median: numbers[numbers.len() / 2],
            most: numbers[numbers.len() - 1],
        }
    }

    /// Spread of the times, in milliseconds.
    fn of_times(times: &[Duration]) -> Self {
        Self::of(times.iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }

    /// Spread of the ratios of `above` to `below`, round by round.
    fn of_ratios(above: &[Duration], below: &[Duration]) -> Self {
        let rounds = above.iter().zip(below);
        Self::of(
            rounds
                .map(|(above, below)| above.as_secs_f64() / below.as_secs_f64())
                .collect(),
        )
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.median < 10.0 { 2 } else { 0 };
        write!(
            f,
            "{:.digits$} ({:.digits$}..{:.digits$})",
            self.median, self.least, self.most
        )
    }
}

/// Limit of a goal.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Most(f64),
    Least(f64),
}

/// The goals with the measured values.
#[derive(Debug, Default)]
struct Goals(Vec<(&'static str, f64, Limit)>);

impl Goals {
    fn check(&mut self, goal: &'static str, measured: f64, limit: Limit) {
        self.0.push((goal, measured, limit));
    }

    fn print(&self) {
        println!("\n{:46} {:>12} {:>10}", "goal", "limit", "measured");
        for (goal, measured, limit) in &self.0 {
            let (sign, limit, met) = match limit {
                Limit::Most(limit) => ("<=", limit, measured <= limit),
                Limit::Least(limit) => (">=", limit, measured >= limit),
            };
            let met = if met { "met" } else { "MISSED" };
            println!("{goal:46} {sign:>4} {limit:7.1} {measured:10.2} {met}");
        }
    }
}
