//! One round of checks.

use anyhow::{Result, bail};

use crate::model::setup::file::Wanted;

use super::super::made;
use super::super::saved::Saved;
use super::check::{Check, Checks};
use super::here::Here;
use super::machine::{self, Known};
use super::measured::Measured;
use super::options::Options;
use super::since::{self, Since};
use super::{after, before, timed};

/// The files to validate, and the options.
pub(super) struct Validation<'a> {
    pub(super) options: &'a Options,
    pub(super) paths: Vec<String>,
    wanted: Wanted,
    saved: Option<Saved>,
}

/// One round of checks.
pub(super) struct Round {
    pub(super) checks: Checks,
    pub(super) since: Option<Since>,
    pub(super) machine: Known,
    pub(super) measured: Option<Measured>,
}

pub(super) fn lines(checks: &Checks) -> String {
    checks.0.iter().map(Check::line).collect()
}

impl<'a> Validation<'a> {
    pub(super) fn of(options: &'a Options) -> Result<Self> {
        let mut sources = made::sources(&options.file)?;
        let saved = match sources.as_slice() {
            [one] => Saved::parse(&one.path, &one.text).transpose()?,
            _ => None,
        };
        let paths = sources.iter().map(|source| source.path.clone()).collect();
        if let Some(saved) = &saved {
            if options.after {
                bail!("--after needs policy files, but this file is a saved plan");
            }
            sources.clone_from(&saved.files);
        }
        Ok(Self {
            options,
            paths,
            wanted: made::wanted(&sources)?,
            saved,
        })
    }

    /// Runs all checks, without the queries of `[expect]`.
    pub(super) async fn round(&self, here: &Here) -> Result<Round> {
        let server = &here.session.server;
        if server.timescaledb.is_none() {
            bail!(
                "database {:?} has no TimescaleDB: a policy file describes its objects",
                server.database
            );
        }
        let machine = machine::read(&here.session, &here.machine).await;
        let mut checks = Checks::default();
        if self.options.before {
            let files = (&self.wanted, self.saved.as_ref());
            let checked = before::before(here, self.options, files, &machine, &mut checks);
            Box::pin(checked).await?;
            return Ok(Round {
                checks,
                since: None,
                machine,
                measured: None,
            });
        }
        let since = since::find(here, self.options.entry).await?;
        let checked = after::after(here, &self.wanted, since.as_ref(), &mut checks);
        let measured = Box::pin(checked).await?;
        Ok(Round {
            checks,
            since,
            machine,
            measured: Some(measured),
        })
    }

    /// Runs the queries of `[expect]`, and adds a check for each.
    pub(super) async fn time(&self, here: &Here, round: &mut Round) {
        let expect = self.wanted.expect.as_ref().filter(|_| self.options.after);
        if let Some(expect) = expect {
            timed::check(here, &expect.query, &mut round.checks).await;
        }
    }
}
