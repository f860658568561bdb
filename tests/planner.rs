//! All lists and exact figures after ANALYZE of the catalogues with many hypertables, because that changes PostgreSQL's plans.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::run::show::{self, Format};
use hypertop::screens::overview;
use serde_json::Value as Json;
use support::settings;
use support::triage::on_each;

/// Thirty hypertables whose chunks have the same ranges, two of them with an aggregate.
fn fleet() -> String {
    let table = |n| {
        format!(
            "create table t{n} (ts timestamptz not null, device int not null);
            select create_hypertable('t{n}', 'ts', chunk_time_interval => interval '1 day');
            insert into t{n} select now() - g * interval '1 day', g from generate_series(0, 24) g;"
        )
    };
    let tables: String = (0..30).map(table).collect();
    let aggregate = |n| {
        format!(
            "create materialized view a{n} with (timescaledb.continuous) as
            select time_bucket('1 hour', ts) as bucket, count(*) from t{n} group by 1 with no data;"
        )
    };
    let aggregates: String = (0..2).map(aggregate).collect();
    format!("set client_min_messages = error;{tables}{aggregates}analyze")
}

#[test]
fn every_figure_of_a_fleet_can_be_read_whatever_plan_its_size_asks_for() {
    on_each("planner", &fleet(), async |rig, _| {
        let settings = settings(&rig.conninfo);
        for screen in overview::PARTS {
            let mut out = Vec::new();
            show::show(&settings, &rig.session, *screen, Format::Json, &mut out)
                .await
                .unwrap_or_else(|error| panic!("{}: {}: {error:#}", rig.name, screen.name()));
            let shown: Json = serde_json::from_slice(&out).unwrap();
            let caveats = shown["caveats"].as_array().unwrap();
            let unread = |note: &&Json| note.as_str().unwrap().contains("cannot be read");
            let unread: Vec<_> = caveats.iter().filter(unread).collect();
            assert!(
                unread.is_empty(),
                "{}: {}: {unread:?}",
                rig.name,
                screen.name()
            );
        }
    });
}
