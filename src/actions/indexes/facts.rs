//! Facts about an index, and steps that several index actions share.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::model::plan::{Plan, Statement, Step};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// From this version on, duplicate indexes of a hypertable share one index on each new chunk. TimescaleDB finds the chunk index by its
/// definition. In older versions, a catalogue table records which chunk index belongs to which index of the hypertable.
pub(super) const BY_SHAPE: Version = Version::new(2, 22);

/// A table that can have the index: a chunk, a partition, or the table itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Part {
    pub(super) oid: i64,
    /// Quoted and qualified. Names in this file are quoted, except `bare`, `taken` and `news`.
    pub(super) name: String,
    #[serde(default)]
    schema: String,
    #[serde(default)]
    bare: String,
    /// Index names in the part's schema that begin with the part's name. `None`: there are no such names, or no index has to be added.
    taken: Option<Vec<String>>,
}

impl Part {
    /// A free name for an index on this part, formed as TimescaleDB forms it.
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

/// Maximum length of a name in bytes.
pub(super) const NAME: usize = 63;

/// The longest prefix of `name` that has at most this many bytes.
pub(super) fn short(name: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(name.len())).rfind(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

/// The index on one part: a chunk, a partition, or the table itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Copy {
    pub(super) oid: i64,
    pub(super) name: String,
    /// Oid of the part with this index.
    pub(super) part: i64,
    pub(super) valid: bool,
    #[serde(default)]
    pub(super) exclusion: bool,
}

/// An invalid `_ccnew` or `_ccold` index of an interrupted or running REINDEX.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Leftover {
    pub(super) oid: i64,
    pub(super) name: String,
    pub(super) table_oid: i64,
    pub(super) table: String,
    /// Process id of the session that runs the REINDEX. `None`: it was interrupted.
    pub(super) pid: Option<i64>,
}

/// A duplicate: an index of the same table that differs only in its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Twin {
    pub(super) name: String,
    pub(super) bare: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Constraint {
    pub(super) name: String,
    /// `p` primary key, `u` unique, `x` exclusion.
    pub(super) kind: String,
}

/// Row of `queries/plan_index.sql`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one field for each fact that the catalogue reports"
)]
pub(super) struct Index {
    oid: i64,
    pub(super) name: String,
    pub(super) bare: String,
    pub(super) schema: String,
    pub(super) table_oid: i64,
    pub(super) table: String,
    pub(super) hypertable: bool,
    pub(super) partitioned: bool,
    /// True if the index belongs to an index of a partitioned table.
    pub(super) child: bool,
    /// True for an index of PostgreSQL's own catalogue.
    system: bool,
    /// True if the table is a chunk, or has the compressed rows of a chunk.
    pub(super) chunk: bool,
    /// True if compression is enabled, and this TimescaleDB therefore refuses new unique indexes.
    pub(super) compressing: bool,
    /// The index definition. `None`: unknown, because the table is locked.
    pub(super) definition: Option<String>,
    /// First part of the definition, before USING.
    head: String,
    /// Last part of the definition, from WHERE on. `None`: not a partial index, or the table is locked.
    predicate: Option<String>,
    /// True if the index has storage parameters.
    optioned: bool,
    pub(super) unique: bool,
    pub(super) exclusion: bool,
    pub(super) valid: bool,
    pub(super) replica_identity: bool,
    pub(super) clustered: bool,
    tablespace: Option<String>,
    comment: Option<String>,
    /// True if expressions of the index have statistics targets of their own.
    pub(super) statistics: bool,
    /// Number of chunk indexes in another tablespace than the index itself.
    pub(super) elsewhere: i64,
    /// Number of chunk indexes that have their own comment, storage parameters, clustering, or extension.
    pub(super) adorned: i64,
    /// Extensions that the index depends on; dropping one of them drops the index.
    extensions: Vec<String>,
    /// Names in the schema that a replacement index must not have.
    pub(super) news: Vec<String>,
    pub(super) constraint: Option<Constraint>,
    /// Foreign keys that rely on the index, as text. `None`: no such key.
    pub(super) referenced_by: Option<String>,
    /// Id of the reorder policy that sorts chunks by the index.
    pub(super) reorder_job: Option<i64>,
    pub(super) parts: Vec<Part>,
    pub(super) copies: Vec<Copy>,
    pub(super) leftovers: Vec<Leftover>,
    /// Process id of the session that is building or rebuilding the index or one of its copies. `None`: no session is.
    builder: Option<i64>,
    pub(super) twins: Vec<Twin>,
}

