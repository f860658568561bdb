//! Queries of `hypertop validate`: names and privileges, sizes, evidence of backups.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::model::moment::Stamp;
use crate::model::setup::name::Name;
use crate::server::row;
use crate::server::session::Session;
use crate::server::setup::pairs;
use crate::server::sql::{Query, query};

const OBJECTS: Query = query!("validate_objects");
const SIZES: Query = query!("validate_sizes");
const BACKUP: Query = query!("validate_backup");
const BACKUP_WAL: Query = query!("validate_backup_wal");
const HOST: Query = query!("validate_host");

/// A name, and the object that has it: row of `queries/validate_objects.sql`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each bool is a separate fact that the server reports"
)]
pub(crate) struct Object {
    pub schema: String,
    pub name: String,
    pub schema_there: bool,
    /// This role has USAGE on the schema. `creatable`: the role has CREATE on the schema.
    pub usable: bool,
    pub creatable: bool,
    /// `pg_class.relkind`. `None`: no relation has this name.
    pub kind: Option<String>,
    pub owner: Option<String>,
    /// This role has the owner's privileges.
    pub owned: bool,
    pub chunks: i64,
}

impl Object {
    pub(crate) fn is(&self, name: &Name) -> bool {
        self.schema == name.schema && self.name == name.name
    }
}

/// Row of `queries/validate_sizes.sql`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Size {
    pub schema: String,
    pub name: String,
    pub heap_bytes: i64,
    pub total_bytes: i64,
    /// Folders of the tablespaces; an empty text: the data directory.
    pub tablespaces: Vec<String>,
}

/// Evidence of base backups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Backup {
    pub clock: Stamp,
    /// False: this role may not look for backup history files.
    pub reads_wal: bool,
    /// Time and name of the newest archived WAL file.
    pub archived_at: Option<Stamp>,
    pub archived: Option<String>,
    /// A base backup runs now.
    pub running: bool,
    /// Backup program that `archive_command` names, such as `pgbackrest`.
    pub program: Option<String>,
    /// The newest backup history file in `pg_wal`.
    #[serde(skip)]
    pub history: Option<History>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct History {
    pub name: String,
    pub at: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Host {
    /// Process id of this session on the server's machine.
    pub pid: i32,
    /// `None`: hidden from this role.
    pub data_directory: Option<String>,
}

pub(crate) async fn objects(session: &Session, names: &[Name]) -> Result<Vec<Object>> {
    row::read_all(&session.ask(&OBJECTS, &pairs(names)).await?)
}

pub(crate) async fn sizes(session: &Session, names: &[Name]) -> Result<Vec<Size>> {
    row::read_all(&session.ask(&SIZES, &pairs(names)).await?)
}

pub(crate) async fn backup(session: &Session) -> Result<Backup> {
    let rows = session.ask(&BACKUP, &[]).await?;
    let mut backup: Backup = row::read(
        rows.first()
            .context("the query about backups returned no row")?,
    )?;
    if backup.reads_wal {
        let rows = session.ask(&BACKUP_WAL, &[]).await?;
        backup.history = rows.first().map(row::read).transpose()?;
    }
    Ok(backup)
}

pub(crate) async fn host(session: &Session) -> Result<Host> {
    let rows = session.ask(&HOST, &[]).await?;
    row::read(
        rows.first()
            .context("the query about the host returned no row")?,
    )
}
