//! How the server prints the queries of policy files. Only a session that can write can ask it, so the answers are kept, as hashes, in a
//! file next to the journal.

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
/// More answers than any policy file needs. When there are more, the old ones are forgotten.
const MANY: usize = 10_000;

/// The kept answers: hash of a query in a file -> hash of the server's text.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    /// `None`: there is no folder for it, and nothing is kept.
    path: Option<PathBuf>,
    of: String,
    all: BTreeMap<String, String>,
    changed: bool,
}

impl Spelled {
    /// Those of this database. A file that cannot be read counts as empty.
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

    /// True if the server printed this query of a file as this text.
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

    /// Writes a new file and puts it in the old one's place, so that no reader sees half of it.
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