/// Changes to an index's definition when the index is created again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Making<'a> {
    pub(super) concurrently: bool,
    /// Build one chunk at a time, each in a transaction of its own.
    pub(super) per_chunk: bool,
    /// Name of the new index. `None`: the name of the present index.
    pub(super) name: Option<&'a str>,
    /// Table of the new index. `None`: the table of the present index.
    pub(super) on: Option<&'a str>,
}

impl Index {
    pub(super) fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The parts on which the index is missing.
    pub(super) fn lacking(&self) -> Vec<&Part> {
        let has: std::collections::HashSet<i64> =
            self.copies.iter().map(|copy| copy.part).collect();
        self.parts
            .iter()
            .filter(|part| !has.contains(&part.oid))
            .collect()
    }

    /// Refuses an index of PostgreSQL's own catalogue.
    pub(super) fn untouchable(&self) -> Option<Refusal> {
        self.system.then(|| {
            format!(
                "{} is an index of PostgreSQL's own catalogue",
                self.qualified()
            )
            .into()
        })
    }

    /// Refuses while another session builds or rebuilds the index or one of its copies.
    pub(super) fn in_build(&self) -> Option<Refusal> {
        being_built(
            &format!("{} or a copy of it", self.qualified()),
            self.builder,
        )
    }

    /// Step that builds an index with this definition on one chunk, with a name made from `bare`.
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

    /// The CREATE INDEX statement. A refusal if the index definition is unknown or cannot be parsed.
    pub(super) fn create(&self, making: Making) -> Result<String, Refusal> {
        let definition = self.definition.as_deref().ok_or_else(|| {
            Refusal::new(format!(
                "another session has locked {} exclusively, so the definition of {} cannot be read: try again when the lock is released",
                self.table, self.name
            ))
        })?;
        let parted = definition.strip_prefix(&self.head).and_then(|rest| {
            let predicate = self.predicate.as_deref().unwrap_or_default();
            Some((rest.strip_suffix(predicate)?, predicate))
        });
        let Some((body, predicate)) = parted else {
            return Err(Refusal::new(format!(
                "cannot parse the definition of {}: {definition}",
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

    /// Statements for properties that CREATE INDEX does not set: comment, clustering, replica identity, extensions. The last statement
    /// returns the new oid, for the journal.
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

    /// Statements that create the present index again. The second value is true if the statements build the index concurrently or chunk
    /// by chunk. Then they must run outside a transaction block.
    ///
    /// An index in the database's default tablespace is created there again, even if the role's `default_tablespace` differs.
    pub(super) fn bring_back(&self, context: &Context) -> Result<(Vec<Statement>, bool), Refusal> {
        let making = Making {
            concurrently: !self.hypertable && !self.partitioned,
            per_chunk: self.hypertable && !self.unique && !self.exclusion,
            ..Making::default()
        };
        let mut statements = Vec::new();
        let mut index = self.clone();
        match (&self.tablespace, context.proof()) {
            // For a partitioned index PostgreSQL refuses the name of the database's default tablespace.
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

pub(super) const SIMULATED: &str =
    "TimescaleDB is only simulated here, so a hypertable's indexes are not created on its chunks";

pub(super) const PER_CHUNK: &str = "timescaledb.transaction_per_chunk";

/// Refuses if a session is building this.
pub(super) fn being_built(what: &str, builder: Option<i64>) -> Option<Refusal> {
    builder.map(|pid| {
        format!("session {pid} is building {what}: wait for its end, or stop it (cancel-query)")
            .into()
    })
}

pub(super) fn statement(sql: impl Into<String>) -> Statement {
    Statement::new(sql, Vec::new())
}

pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Sets a long lock timeout, with a note on the transactions that REINDEX and CREATE INDEX CONCURRENTLY wait for.
pub(super) fn waits_long(mut plan: Plan) -> Plan {
    // These statements may wait for a long time, because they do not block reads and writes meanwhile.
    plan.lock_timeout_seconds = 600;
    plan.note(
        Level::Notice,
        "each build waits for the end of transactions that are open when it starts; reads and writes continue meanwhile",
    )
}
