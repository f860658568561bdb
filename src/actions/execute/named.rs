//! Finds the relations and jobs that statements name.

use std::collections::BTreeMap;

use anyhow::Result;
use tokio_postgres::{Client, Row};

use crate::model::plan::named::{JobKind, Named, NamedJob, Relation, parts};
use crate::model::plan::{Statement, Step};
use crate::server::known::Server;
use crate::server::session;
use crate::server::sql::{Param, Query, query};

const RELATIONS: Query = query!("act_relations");
const JOBS: Query = query!("act_jobs");

/// A relation with its present name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub relation: Relation,
    pub schema: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundJob {
    pub kind: JobKind,
    /// Hypertable id in the job's configuration. `None`: the configuration has no such id.
    pub meant: Option<i64>,
}

fn read(row: &Row) -> Result<Found> {
    Ok(Found {
        relation: Relation {
            oid: row.try_get("oid")?,
            kind: row.try_get("kind")?,
            table: row.try_get("table_oid")?,
            parent: row.try_get("parent")?,
            hypertable: row.try_get("hypertable")?,
        },
        schema: row.try_get("schema")?,
        name: row.try_get("name")?,
    })
}

async fn rows(
    client: &Client,
    server: &Server,
    names: &[(String, String)],
    oids: Vec<i64>,
) -> Result<Vec<Row>> {
    let (schemas, names) = names.iter().cloned().unzip();
    let params = [
        Param::Texts(schemas),
        Param::Texts(names),
        Param::BigInts(oids),
    ];
    session::ask(client, RELATIONS.text(server.sql_version()), &params).await
}

/// The relations that have these names now. A name without a relation is left out.
pub(crate) async fn by_name(
    client: &Client,
    server: &Server,
    names: &[String],
) -> Result<BTreeMap<String, Found>> {
    let asked: Vec<(&String, (String, String))> = names
        .iter()
        .filter_map(|name| Some((name, parts(name)?)))
        .collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let both: Vec<_> = asked.iter().map(|(_, parts)| parts.clone()).collect();
    let mut found = BTreeMap::new();
    for row in rows(client, server, &both, Vec::new()).await? {
        let nth: i64 = row.try_get("nth")?;
        let at = usize::try_from(nth - 1).ok();
        if let Some((name, _)) = at.and_then(|at| asked.get(at)) {
            found.insert((*name).clone(), read(&row)?);
        }
    }
    Ok(found)
}

/// The relations that have these oids now. An oid without a relation is left out.
pub(crate) async fn by_oid(
    client: &Client,
    server: &Server,
    oids: Vec<i64>,
) -> Result<BTreeMap<i64, Found>> {
    if oids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = rows(client, server, &[], oids).await?;
    let found = rows.iter().map(|row| {
        let found = read(row)?;
        Ok((found.relation.oid, found))
    });
    found.collect()
}

/// All jobs of the database, by id. Empty without TimescaleDB.
pub(crate) async fn jobs(client: &Client, server: &Server) -> Result<BTreeMap<i64, FoundJob>> {
    if server.timescaledb.is_none() {
        return Ok(BTreeMap::new());
    }
    let rows = session::ask(client, JOBS.text(server.sql_version()), &[]).await?;
    let job = |row: &Row| {
        let kind = JobKind {
            proc_schema: row.try_get("proc_schema")?,
            proc_name: row.try_get("proc_name")?,
            hypertable: row.try_get("hypertable")?,
        };
        let meant = row.try_get("meant")?;
        Ok((row.try_get("id")?, FoundJob { kind, meant }))
    };
    rows.iter().map(job).collect()
}

/// Ids of the jobs of this kind (procedure and hypertable), without the job `but`.
pub(crate) fn alike(jobs: &BTreeMap<i64, FoundJob>, kind: &JobKind, but: i64) -> Vec<i64> {
    let others = jobs
        .iter()
        .filter(|(id, job)| **id != but && job.kind == *kind);
    others.map(|(id, _)| *id).collect()
}

/// The statements of a step and of its undo.
pub(super) fn statements(step: &Step) -> impl Iterator<Item = &Statement> {
    step.run.iter().chain(&step.undo)
}

/// The relations and jobs that the statements of steps and of their undo name.
pub(super) async fn of_steps(client: &Client, server: &Server, steps: &[Step]) -> Result<Named> {
    let all = || steps.iter().flat_map(statements);
    let mut wanted: Vec<String> = all().flat_map(Statement::relations).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let relations = by_name(client, server, &wanted).await?;
    let relations = relations
        .into_iter()
        .map(|(name, found)| (name, found.relation));
    let mut named = Named {
        relations: relations.collect(),
        jobs: BTreeMap::new(),
    };
    let ids: Vec<i64> = all().flat_map(Statement::jobs).collect();
    if !ids.is_empty() {
        let jobs = jobs(client, server).await?;
        for id in ids {
            if let Some(job) = jobs.get(&id) {
                let alike = alike(&jobs, &job.kind, id);
                let kind = job.kind.clone();
                named.jobs.insert(id.to_string(), NamedJob { kind, alike });
            }
        }
    }
    Ok(named)
}
