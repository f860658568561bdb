//! `hypertop plan` compared with the Overview's first reading, which an operator waits for anyway.

use std::time::{Duration, Instant};

use clap::Parser as _;
use hypertop::cli::{AsCode, Cli, Command};
use hypertop::connect;
use hypertop::connect::conninfo::Settings;
use hypertop::model::screen_id::ScreenId;
use hypertop::run::policies::{export, plan};
use hypertop::run::show;
use hypertop::server::session::Session;

use crate::{Goals, Limit, Spread};

const ROUNDS: usize = 5;
/// Retention policies that the changed file lengthens.
const CHANGED: usize = 20;

async fn session(settings: &Settings) -> Session {
    let connected = connect::again(settings, None).await.unwrap();
    Session::start(connected).await.unwrap()
}

/// The command that these arguments mean.
fn command(args: &[&str]) -> AsCode {
    let parsed = Cli::try_parse_from([&["hypertop"], args].concat()).unwrap();
    match parsed.command {
        Some(Command::AsCode(command)) => command,
        other => panic!("{other:?}"),
    }
}

/// Plans a file that describes the whole database as it is, and a file with some changes.
pub async fn measure(settings: &Settings, goals: &mut Goals) {
    let AsCode::Export { options } = command(&["export"]) else {
        panic!("no export")
    };
    let lists = session(settings).await;
    let exported = export::printed(&lists, &options);
    let same = Box::pin(exported).await.unwrap();
    let changed = same.replacen("every = \"1d\"", "every = \"2d\"", CHANGED);
    assert_ne!(changed, same);
    let folder = tempfile::tempdir().unwrap();
    let files = [("same.toml", same), ("changed.toml", changed)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        match command(&["plan", path.to_str().unwrap()]) {
            AsCode::Plan { options } => options,
            other => panic!("{other:?}"),
        }
    });
    let (mut overview, mut plans) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..=ROUNDS {
        let start = Instant::now();
        let lists = session(settings).await;
        let reading = show::gather(settings, &lists, ScreenId::Overview, Duration::ZERO);
        Box::pin(reading).await.unwrap();
        let overview_took = start.elapsed();
        // The first round only fills the caches.
        if round > 0 {
            overview.push(overview_took);
        }
        for (nth, (options, times)) in files.iter().zip(&mut plans).enumerate() {
            let start = Instant::now();
            let lists = session(settings).await;
            let planned = plan::plan(settings, &lists, true, options);
            let (_, code) = Box::pin(planned).await.unwrap();
            assert_eq!(code, if nth == 0 { plan::SAME } else { plan::DIFFERS });
            if round > 0 {
                times.push(start.elapsed());
            }
        }
    }
    let [same, changed] = &plans;
    let by_same = Spread::of_ratios(same, &overview);
    println!(
        "the Overview's first reading: {} ms; plan of an unchanged file: {} ms, ratio {by_same}; with {CHANGED} changes: {} ms, ratio {}",
        Spread::of_times(&overview),
        Spread::of_times(same),
        Spread::of_times(changed),
        Spread::of_ratios(changed, &overview)
    );
    goals.check(
        "plan / the Overview's first reading",
        by_same.median,
        Limit::Most(2.0),
    );
}
