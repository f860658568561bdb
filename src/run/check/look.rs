//! The results of reading one database: selected findings, figures, metrics.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value as Json, json};

use super::collector::Collector;
use super::figures::Figures;
use super::metrics;
use super::metrics::{Metric, Seen};
use super::options::{Acknowledged, Format, Options};
use super::selection::Selection;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level};
use crate::run::show;
use crate::screens::gather;
use crate::screens::overview::Row;
use crate::server::known::{At, Server};

/// The results of reading one database.
#[derive(Debug)]
pub(super) struct Look {
    pub database: String,
    /// The findings that the options select.
    pub rows: Vec<Row>,
    /// Notes about unknown data and about findings that were left out.
    pub notes: Vec<String>,
    pub figures: Figures,
    pub metrics: Vec<Metric>,
    /// The findings and the server, as `hypertop show overview --format json` prints them.
    pub json: Json,
}

/// The results from the rows that the collector has read. `first`: whether this database is the first one. Only its results include
/// the findings about the whole server.
pub(super) async fn look(
    collector: &Collector,
    options: &Options,
    selection: &Selection<'_>,
    first: bool,
    took: Duration,
) -> Result<Look> {
    let session = collector.session()?;
    let (now, server) = (collector.now(), &session.server);
    let at = At { now, server };
    let screens = &collector.screens;
    let mut notes = Vec::new();
    let mut rows = gather::all(screens, &at);
    if !first {
        rows.retain(|row| !rules::of_the_server(row.finding.rule));
    }
    let unread = unread(collector, &at);
    let json = match options.format {
        Format::Json => json!({
            "server": show::server(server, now),
            "findings": show::rows(&rows, &at),
            "unread": &unread,
        }),
        _ => Json::Null,
    };
    // A figure that was not read becomes a finding. Otherwise its absence would look like health.
    rows.extend(unread.into_iter().map(|reason| unknown(server, reason)));
    if options.acknowledged == Acknowledged::Skip {
        let (left, said) = show::left(session, rows, now).await;
        rows = left;
        notes.extend(said);
    }
    let hides = |name: &&str| name.ends_with("-hidden") || *name == rules::FIGURES_UNREAD.name;
    let hidden = rows.iter().map(|row| row.finding.rule.name);
    let hidden = hidden.filter(hides).collect();
    let (rows, accepted) = selection.split(rows);
    notes.extend(accepted);
    let objects = options.objects_in_perfdata().then_some(selection);
    let figures = Figures::of(screens, &rows, &at, |name| {
        objects.is_some_and(|selection| selection.takes_object(name))
    });
    let seen = Seen {
        screens,
        rows: &rows,
        hidden,
        at: &at,
        took,
        first,
        readings: &collector.readings,
        counters: collector.counters.as_ref(),
    };
    let metrics = options.wants_metrics().then(|| metrics::of(&seen));
    Ok(Look {
        database: server.database.clone(),
        rows,
        notes,
        figures,
        metrics: metrics.unwrap_or_default(),
        json,
    })
}

fn unknown(server: &Server, reason: String) -> Row {
    let finding = Finding::new(&rules::FIGURES_UNREAD, Level::Unknown, reason);
    Row::of_role(ScreenId::Overview, server, finding)
}

/// Texts about data that was not read. Findings that need this data may be missing.
fn unread(collector: &Collector, at: &At) -> Vec<String> {
    let failed = collector.readings.iter();
    let failed = failed.filter_map(|(part, reading)| {
        let error = reading.error.as_ref()?;
        Some(format!("{}: {error}", part.title()))
    });
    failed
        .chain(gather::unread(&collector.screens, at))
        .collect()
}
