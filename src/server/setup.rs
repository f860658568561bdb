//! Reads the setup of a database: everything that a policy file can describe.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio_postgres::Client;

use crate::model::age_rule::{AgeRule, COMPRESS, DROP, Keys};
use crate::model::interval::Interval;
use crate::model::moment::{Axis, Stamp};
use crate::model::setup::changes::ground::{Columns, Plain};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{
    AgePolicy, Aggregate, Compression, Hypertable, Index, Refresh, Reorder, Schedule, Setup,
    Storage,
};
use crate::model::setup::order_by::OrderBy;
use crate::model::span::Span;
use crate::model::version::{LEAVES_OPEN, Version};
use crate::server::known::Server;
use crate::server::row;
use crate::server::session::{self, Session};
use crate::server::sql::{Param, Query, query};

const SETUP: Query = query!("setup");
const INDEXES: Query = query!("setup_indexes");
const TABLES: Query = query!("setup_tables");
const SAVING: Query = query!("setup_saving");

/// Bytes that compression saved on a hypertable: row of `queries/setup_saving.sql`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Saving {
    /// Id of the hypertable.
    pub id: i64,
    /// Number of compressed chunks.
    pub compressed: i64,
    /// Number of all chunks that are old enough (see [`savings`]), compressed or not.
    pub chunks: i64,
    /// Bytes of the compressed chunks before compression, as TimescaleDB recorded them.
    pub before_bytes: i64,
    pub after_bytes: i64,
    /// Time at which the oldest chunk becomes old enough, or became old enough. `None`: integer time, or `savings` has no `after`.
    pub due: Option<Stamp>,
}

/// Bytes that compression saved on each hypertable, over the chunks whose time range ended at least `after` ago. `None`: over all chunks.
pub(crate) async fn savings(session: &Session, after: Option<Interval>) -> Result<Vec<Saving>> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    row::read_all(&session.ask(&SAVING, &[Param::Text(after)]).await?)
}

/// Row of `queries/setup.sql`.
#[derive(Debug, Deserialize)]
struct Relation {
    id: i64,
    name: String,
    aggregate: bool,
    time_column: String,
    axis: String,
    interval_length: i64,
    integer_now: Option<String>,
    compression: Option<Json>,
    source: Option<String>,
    materialized_only: Option<bool>,
    definition: Option<String>,
    jobs: Json,
    chunks: bool,
    comment: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    segment_by: Option<Vec<String>>,
    order_by: Option<Vec<String>>,
    desc: Option<Vec<bool>>,
    nulls_first: Option<Vec<bool>>,
}

#[derive(Debug, Deserialize)]
struct Job {
    id: i64,
    proc_name: String,
    every: String,
    scheduled: bool,
    config: Option<Json>,
    fixed: bool,
    /// Microseconds since 1970.
    initial: Option<i64>,
    zone: Option<String>,
}

