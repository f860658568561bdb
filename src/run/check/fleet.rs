//! The databases that a check reads: one, or all databases of a server that have the extension.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::collector::Collector;
use super::failure::{Failure, NoAnswer};
use super::figures::Figures;
use super::look::{Look, look};
use super::metrics::{self, Metric};
use super::options::Options;
use super::outcome::{self, Outcome};
use super::selection::{Selection, any};
use crate::config::Config;
use crate::connect::conninfo::Settings;
use crate::journal::Journal;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level};
use crate::screens::overview::Row;

/// Minimum time between two lists of the databases. Created and dropped databases are noticed when the databases are listed again.
const LIST_AGAIN: Duration = Duration::from_secs(300);

/// The collectors of the databases. The database that the user named comes first.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    options: &'a Options,
    settings: Settings,
    config: Config,
    journal: Option<Journal>,
    collectors: Vec<Collector>,
    /// Time when the databases were last listed.
    listed: Option<Instant>,
    /// Databases without the extension.
    without: BTreeSet<String>,
}

/// The findings, figures and metrics of all databases together.
pub(super) struct Collected {
    pub outcome: Outcome,
    /// True: all rows were read before the deadline.
    pub in_time: bool,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(
        options: &'a Options,
        settings: Settings,
        config: Config,
        journal: Option<Journal>,
    ) -> Self {
        let mut fleet = Self {
            options,
            settings,
            config,
            journal,
            collectors: Vec::new(),
            listed: None,
            without: BTreeSet::new(),
        };
        let home = fleet.collector(fleet.settings.clone());
        fleet.collectors.push(home);
        fleet
    }

    fn collector(&self, settings: Settings) -> Collector {
        let collector = Collector::new(settings, self.config.clone(), self.journal.clone());
        collector.budget(self.options.budget)
    }

    pub(super) fn database(&self) -> &str {
        &self.settings.dbname
    }

    /// The metrics for a server that was not read; `last_success`: time of the last success, in seconds since 1970.
    pub(super) fn down(&self, last_success: Option<f64>) -> Vec<Metric> {
        let databases = self.collectors.iter().map(Collector::database);
        let known = databases.filter(|name| !self.without.contains(*name));
        let metrics = known.map(|name| metrics::down(Some(name), last_success));
        metrics.fold(Vec::new(), metrics::joined)
    }

    /// Reads every database until the deadline. `keeps`: leave the connections open.
    pub(super) async fn collect(
        &mut self,
        selection: &Selection<'_>,
        until: Instant,
        keeps: bool,
    ) -> Result<Collected, Failure> {
        let several = self.options.several();
        if several {
            self.list(until).await?;
        }
        let mut looks = Vec::new();
        let mut in_time = true;
        for nth in 0..self.collectors.len() {
            let Some(collector) = self.collectors.get_mut(nth) else {
                break;
            };
            if several && self.without.contains(collector.database()) {
                continue;
            }
            let begun = Instant::now();
            let read = Box::pin(collector.collect(until)).await;
            match read {
                Ok(whole) => in_time &= whole,
                Err(error) if !several => return Err(Failure::of_connection(&error)),
                Err(error) => {
                    let failure = Failure::of_connection(&error);
                    looks.push(unread(collector.database(), failure.words()));
                    continue;
                }
            }
            let has_extension = collector.session()?.server.timescaledb.is_some();
            if several && !has_extension {
                self.without.insert(collector.database().to_owned());
                collector.close();
                continue;
            }
            let first = looks.is_empty();
            let took = begun.elapsed();
            looks.push(look(collector, self.options, selection, first, took).await?);
            if !keeps {
                collector.close();
            }
        }
        if looks.is_empty() {
            return Err(Failure::Wrong(
                "found no database that has the extension timescaledb, that this role may connect to, and that matches --databases (if given)"
                    .to_owned(),
            ));
        }
        let outcome = outcome::of(looks, several, self.options);
        Ok(Collected { outcome, in_time })
    }

    /// Adds collectors for new databases, and removes the collectors of dropped databases.
    async fn list(&mut self, until: Instant) -> Result<(), Failure> {
        if self.listed.is_some_and(|at| at.elapsed() < LIST_AGAIN) {
            return Ok(());
        }
        let home = self.collectors.first_mut().context("no database");
        let home = home.map_err(Failure::from)?;
        let names = async {
            home.connect(until).await?;
            let names = timeout_at(until, home.session()?.databases()).await;
            names.map_err(|_| anyhow::Error::from(NoAnswer(Duration::ZERO)))?
        };
        let names = names.await;
        let mut names = names.map_err(|error| Failure::of_connection(&error))?;
        let patterns = &self.options.databases;
        names.retain(|name| patterns.is_empty() || any(patterns, name));
        let home = self.settings.dbname.clone();
        // The extension may have been created meanwhile.
        self.without.clear();
        if !names.contains(&home) {
            self.without.insert(home.clone());
        }
        self.collectors.retain(|old| {
            old.database() == home || names.iter().any(|name| name == old.database())
        });
        for name in names {
            if self.collectors.iter().any(|old| old.database() == name) {
                continue;
            }
            let settings = Settings {
                dbname: name,
                ..self.settings.clone()
            };
            let collector = self.collector(settings);
            self.collectors.push(collector);
        }
        self.listed = Some(Instant::now());
        Ok(())
    }

    /// Cancels the running statements on the server.
    pub(super) async fn cancel(&mut self) {
        for collector in &mut self.collectors {
            collector.cancel().await;
        }
    }
}

/// The finding for a database that was not read. Without a finding, the database would look healthy.
fn unread(database: &str, error: &str) -> Look {
    let finding = Finding::new(&rules::FIGURES_UNREAD, Level::Unknown, error);
    let (of, subject) = (database.to_owned(), format!("database {database}"));
    Look {
        database: database.to_owned(),
        rows: vec![Row::new(ScreenId::Overview, of, subject, finding)],
        notes: Vec::new(),
        figures: Figures::default(),
        metrics: metrics::down(Some(database), None),
        json: json!({ "server": { "database": database }, "error": error }),
    }
}
