//! What the server says of an index, and what its plans share.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::model::plan::{Plan, Statement, Step};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// From this version on identical indexes of a hypertable share one index on each new chunk, and a chunk's index
/// belongs to the hypertable's by its shape; before, a table of the catalogue says which is whose.
pub(super) const BY_SHAPE: Version = Version::new(2, 22);

/// A chunk, a partition, or the table itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Part {
    pub(super) oid: i64,
    /// Quoted and qualified, as all names here but those called `bare`.
    pub(super) name: String,
    #[serde(default)]
    pub(super) schema: String,
    #[serde(default)]
    pub(super) bare: String,
    /// The names of its indexes, where one may have to be added.
    pub(super) taken: Option<Vec<String>>,
}

impl Part {
    /// A free name, as TimescaleDB would choose it, for a copy of this index.
    pub(super) fn name_for(&self, index: &str) -> String {
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
pub(super) const NAME: usize = 63;

/// What fits into so many bytes.
pub(super) fn short(name: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(name.len())).rfind(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

/// The index on one part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Copy {
    pub(super) oid: i64,
    pub(super) name: String,
    /// The part's oid.
    pub(super) part: i64,
    pub(super) valid: bool,
    #[serde(default)]
    pub(super) exclusion: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Leftover {
    pub(super) oid: i64,
    pub(super) name: String,
    pub(super) table_oid: i64,
    pub(super) table: String,
    /// The session whose reindex it is, if one is under way.
    pub(super) pid: Option<i64>,
}

/// An index of the same table that is the same in everything but the name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Twin {
    pub(super) name: String,
    pub(super) bare: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Constraint {
    pub(super) name: String,
    /// `p`, `u` or `x`.
    pub(super) kind: String,
}

/// What `queries/plan_index.sql` tells of an index.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the catalogue tells"
)]
pub(super) struct Index {
    pub(super) oid: i64,
    pub(super) name: String,
    pub(super) bare: String,
    pub(super) schema: String,
    pub(super) table_oid: i64,
    pub(super) table: String,
    pub(super) hypertable: bool,
    pub(super) partitioned: bool,
    /// It belongs to the index of a partitioned table.
    pub(super) child: bool,
    /// Of PostgreSQL's own.
    pub(super) system: bool,
    /// Its table is a chunk, or holds what is compressed of one.
    pub(super) chunk: bool,
    /// Compression is enabled, on a version where that keeps unique indexes from being made.
    pub(super) compressing: bool,
    /// `None`: the table is locked, so it could not be asked.
    pub(super) definition: Option<String>,
    /// With what the definition begins, up to its method.
    pub(super) head: String,
    /// With what it ends.
    pub(super) predicate: Option<String>,
    /// It has storage parameters.
    pub(super) optioned: bool,
    pub(super) unique: bool,
    pub(super) exclusion: bool,
    pub(super) valid: bool,
    pub(super) replica_identity: bool,
    pub(super) clustered: bool,
    pub(super) tablespace: Option<String>,
    pub(super) comment: Option<String>,
    /// Its expressions have statistics targets of their own.
    pub(super) statistics: bool,
    /// Copies in another tablespace than the index itself.
    pub(super) elsewhere: i64,
    /// Copies with a comment, storage parameters, clustering or an extension of their own.
    pub(super) adorned: i64,
    /// The extensions it depends on: it goes with them.
    pub(super) extensions: Vec<String>,
    /// The names in its schema that end as that of an index that is to take its place.
    pub(super) news: Vec<String>,
    pub(super) constraint: Option<Constraint>,
    pub(super) referenced_by: Option<String>,
    pub(super) reorder_job: Option<i64>,
    pub(super) parts: Vec<Part>,
    pub(super) copies: Vec<Copy>,
    pub(super) leftovers: Vec<Leftover>,
    pub(super) twins: Vec<Twin>,
}

/// How an index is to be made from the definition of another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Making<'a> {
    pub(super) concurrently: bool,
    /// One chunk at a time, each its own transaction.
    pub(super) per_chunk: bool,
    /// The new index and its table, where they are others.
    pub(super) name: Option<&'a str>,
    pub(super) on: Option<&'a str>,
}

impl Index {
    pub(super) fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The parts on which it is not.
    pub(super) fn lacking(&self) -> Vec<&Part> {
        let has: std::collections::HashSet<i64> =
            self.copies.iter().map(|copy| copy.part).collect();
        self.parts
            .iter()
            .filter(|part| !has.contains(&part.oid))
            .collect()
    }

    /// What PostgreSQL itself does not let go of, or hypertop does not touch.
    pub(super) fn untouchable(&self) -> Option<Refusal> {
        self.system
            .then(|| format!("{} is one of PostgreSQL's own", self.qualified()).into())
    }

    /// Builds an index of this shape on one chunk, named after `bare`.
    pub(super) fn on_chunk(&self, part: &Part, bare: &str, label: String) -> Result<Step, Refusal> {
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
    pub(super) fn create(&self, making: Making) -> Result<String, Refusal> {
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
    pub(super) fn attributes(&self) -> Vec<Statement> {
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
    pub(super) fn bring_back(&self, context: &Context) -> Result<(Vec<Statement>, bool), Refusal> {
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

pub(super) const SIMULATED: &str = "the stand-in's hypertables are tables of its own making, whose chunks follow no index: this needs a real TimescaleDB";

pub(super) const PER_CHUNK: &str = "timescaledb.transaction_per_chunk";

/// One statement without parameters.
pub(super) fn statement(sql: impl Into<String>) -> Statement {
    Statement::new(sql, Vec::new())
}

pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Says what a REINDEX or CREATE INDEX CONCURRENTLY waits for.
pub(super) fn waits_long(mut plan: Plan) -> Plan {
    // It takes no lock that reads or writes would queue behind, so it may wait long.
    plan.lock_timeout_seconds = 600;
    plan.note(
        Level::Notice,
        "each build waits for the end of transactions that are open when it starts; reads and writes go on meanwhile",
    )
}