/// Row of `queries/setup_indexes.sql`. `name` is `None` if another session locks the relation, so that its indexes are unknown.
#[derive(Debug, Deserialize)]
struct IndexRow {
    relation: String,
    name: Option<String>,
    oid: Option<i64>,
    columns: Vec<String>,
    include: Vec<String>,
    method: Option<String>,
    is_unique: Option<bool>,
    predicate: Option<String>,
    by_default: Option<bool>,
    valid: Option<bool>,
    builder: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct PlainTable {
    schema: String,
    name: String,
    columns: Json,
    filled: bool,
    comment: Option<String>,
    unfit: Option<String>,
}

/// Reads the present setup. It is an error if a policy's configuration cannot be parsed, because the setup would be wrong without it.
pub(crate) async fn read(session: &Session) -> Result<Setup> {
    let mut setup = Setup::default();
    let relations: Vec<Relation> = row::read_all(&session.ask(&SETUP, &[]).await?)?;
    let version = session.server.sql_version();
    for relation in relations {
        let what = relation.name.clone();
        relation
            .put(&mut setup, version)
            .with_context(|| format!("cannot read the setup of {what}"))?;
    }
    let indexes: Vec<IndexRow> = row::read_all(&session.ask(&INDEXES, &[]).await?)?;
    for row in indexes {
        let on = Name::parse(&row.relation).map_err(|why| anyhow!(why))?;
        let Some(name) = row.name else {
            setup.locked.insert(on);
            continue;
        };
        let index = Name::parse(&name).map_err(|why| anyhow!(why))?;
        let has = Index {
            oid: row.oid,
            columns: row.columns,
            include: row.include,
            method: row.method.unwrap_or_default(),
            unique: row.is_unique == Some(true),
            predicate: row.predicate,
            by_default: row.by_default == Some(true),
            valid: row.valid == Some(true),
            builder: row.builder,
        };
        setup.indexes.entry(on).or_default().insert(index.name, has);
    }
    Ok(setup)
}

/// Names as two parameters: the schemas, and the names in them.
pub(super) fn pairs(names: &[Name]) -> [Param; 2] {
    let both = names
        .iter()
        .map(|name| (name.schema.clone(), name.name.clone()));
    let (schemas, names) = both.unzip();
    [Param::Texts(schemas), Param::Texts(names)]
}

/// The plain tables among these names.
pub(crate) async fn tables(session: &Session, names: &[Name]) -> Result<BTreeMap<Name, Plain>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = session.ask(&TABLES, &pairs(names)).await?;
    let tables: Vec<PlainTable> = row::read_all(&rows)?;
    let table = |table: PlainTable| {
        let name = Name {
            schema: table.schema,
            name: table.name,
        };
        let plain = Plain {
            columns: Columns::deserialize(table.columns)?,
            filled: table.filled,
            comment: table.comment,
            unfit: table.unfit,
        };
        Ok((name, plain))
    };
    tables.into_iter().map(table).collect()
}

/// A query as the server prints it, by way of a temporary view that is rolled back. `client`: a session that can write.
pub(crate) async fn spelled(client: &Client, server: &Server, query: &str) -> Result<String> {
    let query = query.trim().trim_end_matches(';');
    // Only the savepoint is rolled back, because the server counts transactions that are rolled back, and monitoring may alert on them.
    // If another session locks a table for longer than `lock_timeout`, this returns an error.
    let begin = "begin; set local lock_timeout = '200ms'; set local statement_timeout = '5s'; savepoint spelled";
    client.batch_execute(begin).await?;
    let made = async {
        client
            .batch_execute(&server.finding_its_functions())
            .await?;
        // A prepared statement is a single statement, whatever the text contains; batch_execute would run several.
        let create = format!("create temporary view hypertop_spelled as {query}");
        client.execute(create.as_str(), &[]).await?;
        // With this search_path every name is printed qualified, as in the catalogue's definitions.
        client
            .batch_execute("set local search_path = pg_catalog")
            .await?;
        let rows = session::ask(
            client,
            "select pg_get_viewdef('pg_temp.hypertop_spelled'::regclass, true) as text",
            &[],
        )
        .await?;
        let row = rows.first().context("no definition")?;
        Ok(row.try_get::<_, String>("text")?)
    };
    let made = made.await;
    client
        .batch_execute("rollback to savepoint spelled; commit")
        .await?;
    made
}

impl Relation {
    fn put(self, setup: &mut Setup, version: Version) -> Result<()> {
        let axis = Axis::of(&self.axis);
        let name = Name::parse(&self.name).map_err(|why| anyhow!(why))?;
        let settings = self.compression.map(Settings::deserialize).transpose()?;
        let mut storage = Storage {
            compression: settings
                .map(|settings| settings.read(&self.time_column, self.aggregate, version)),
            ..Storage::default()
        };
        let mut refresh = Vec::new();
        for job in Vec::<Job>::deserialize(&self.jobs)? {
            setup.schedules.insert(job.id, job.schedule());
            job.put(axis, &mut storage, &mut refresh)?;
        }
        if self.aggregate {
            let source = self.source.context("an aggregate without a source")?;
            let view = Aggregate {
                id: Some(self.id),
                axis,
                source: Name::parse(&source).map_err(|why| anyhow!(why))?,
                materialized_only: self.materialized_only.unwrap_or_default(),
                query: self.definition,
                refresh,
                comment: self.comment,
                storage,
            };
            setup.aggregates.insert(name, view);
        } else {
            let function = self.integer_now.as_deref().map(Name::parse);
            let function = function.transpose().map_err(|why| anyhow!(why))?;
            let table = Hypertable {
                id: Some(self.id),
                time: self.time_column,
                axis,
                interval: self.interval_length,
                integer_now: function,
                chunks: self.chunks,
                comment: self.comment,
                storage,
            };
            setup.hypertables.insert(name, table);
        }
        Ok(())
    }
}

