//! Metrics of the server, of the database's counters, and of reading the screens.

use std::collections::BTreeMap;

use super::super::collector::Reading;
use super::metric::{Kind, Metric};
use crate::model::screen_id::ScreenId;
use crate::screens::Screens;
use crate::server::databases::DatabaseCounters;

/// The numbers of the Server screen. If a name occurs more than once, the largest value is taken.
pub(super) fn figures(screens: &Screens) -> Metric {
    let help = "Figures of the Server screen: counts, seconds and bytes";
    let mut metric = Metric::gauge("hypertop_server", help);
    let mut all: Vec<(String, f64)> = Vec::new();
    for row in screens.server.rows() {
        let Some(value) = row.value else { continue };
        match all.iter_mut().find(|(name, _)| *name == row.name) {
            Some((_, most)) => *most = most.max(value),
            None => all.push((row.name.clone(), value)),
        }
    }
    for (name, value) in all {
        metric.add(vec![("figure", name)], value);
    }
    metric
}

/// The counters of `pg_stat_database`.
pub(super) fn counters(of: &DatabaseCounters) -> Vec<Metric> {
    [
        (
            "hypertop_database_commits_total",
            "Transactions that were committed",
            of.commits,
        ),
        (
            "hypertop_database_rollbacks_total",
            "Transactions that were rolled back",
            of.rollbacks,
        ),
        (
            "hypertop_database_deadlocks_total",
            "Deadlocks",
            of.deadlocks,
        ),
        (
            "hypertop_database_conflicts_total",
            "Queries that this standby cancelled for the replay of WAL",
            of.conflicts,
        ),
        (
            "hypertop_database_temp_files_total",
            "Temporary files of queries",
            of.temp_files,
        ),
        (
            "hypertop_database_temp_bytes_total",
            "Bytes written to temporary files of queries",
            of.temp_bytes,
        ),
        (
            "hypertop_database_blocks_read_total",
            "Blocks that were not found in shared_buffers",
            of.blocks_read,
        ),
        (
            "hypertop_database_blocks_hit_total",
            "Blocks that were found in shared_buffers",
            of.blocks_hit,
        ),
    ]
    .map(|(name, help, value)| Metric::new(name, Kind::Counter, help).one(whole(value)))
    .into()
}

/// Duration and errors of reading each screen.
pub(super) fn collecting(screens: &Screens, readings: &BTreeMap<ScreenId, Reading>) -> [Metric; 3] {
    let mut seconds = Metric::gauge(
        "hypertop_collect_seconds",
        "Duration of the last attempt to read a screen, in seconds",
    );
    let mut errors = Metric::new(
        "hypertop_collect_errors_total",
        Kind::Counter,
        "Failed or late attempts to read a screen",
    );
    let mut stretched = Metric::gauge(
        "hypertop_stretched",
        "1 if a screen is read less often than it should be, because of --budget",
    );
    for (screen, reading) in readings {
        let labels = || vec![("screen", screen.name().to_owned())];
        if let Some(took) = reading.seconds {
            seconds.add(labels(), took);
        }
        errors.add(
            labels(),
            whole(i64::try_from(reading.errors).unwrap_or(i64::MAX)),
        );
        let is = f64::from(u8::from(screens.is_stretched(*screen) || reading.rests()));
        stretched.add(labels(), is);
    }
    [seconds, errors, stretched]
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an f64 is exact for every count that a server reaches"
)]
fn whole(value: i64) -> f64 {
    value as f64
}
