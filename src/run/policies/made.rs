//! Compares a policy file with the database: both setups, the changes between them, and the plan of each change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::actions::immutable;
use crate::actions::setup::hazard::Hazard;
use crate::actions::setup::planned::{self, Planned};
use crate::connect::conninfo::Settings;
use crate::journal::Journal;
use crate::model::screen_id::ScreenId;
use crate::model::setup::change::{Change, What};
use crate::model::setup::changes::changes;
use crate::model::setup::changes::ground::{Ground, Plain};
use crate::model::setup::file::Wanted;
use crate::model::setup::lint::{self, Advice};
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::wish::{At as FileAt, Kind, Pattern};
use crate::server::exact::Exact;
use crate::server::known::At;
use crate::server::session::Session;
use crate::server::setup;

/// One policy file as read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// The options for comparing a policy file.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) settings: &'a Settings,
    pub(super) password: Option<&'a str>,
    pub(super) session: &'a Session,
    /// The journal next to which the server's spelling of queries is kept. `None`: the spelling is not kept.
    pub(super) journal: Option<&'a Journal>,
    /// True: no session that can write may be opened.
    pub(super) read_only: bool,
    /// Remove objects that match `owns` and have no entry in the file.
    prune: bool,
    /// For a screen, which opens no session that can write. Parts that need such a session are not compared. [`Made::unread`] lists them.
    pub(super) looks: bool,
    /// Plan the changes of this object only. `None`: of all objects.
    only: Option<&'a Name>,
}

#[derive(Debug)]
pub(super) struct Made {
    pub(super) planned: Vec<Planned>,
    /// The present setup.
    pub(super) present: Setup,
    /// Advice on the setup after the changes.
    pub(super) advice: Vec<Advice>,
    /// Notes on parts that could not be compared, and why.
    pub(super) notes: Vec<String>,
    /// Objects with a part that was not compared, with the reason.
    pub(super) unread: BTreeMap<Name, String>,
    wanted: Wanted,
}

impl Made {
    pub(super) fn is_same(&self) -> bool {
        self.planned.is_empty() && self.unread.is_empty()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.planned.iter().any(Planned::is_refused) || !self.unread.is_empty()
    }

    /// The file, line and column that this change comes from. `None`: no file names the object.
    pub(super) fn place(&self, change: &Change, why: &str) -> Option<FileAt> {
        let key = match &change.what {
            What::CreateIndex { index, .. } => {
                let part = if why.starts_with("where:") {
                    "where"
                } else {
                    "columns"
                };
                let mut all = self.wanted.indexes.iter();
                let entry = all.find(|entry| entry.is(&change.of, index));
                return entry.map(|entry| entry.place(part));
            }
            What::CreateHypertable { .. } | What::SetInterval(_) => "chunk_interval",
            What::EnableCompression(_)
            | What::EditCompression(_)
            | What::DisableCompression
            | What::AddCompress(_)
            | What::EditCompress(..)
            | What::RemoveCompress(_) => "compress",
            What::AddRetain(_) | What::EditRetain(..) | What::RemoveRetain(_) => "retain",
            What::AddRefresh(_) | What::EditRefresh(..) | What::RemoveRefresh(_) => "refresh",
            _ => "",
        };
        self.wanted.place(&change.of, key)
    }

    pub(super) fn hazards(&self) -> Vec<Hazard> {
        let all = self
            .planned
            .iter()
            .flat_map(|planned| planned.hazards.iter().copied());
        let mut all: Vec<Hazard> = all.collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Notes on the patterns of the files that fit no object, which may be misspelled.
fn unfit(wanted: &Wanted, present: &Setup) -> Vec<String> {
    let mut notes = Vec::new();
    for entry in &wanted.entries {
        let Pattern::Like(pattern) = &entry.name else {
            continue;
        };
        let (kind, mut there): (_, Box<dyn Iterator<Item = &Name>>) = match entry.kind {
            Kind::Hypertable => ("hypertable", Box::new(present.hypertables.keys())),
            Kind::Aggregate => ("aggregate", Box::new(present.aggregates.keys())),
        };
        let mut named = wanted.exact().filter(|(_, other)| other.kind == entry.kind);
        let fits = |name: &Name| entry.name.fits(&name.plain());
        if !there.any(fits) && !named.any(|(name, _)| fits(name)) {
            notes.push(format!(
                "{}: {pattern}: no {kind} has such a name",
                entry.at
            ));
        }
    }
    notes
}

/// Reads the files. `-` is standard input.
pub(super) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let read = |path: &PathBuf| {
        let text = if path.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin()).context("standard input")?
        } else {
            read(path)?
        };
        Ok(Source {
            path: path.display().to_string(),
            text,
        })
    };
    paths.iter().map(read).collect()
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("{}: the file cannot be read", path.display()))?;
    String::from_utf8(bytes).map_err(|_| anyhow!("{}: it is not UTF-8 text", path.display()))
}

