//! Acting on indexes: build anew, clean up, drop, complete, create.
//!
//! A hypertable's index is a pattern; what is scanned, bloated and missing are its copies on the chunks.

mod create;
mod drop;
mod rebuild;
mod reindex;

use serde::Deserialize;

use crate::actions::act::{Act, Context, Refusal};
use crate::actions::catalogue::{Action, Group, act};
use crate::model::plan::{Plan, Statement, Step};
use crate::model::target::Kind;
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;
use crate::server::sql::{Query, query};

const FACTS: Query = query!("plan_index");
const TABLE_FACTS: Query = query!("plan_index_table");

pub static ACTIONS: &[Action] = &[
    act(
        "reindex-index",
        &["i"],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: Some(reindex::form),
            plan: reindex::index,
        },
        "REINDEX CONCURRENTLY the index, chunk by chunk",
    ),
    act(
        "drop-leftovers",
        &[],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: None,
            plan: drop::leftovers,
        },
        "Drop the invalid _ccnew and _ccold indexes that an interrupted REINDEX left on the index's table",
    ),
    act(
        "drop-index",
        &["D"],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: Some(drop::form),
            plan: drop::index,
        },
        "Drop an unused or duplicate index; a duplicate's survivor keeps an index on every chunk",
    ),
    act(
        "rebuild-missing",
        &["b"],
        Group::Indexes,
        Act {
            on: Kind::Index,
            facts: FACTS,
            form: Some(rebuild::form),
            plan: rebuild::missing,
        },
        "Create the index on the chunks that lack it",
    ),
    act(
        "create-index",
        &[],
        Group::Indexes,
        Act {
            on: Kind::Hypertable,
            facts: TABLE_FACTS,
            form: Some(create::form),
            plan: create::index,
        },
        "Create an index on the hypertable, one chunk at a time",
    ),
    act(
        "reindex-table",
        &[],
        Group::Indexes,
        Act {
            on: Kind::Hypertable,
            facts: TABLE_FACTS,
            form: Some(reindex::table_form),
            plan: reindex::table,
        },
        "REINDEX CONCURRENTLY all indexes of the hypertable's chunks, compressed ones too",
    ),
];

/// From this version on identical indexes of a hypertable share one index on each new chunk, and a chunk's index
/// belongs to the hypertable's by its shape; before, a table of the catalogue says which is whose.
const BY_SHAPE: Version = Version::new(2, 22);

/// A chunk, a partition, or the table itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Part {
    oid: i64,
    /// Quoted and qualified, as all names here but those called `bare`.
    name: String,
    #[serde(default)]
    schema: String,
    #[serde(default)]
    bare: String,
    /// The names of its indexes, where one may have to be added.
    taken: Option<Vec<String>>,
}

impl Part {
    /// A free name, as TimescaleDB would choose it, for a copy of this index.
    fn name_for(&self, index: &str) -> String {
        let whole = format!("{}_{index}", self.bare);
        let taken = self.taken.as_deref().unwrap_or_default();
        let numbered = (1..).map(|number| format!("{}_{number}", short(&whole, NAME - 4)));
        std::iter::once(short(&whole, NAME).to_owned())
            .chain(numbered)
            .find(|name| !taken.contains(name))
            .unwrap_or_default()
    }
}

/// The most bytes of a name.
const NAME: usize = 63;

/// What fits into so many bytes.
fn short(name: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(name.len())).rfind(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

/// The index on one part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Copy {
    oid: i64,
    name: String,
    /// The part's oid.
    part: i64,
    valid: bool,
    #[serde(default)]
    exclusion: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Leftover {
    oid: i64,
    name: String,
    table_oid: i64,
    table: String,
    /// The session whose reindex it is, if one is under way.
    pid: Option<i64>,
}

/// An index of the same table that is the same in everything but the name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Twin {
    name: String,
    bare: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Constraint {
    name: String,
    /// `p`, `u` or `x`.
    kind: String,
}

/// What `queries/plan_index.sql` tells of an index.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the catalogue tells"
)]
struct Index {
    oid: i64,
    name: String,
    bare: String,
    schema: String,
    table_oid: i64,
    table: String,
    hypertable: bool,
    partitioned: bool,
    /// It belongs to the index of a partitioned table.
    child: bool,
    /// Of PostgreSQL's own.
    system: bool,
    /// Its table is a chunk, or holds what is compressed of one.
    chunk: bool,
    /// Compression is enabled, on a version where that keeps unique indexes from being made.
    compressing: bool,
    /// `None`: the table is locked, so it could not be asked.
    definition: Option<String>,
    /// With what the definition begins, up to its method.
    head: String,
    /// With what it ends.
    predicate: Option<String>,
    /// It has storage parameters.
    optioned: bool,
    unique: bool,
    exclusion: bool,
    valid: bool,
    replica_identity: bool,
    clustered: bool,
    tablespace: Option<String>,
    comment: Option<String>,
    /// Its expressions have statistics targets of their own.
    statistics: bool,
    /// Copies in another tablespace than the index itself.
    elsewhere: i64,
    /// Copies with a comment, storage parameters, clustering or an extension of their own.
    adorned: i64,
    /// The extensions it depends on: it goes with them.
    extensions: Vec<String>,
    /// The names in its schema that end as that of an index that is to take its place.
    news: Vec<String>,
    constraint: Option<Constraint>,
    referenced_by: Option<String>,
    reorder_job: Option<i64>,
    parts: Vec<Part>,
    copies: Vec<Copy>,
    leftovers: Vec<Leftover>,
    twins: Vec<Twin>,
}

/// How an index is to be made from the definition of another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Making<'a> {
    concurrently: bool,
    /// One chunk at a time, each its own transaction.
    per_chunk: bool,
    /// The new index and its table, where they are others.
    name: Option<&'a str>,
    on: Option<&'a str>,
}

