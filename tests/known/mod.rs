//! A server for verdicts, without a database.

use hypertop::model::moment::Stamp;
use hypertop::model::version::Version;
use hypertop::server::known::{Edition, Server};

pub const NOW: Stamp = Stamp(1_800_000_000_000_000);

pub fn server() -> Server {
    Server {
        host: "db1:5432".to_owned(),
        database: "factory".to_owned(),
        role: "operator".to_owned(),
        tls: None,
        by_network: true,
        standby: false,
        postgres: 150_020,
        timescaledb: Some(Version::new(2, 28)),
        edition: Edition::Community,
        preloaded: true,
        extension_schema: Some("public".to_owned()),
        simulated: false,
        superuser: false,
        reads_all_stats: false,
        owns_database: false,
        reads_job_history: false,
        track_counts: true,
        logs_job_successes: false,
        stats_reset: None,
        started: NOW.plus_seconds(-86_400.0),
        clock: NOW,
        time_zone: "UTC".to_owned(),
        time_zone_hidden_by: None,
        throw_away: false,
        thresholds: hypertop::model::thresholds::Thresholds::default(),
        busy_hours: None,
        policy_files: Vec::new(),
    }
}