impl Settings {
    /// An orderby that equals TimescaleDB's default is read as not set, because only some versions store the default. Before
    /// [`LEAVES_OPEN`], a segmentby that is not stored means that there is none.
    fn read(self, time: &str, aggregate: bool, version: Version) -> Compression {
        let flag = |list: &Option<Vec<bool>>, at: usize| {
            list.as_ref().and_then(|list| list.get(at)).copied()
        };
        let order = self.order_by.map(|columns| {
            let one = |(at, column)| OrderBy {
                column,
                desc: flag(&self.desc, at).unwrap_or_default(),
                nulls_first: flag(&self.nulls_first, at).unwrap_or_default(),
            };
            columns.into_iter().enumerate().map(one).collect::<Vec<_>>()
        });
        let default = [OrderBy::newest_first(time)];
        let order_by = order.filter(|order| !order.is_empty() && (aggregate || *order != default));
        let none = || (version < LEAVES_OPEN).then(Vec::new);
        Compression {
            segment_by: self.segment_by.or_else(none),
            order_by,
        }
    }
}

impl Job {
    fn schedule(&self) -> Schedule {
        Schedule {
            fixed: self.fixed,
            initial: self.initial.map(Stamp),
            zone: self.zone.clone(),
        }
    }

    /// Adds the job's policy to the policies of its relation.
    fn put(&self, axis: Axis, storage: &mut Storage, refresh: &mut Vec<Refresh>) -> Result<()> {
        let every = Interval::parse(&self.every).map_err(|why| anyhow!(why))?;
        match self.proc_name.as_str() {
            "policy_compression" => storage.compress = Some(self.age(axis, every, &COMPRESS)?),
            "policy_retention" => storage.retain = Some(self.age(axis, every, &DROP)?),
            "policy_reorder" => {
                let index = self
                    .text("index_name")
                    .context("a reorder policy without an index")?;
                storage.reorder = Some(Reorder {
                    job: Some(self.id),
                    index,
                    every,
                });
            }
            _ => refresh.push(Refresh {
                job: Some(self.id),
                start: self.span(axis, "start_offset")?,
                end: self.span(axis, "end_offset")?,
                every,
                scheduled: self.scheduled,
            }),
        }
        Ok(())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.value(key)?.as_str().map(str::to_owned)
    }

    /// A value of the configuration. `None`: absent or NULL.
    fn value(&self, key: &str) -> Option<&Json> {
        let found = self.config.as_ref()?.get(key)?;
        (!found.is_null()).then_some(found)
    }

    /// A length in the configuration. `None`: absent or NULL.
    fn span(&self, axis: Axis, key: &str) -> Result<Option<Span>> {
        let Some(found) = self.value(key) else {
            return Ok(None);
        };
        let span = match found {
            Json::String(text) => Span::parse(axis, text),
            other => Span::of(other),
        };
        let span = span.with_context(|| format!("{key} of job {}: {found}", self.id))?;
        Ok(Some(span))
    }

    fn age(&self, axis: Axis, every: Interval, keys: &Keys) -> Result<AgePolicy> {
        let key = keys.of(|key| self.value(key).is_some());
        let age = if key == keys.created {
            let text = self.text(key).unwrap_or_default();
            AgeRule::CreatedBefore(Interval::parse(&text).map_err(|why| anyhow!(why))?)
        } else {
            let span = self.span(axis, key)?;
            let none = || format!("job {} has neither {key} nor {}", self.id, keys.created);
            AgeRule::After(span.with_context(none)?)
        };
        Ok(AgePolicy {
            job: Some(self.id),
            age,
            every,
            scheduled: self.scheduled,
        })
    }
}
