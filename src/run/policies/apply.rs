//! `hypertop apply`: applies a policy file or a saved plan as one journal entry, then plans again to verify the result.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::actions::execute::{self, ApprovedPlan, alone};
use crate::actions::setup::hazard::Hazard;
use crate::actions::setup::{atomic, planned};
use crate::config;
use crate::model::busy::BusyHours;
use crate::model::plan::Plan;
use crate::model::setup::change::What;
use crate::model::setup::file::Wanted;
use crate::model::text;
use crate::run::command::{Agreement, Format, Shell, print};
use crate::run::exit::{DONE, FAILED};
use crate::run::stderr;

use super::made::{self, Made, Source};
use super::saved::Saved;
use super::{dump, plan, print};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnError {
    /// Stop; completed steps stay, and the next apply continues
    Stop,
    /// Roll back the completed steps
    Rollback,
}

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Policy files (later files override earlier ones), or one plan that `plan --out` saved; -: standard input
    #[arg(required = true)]
    file: Vec<PathBuf>,
    /// Allow these hazards, each by its name
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        ignore_case = true,
        value_name = "HAZARD"
    )]
    allow: Vec<Hazard>,
    /// Also remove objects that match `owns` and have no entry in the file
    #[arg(long)]
    prune: bool,
    /// Hours in which steps may begin, such as 22:00-06:00 or '22:00-06:00 Europe/Berlin'
    #[arg(long, value_name = "HOURS", value_parser = BusyHours::window)]
    window: Option<BusyHours>,
    /// Time zone of --window [default: the server's]
    #[arg(long, value_name = "ZONE", requires = "window")]
    zone: Option<String>,
    /// Between two steps, wait while a replica lags by more than this time, such as 30s
    #[arg(long, value_name = "TIME", value_parser = config::interval)]
    max_replica_lag: Option<std::time::Duration>,
    /// Between two steps, wait while the server writes more WAL than this, in MB per second
    #[arg(long, value_name = "MB")]
    max_wal: Option<u32>,
    /// First write the schema (`pg_dump --schema-only`) to this new file, and the policies to a file next to it
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// Run all steps in one transaction; refused if a step cannot run in a transaction
    #[arg(long)]
    atomic: bool,
    /// What to do if a step fails
    #[arg(long, value_enum, default_value_t = OnError::Stop)]
    on_error: OnError,
    #[command(flatten)]
    pub agreement: Agreement,
}

impl Options {
    /// Names of the hazards that are not allowed.
    fn missing(&self, made: &Made) -> Vec<String> {
        let hazards = made.hazards().into_iter();
        let missing = hazards.filter(|hazard| !self.allow.contains(hazard));
        missing.map(|hazard| hazard.to_string()).collect()
    }
}

