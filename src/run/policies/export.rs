//! `hypertop export`: the present setup as a policy file, or as a script for psql.

use anyhow::Result;
use clap::Args;

use crate::actions::setup::script;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::write;
use crate::model::text::{self, fits};
use crate::server::session::Session;
use crate::server::setup;

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Only objects whose schema.name matches one of these patterns, such as 'mes.*'
    pattern: Vec<String>,
    /// Also write the default orderby, TimescaleDB's own indexes, and "none" for policies that an object does not have
    #[arg(long)]
    full: bool,
    /// Write a psql script instead, which creates the same setup from plain tables
    #[arg(long, conflicts_with = "full")]
    sql: bool,
}

/// The text of the policy file or script. An error if a pattern matches no object.
pub async fn printed(session: &Session, options: &Options) -> Result<String> {
    anyhow::ensure!(
        session.server.timescaledb.is_some(),
        "database {:?} has no TimescaleDB: there is nothing to export",
        session.server.database
    );
    let mut present = setup::read(session).await?;
    for pattern in &options.pattern {
        let mut names = present.hypertables.keys().chain(present.aggregates.keys());
        anyhow::ensure!(
            names.any(|name| fit(pattern, name)),
            "{pattern:?} matches no hypertable and no aggregate of database {:?}",
            session.server.database
        );
    }
    only(&mut present, &options.pattern);
    let unknown = present.unknown();
    anyhow::ensure!(unknown.is_empty(), "{}", unknown.join("\n"));
    let server = &session.server;
    let version = server
        .timescaledb
        .map_or_else(String::new, |version| format!(", TimescaleDB {version}"));
    let head = format!("Database {}{version}", text::printable(&server.database));
    Ok(if options.sql {
        format!("-- {head}\n{}", script::script(&present, server))
    } else {
        format!("# {head}\n\n{}", write::file(&present, options.full))
    })
}

fn fit(pattern: &str, name: &Name) -> bool {
    fits(pattern, &name.plain()) || name.to_string() == pattern
}

fn only(setup: &mut Setup, patterns: &[String]) {
    let chosen =
        |name: &Name| patterns.is_empty() || patterns.iter().any(|pattern| fit(pattern, name));
    setup.hypertables.retain(|name, _| chosen(name));
    setup.aggregates.retain(|name, _| chosen(name));
    setup.indexes.retain(|name, _| chosen(name));
    setup.locked.retain(|name| chosen(name));
}