/// The wanted setup of these files. Later files override earlier ones.
pub(super) fn wanted(sources: &[Source]) -> Result<Wanted> {
    let mut all = Wanted::default();
    for source in sources {
        let one = Wanted::parse(&source.path, &source.text).map_err(|why| anyhow!(why))?;
        all = all.under(one);
    }
    Ok(all)
}

impl<'a> Reading<'a> {
    /// Options for this session. `read_only`: no session that can write may be opened.
    pub(super) fn by(settings: &'a Settings, session: &'a Session, read_only: bool) -> Self {
        Self {
            settings,
            password: session.connected.password.as_deref(),
            session,
            journal: session.journal.as_ref(),
            read_only,
            prune: false,
            looks: false,
            only: None,
        }
    }

    /// Options for a screen, which opens no session that can write.
    pub(super) fn looking(settings: &'a Settings, session: &'a Session) -> Self {
        Self {
            looks: true,
            ..Self::by(settings, session, true)
        }
    }

    /// Limits the plan to the changes of this object.
    #[must_use]
    pub(super) fn of(self, only: &'a Name) -> Self {
        Self {
            only: Some(only),
            ..self
        }
    }

    /// Keeps the server's spelling of queries in a file next to this journal.
    #[must_use]
    pub(super) fn next_to(self, journal: &'a Journal) -> Self {
        Self {
            journal: Some(journal),
            ..self
        }
    }

    /// `prune`: remove objects that match `owns` and have no entry in the file.
    #[must_use]
    pub(super) fn pruning(self, prune: bool) -> Self {
        Self { prune, ..self }
    }
}

impl Reading<'_> {
    /// Compares the files with the database, and plans each change.
    pub(super) async fn make(&self, wanted: &Wanted) -> Result<Made> {
        if self.session.server.timescaledb.is_none() {
            bail!(
                "database {:?} has no TimescaleDB: a policy file describes its objects",
                self.session.server.database
            );
        }
        let present = setup::read(self.session).await?;
        self.make_from(wanted, present).await
    }

    /// Compares the files with `present`, a setup that has already been read, and plans each change.
    pub(super) async fn make_from(&self, wanted: &Wanted, present: Setup) -> Result<Made> {
        let tables = self.tables(wanted, &present).await?;
        let filled = tables.iter().filter(|(_, table)| table.filled);
        let filled: BTreeSet<Name> = filled.map(|(name, _)| name.clone()).collect();
        let queries = self.queries(wanted, &present).await?;
        let ground = Ground {
            present: &present,
            tables: &tables,
            zone: &self.session.server.time_zone,
            queries: &queries.found,
            prune: self.prune,
        };
        let spelled = self.conditions(wanted, &present).await;
        let mut changes = changes(&spelled, &ground).map_err(|wrong| anyhow!(wrong.join("\n")))?;
        if let Some(only) = self.only {
            changes.retain(|change| change.of == *only);
        }
        let (now, _) = self.session.pulse(ScreenId::ALL[0]).await?;
        let at = At {
            now,
            server: &self.session.server,
        };
        let mut exact = Exact::new(self.settings, self.password.map(str::to_owned));
        let plan = planned::plan(self.session, &mut exact, at, &present, changes, &filled).await?;
        let (planned, will_be) = plan;
        Ok(Made {
            planned,
            advice: lint::lint(&will_be, wanted),
            notes: [queries.notes, unfit(wanted, &present)].concat(),
            unread: queries.unread,
            wanted: wanted.clone(),
            present,
        })
    }

    /// The files' setup. The condition of an index is rewritten as the server prints it, if the database has an index with the same
    /// condition.
    async fn conditions(&self, wanted: &Wanted, present: &Setup) -> Wanted {
        let mut spelled = wanted.clone();
        for entry in &mut spelled.indexes {
            let Some(written) = &entry.predicate else {
                continue;
            };
            let there = present.indexes.get(&entry.on);
            let has = there.into_iter().flat_map(|all| all.values());
            for has in has.filter_map(|index| index.predicate.as_ref()) {
                if has != written && immutable::is_same(self.session, &entry.on, written, has).await
                {
                    entry.predicate = Some(has.clone());
                    break;
                }
            }
        }
        spelled
    }

    /// The plain tables that the files list as hypertables.
    async fn tables(&self, wanted: &Wanted, present: &Setup) -> Result<BTreeMap<Name, Plain>> {
        let missing = wanted.exact().filter(|(name, entry)| {
            entry.kind == Kind::Hypertable && !present.hypertables.contains_key(name)
        });
        let missing: Vec<Name> = missing.map(|(name, _)| name.clone()).collect();
        setup::tables(self.session, &missing).await
    }
}
