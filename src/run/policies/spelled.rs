//! The server's spelling of the queries in policy files. Only a session that can write can ask the server for it, so each spelling is kept,
//! as a hash, in a file next to the journal.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::journal::{Journal, Place};
use crate::model::setup::bare::bare;
use crate::model::setup::name::Name;

use super::saved::hash;

const FILE: &str = "spelled.json";
/// Maximum number of kept spellings, more than policy files need. When there are this many, all are forgotten before the next is kept.
const MANY: usize = 10_000;

/// The kept spellings: hash of a query in a policy file -> hash of the server's text for this query.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    /// The file. `None`: there is no journal, and nothing is kept.
    path: Option<PathBuf>,
    /// Server and database, which are a part of each hashed query.
    of: String,
    all: BTreeMap<String, String>,
    changed: bool,
}

impl Spelled {
    /// Reads the file, for the queries of this database. A file that cannot be read counts as empty.
    pub(super) fn read(journal: Option<&Journal>, place: &Place) -> Self {
        let folder = journal.and_then(|journal| journal.path().parent());
        let path = folder.map(|folder| folder.join(FILE));
        let text = path.as_ref().and_then(|path| fs::read(path).ok());
        let all = text.and_then(|text| serde_json::from_slice(&text).ok());
        let server = place.system.as_deref().unwrap_or(&place.host);
        Self {
            path,
            of: format!("{server} {}", place.database_oid),
            all: all.unwrap_or_default(),
            changed: false,
        }
    }

    fn key(&self, name: &Name, query: &str) -> String {
        hash(&format!("{} {name} {}", self.of, bare(query)))
    }

    /// True if it is on record that the server prints this query of a policy file as `text`.
    pub(super) fn is(&self, name: &Name, query: &str, text: &str) -> bool {
        self.all.get(&self.key(name, query)) == Some(&hash(&bare(text)))
    }

    pub(super) fn keep(&mut self, name: &Name, query: &str, text: &str) {
        if self.is(name, query, text) {
            return;
        }
        if self.all.len() >= MANY {
            self.all.clear();
        }
        self.all.insert(self.key(name, query), hash(&bare(text)));
        self.changed = true;
    }

    /// Writes a new file and replaces the old file by it, so that no reader sees half a file.
    pub(super) fn write(&self) -> Result<()> {
        let Some(path) = self.path.as_ref().filter(|_| self.changed) else {
            return Ok(());
        };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(&self.all)?)?;
        file.persist(path)
            .with_context(|| path.display().to_string())?;
        Ok(())
    }
}