impl Shell<'_> {
    /// Runs `hypertop apply FILE…`; returns the exit code.
    pub async fn apply(&self, options: &Options) -> Result<u8> {
        match Box::pin(self.applied(options)).await {
            Ok(code) => Ok(code),
            Err(error) => self.agreement.refuse(&format!("{error:#}")),
        }
    }

    async fn applied(&self, options: &Options) -> Result<u8> {
        let mut sources = made::sources(&options.file)?;
        let mut prune = options.prune;
        let saved = match sources.as_slice() {
            [one] => Saved::parse(&one.path, &one.text).transpose()?,
            _ => None,
        };
        if let Some(saved) = &saved {
            sources.clone_from(&saved.files);
            prune = saved.prune;
        }
        let server = &self.session.server;
        alone::hold(&self.session.connected.client, server.sql_version()).await?;
        let wanted = made::wanted(&sources)?;
        let made = self.reading(prune).make(&wanted).await?;
        let text = options.agreement.format == Format::Text;
        if text {
            print(print::whole(&made))?;
        }
        if made.is_same() && saved.is_none() {
            if !text {
                print(format!("{}\n", serde_json::json!({"outcome": "same"})))?;
            }
            return Ok(DONE);
        }
        if !made.unread.is_empty() {
            let unread = made.unread.iter();
            let unread: Vec<_> = unread.map(|(name, why)| format!("{name}: {why}")).collect();
            bail!("{}", unread.join("\n"));
        }
        let missing = options.missing(&made);
        let mut approved = self.together(&sources, made).await?;
        if let Some(saved) = &saved {
            saved.is_still(&approved)?;
        }
        self.prepare(options, &missing, &mut approved.plan).await?;
        let before = self.actor.journal.entries()?.all.len();
        let code = self.agree_and_do(approved).await?;
        if options.agreement.dry_run {
            return Ok(code);
        }
        match code {
            DONE => self.verified(&wanted, prune, text).await,
            FAILED if options.on_error == OnError::Rollback => {
                self.roll_back_own(before).await?;
                Ok(FAILED)
            }
            code => Ok(code),
        }
    }

    /// Joins all changes into one plan. Leaves out [`What::Unnamed`], which only reports an object that is not in the file.
    async fn together(&self, sources: &[Source], made: Made) -> Result<ApprovedPlan> {
        let title = plan::title(sources, &made);
        let server = &self.session.server;
        let possible = made
            .planned
            .into_iter()
            .filter(|planned| planned.change.what != What::Unnamed);
        let approved = planned::together(possible.collect(), title, &server.database, server);
        let mut approved = approved.map_err(|refused| anyhow::anyhow!(refused.join("\n")))?;
        approved.place = Some(execute::place(&self.session.connected).await?);
        approved.inputs = inputs(sources);
        Ok(approved)
    }

    /// Checks and prepares the plan before the user is asked for consent. `missing`: names of hazards that are not allowed.
    async fn prepare(&self, options: &Options, missing: &[String], plan: &mut Plan) -> Result<()> {
        if plan.steps.is_empty() {
            bail!(
                "nothing to apply: the database has the file's objects and settings. It also has objects that match `owns`, but are not in the file: --prune removes them"
            );
        }
        if !missing.is_empty() && !options.agreement.dry_run {
            bail!(
                "the plan has hazards; allow each by its name: --allow {}",
                missing.join(",")
            );
        }
        if options.atomic {
            atomic::join(plan).map_err(|why| anyhow::anyhow!(why))?;
        }
        self.paced(options, plan)?;
        if let Some(path) = options.dump.as_ref().filter(|_| !options.agreement.dry_run) {
            if let Some(why) = &self.rules.read_only {
                bail!("{why}");
            }
            dump::dump(self, path).await?;
        }
        Ok(())
    }

    /// Rolls back the newest entry of the journal. `before`: number of entries before the apply.
    async fn roll_back_own(&self, before: usize) -> Result<()> {
        let entries = self.actor.journal.entries()?;
        let own = entries
            .all
            .get(before..)
            .and_then(<[_]>::last)
            .map(|entry| entry.begin.id);
        let id = own.context("the journal has no entry of this apply")?;
        self.rollback(&[id]).await?;
        Ok(())
    }

    fn paced(&self, options: &Options, plan: &mut Plan) -> Result<()> {
        plan.pace.limit(
            options.max_replica_lag.map(|lag| lag.as_secs_f64()),
            options.max_wal,
        );
        if let Some(window) = &options.window {
            let window = match &options.zone {
                Some(zone) => window.in_zone(zone).map_err(|why| anyhow::anyhow!(why))?,
                None => window.clone(),
            };
            let zone = &self.session.server.time_zone;
            if window.until((self.actor.clock)(), zone).is_none() {
                bail!(
                    "--window: the present time is not in {} ({})",
                    window.hours(),
                    window.zone(zone)
                );
            }
            plan.pace.window = Some((window, zone.clone()));
        }
        Ok(())
    }

    /// Plans again after the apply, and returns the exit code. It is an error if a difference is left.
    async fn verified(&self, wanted: &Wanted, prune: bool, text: bool) -> Result<u8> {
        let left = self.reading(prune).make(wanted).await?;
        let mut rest = left.planned.iter();
        if left.unread.is_empty() && rest.all(|planned| planned.change.what == What::Unnamed) {
            if text && left.is_same() {
                print("verified: the database is as the file says\n")?;
            } else if text {
                print(format!(
                    "verified: the objects in the file are as the file says. The following objects match `owns`, but are not in the file (--prune removes them):\n{}",
                    print::brief(&left)
                ))?;
            }
            return Ok(DONE);
        }
        stderr::say(format_args!(
            "hypertop: applied, but the database still differs from the file, or could not be compared:\n{}",
            print::brief(&left)
        ));
        Ok(FAILED)
    }
}

pub(super) fn inputs(sources: &[Source]) -> String {
    let paths: Vec<_> = sources.iter().map(|source| source.path.as_str()).collect();
    text::cut(&format!("files = {}", paths.join(", ")), 200)
}