impl Index {
    fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The parts on which it is not.
    fn lacking(&self) -> Vec<&Part> {
        let has: std::collections::HashSet<i64> =
            self.copies.iter().map(|copy| copy.part).collect();
        self.parts
            .iter()
            .filter(|part| !has.contains(&part.oid))
            .collect()
    }

    /// What PostgreSQL itself does not let go of, or hypertop does not touch.
    fn untouchable(&self) -> Option<Refusal> {
        self.system
            .then(|| format!("{} is one of PostgreSQL's own", self.qualified()).into())
    }

    /// Builds an index of this shape on one chunk, named after `bare`.
    fn on_chunk(&self, part: &Part, bare: &str, label: String) -> Result<Step, Refusal> {
        let name = text::quote_identifier(&part.name_for(bare));
        let sql = self.create(Making {
            concurrently: true,
            name: Some(&name),
            on: Some(&part.name),
            ..Making::default()
        })?;
        let back = vec![statement(format!("DROP INDEX {}.{name}", part.schema))];
        Ok(Step::new(label, vec![statement(sql)], back).plain())
    }

    /// The statement that makes such an index.
    fn create(&self, making: Making) -> Result<String, Refusal> {
        let definition = self.definition.as_deref().ok_or_else(|| {
            Refusal::new(format!(
                "another session has locked {} exclusively, so the definition of {} cannot be read: try again when it is gone",
                self.table, self.name
            ))
        })?;
        let parted = definition.strip_prefix(&self.head).and_then(|rest| {
            let predicate = self.predicate.as_deref().unwrap_or_default();
            Some((rest.strip_suffix(predicate)?, predicate))
        });
        let Some((body, predicate)) = parted else {
            return Err(Refusal::new(format!(
                "the definition of {} is not understood: {definition}",
                self.name
            )));
        };
        let unique = if self.unique { "UNIQUE " } else { "" };
        let concurrently = if making.concurrently {
            "CONCURRENTLY "
        } else {
            ""
        };
        let name = making.name.unwrap_or(&self.name);
        let on = making.on.unwrap_or(&self.table);
        let tablespace = self
            .tablespace
            .as_ref()
            .map_or_else(String::new, |name| format!(" TABLESPACE {name}"));
        let body = match body.strip_suffix(')').filter(|_| making.per_chunk) {
            None => body.to_owned(),
            Some(open) if self.optioned => format!("{open}, {PER_CHUNK})"),
            Some(_) => format!("{body} WITH ({PER_CHUNK})"),
        };
        Ok(format!(
            "CREATE {unique}INDEX {concurrently}{name} ON {on} {body}{tablespace}{predicate}"
        ))
    }

    /// What the definition does not tell: comment, clustering, replica identity, extensions; at last its new oid, for the
    /// journal.
    fn attributes(&self) -> Vec<Statement> {
        let mut sql = Vec::new();
        if let Some(comment) = &self.comment {
            let comment = crate::model::text::quote_literal(comment);
            sql.push(format!(
                "COMMENT ON INDEX {} IS {comment}",
                self.qualified()
            ));
        }
        if self.clustered {
            sql.push(format!(
                "ALTER TABLE {} CLUSTER ON {}",
                self.table, self.name
            ));
        }
        if self.replica_identity {
            sql.push(format!(
                "ALTER TABLE {} REPLICA IDENTITY USING INDEX {}",
                self.table, self.name
            ));
        }
        sql.extend(self.extensions.iter().map(|extension| {
            format!(
                "ALTER INDEX {} DEPENDS ON EXTENSION {extension}",
                self.qualified()
            )
        }));
        let mut statements: Vec<_> = sql
            .into_iter()
            .map(|sql| Statement::new(sql, Vec::new()))
            .collect();
        statements.push(
            Statement::new(
                "select $1::regclass::oid::int8",
                vec![self.qualified().into()],
            )
            .keeping(&format!("index {}", self.oid)),
        );
        statements
    }

    /// Makes it as it is, without standing in the way of writes where that is possible.
    ///
    /// In the database's tablespace where it is there now, whatever default the session's role has.
    fn bring_back(&self, context: &Context) -> Result<(Vec<Statement>, bool), Refusal> {
        let making = Making {
            concurrently: !self.hypertable && !self.partitioned,
            per_chunk: self.hypertable && !self.unique && !self.exclusion,
            ..Making::default()
        };
        let mut statements = Vec::new();
        let mut index = self.clone();
        match (&self.tablespace, context.proof()) {
            // PostgreSQL does not take the database's by name there.
            (None, _) if self.partitioned => {
                statements.push(statement("SET LOCAL default_tablespace = ''"));
            }
            (None, Some(proof)) => index.tablespace = proof.tablespace,
            _ => {}
        }
        statements.push(statement(index.create(making)?));
        statements.extend(self.attributes());
        Ok((statements, making.concurrently || making.per_chunk))
    }
}

const SIMULATED: &str = "the stand-in's hypertables are tables of its own making, whose chunks follow no index: this needs a real TimescaleDB";
const PER_CHUNK: &str = "timescaledb.transaction_per_chunk";

/// One statement without parameters.
fn statement(sql: impl Into<String>) -> Statement {
    Statement::new(sql, Vec::new())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Says what a REINDEX or CREATE INDEX CONCURRENTLY waits for.
fn waits_long(mut plan: Plan) -> Plan {
    // It takes no lock that reads or writes would queue behind, so it may wait long.
    plan.lock_timeout_seconds = 600;
    plan.note(
        Level::Notice,
        "each build waits for the end of transactions that are open when it starts; reads and writes go on meanwhile",
    )
}
