//! A saved plan: the policy files and the statements. An apply plans again, and refuses the saved plan if the statements differ.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::actions::execute::ApprovedPlan;
use crate::actions::setup::hazard::Hazard;
use crate::journal::Place;
use crate::model::plan::Plan;
use crate::server::known::Server;

use super::made::Source;

/// Version of the saved file's format.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Saved {
    hypertop_plan: u32,
    pub(super) files: Vec<Source>,
    /// SHA-256 of each file's text.
    sha256: Vec<String>,
    pub(super) prune: bool,
    hazards: Vec<Hazard>,
    /// Server and database that the plan was made for.
    place: Option<Place>,
    timescaledb: Option<String>,
    plan: Plan,
}

pub(super) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

impl Saved {
    pub(super) fn of(
        approved: ApprovedPlan,
        files: Vec<Source>,
        prune: bool,
        hazards: Vec<Hazard>,
        server: &Server,
    ) -> Self {
        Self {
            hypertop_plan: FORMAT,
            sha256: files.iter().map(|file| hash(&file.text)).collect(),
            files,
            prune,
            hazards,
            place: approved.place,
            timescaledb: server.timescaledb.map(|version| version.to_string()),
            plan: approved.plan,
        }
    }

    /// Writes a new file that only its owner can read. An error if the file exists.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let text = serde_json::to_string_pretty(self)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(())
    }

    /// The saved plan in this text. `None`: the text is not JSON, so it is a policy file.
    pub(super) fn parse(path: &str, text: &str) -> Option<Result<Self>> {
        text.trim_start().starts_with('{').then(|| {
            let saved: Self = serde_json::from_str(text)
                .with_context(|| format!("{path}: it is not a plan that hypertop saved"))?;
            ensure!(
                saved.hypertop_plan == FORMAT,
                "{path}: its format is {}, but this version of hypertop reads only {FORMAT}",
                saved.hypertop_plan
            );
            let whole = saved
                .files
                .iter()
                .map(|file| hash(&file.text))
                .eq(saved.sha256.iter().cloned());
            ensure!(
                whole,
                "{path}: a policy file in the saved plan was changed: plan again"
            );
            Ok(saved)
        })
    }

    /// An error if the plan made now differs from the saved one.
    pub(super) fn is_still(&self, now: &ApprovedPlan) -> Result<()> {
        if let (Some(saved), Some(here)) = (&self.place, &now.place)
            && let Some(why) = saved.doubt(here)
        {
            bail!(
                "the plan was saved for database {} of {}, but this is database {} of {} ({why})",
                saved.database,
                saved.words(),
                here.database,
                here.words()
            );
        }
        let (was, is) = (self.plan.script(), now.plan.script());
        let moved = was.iter().zip(&is).find(|(was, is)| was != is);
        let moved = moved.map(|(was, is)| format!("- {was}\n+ {is}"));
        let moved = moved.or_else(|| {
            (was.len() != is.len()).then(|| {
                format!(
                    "number of statements: {} in the saved plan, {} now",
                    was.len(),
                    is.len()
                )
            })
        });
        match moved {
            None => Ok(()),
            Some(moved) => {
                bail!("the database changed since the plan was saved: plan again\n{moved}")
            }
        }
    }
}
