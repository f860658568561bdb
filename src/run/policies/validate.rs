//! `hypertop validate`: whether a policy file can be applied (`--before`), and whether it holds (`--after`).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use crate::actions::preview;
use crate::actions::setup::planned;
use crate::connect::conninfo::Settings;
use crate::model::screen_id::ScreenId;
use crate::model::setup::expect::Expect;
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Setup, Storage};
use crate::model::setup::wish::Kind;
use crate::model::target::Target;
use crate::model::text::{self, plural, printable};
use crate::model::verdict::Level;
use crate::run::command::Format;
use crate::run::show;
use crate::screens::gather;
use crate::screens::record::Record as _;
use crate::server::known::{At, NEWEST_KNOWN};
use crate::server::session::Session;
use crate::server::setup::{self, LastRun};

use super::made::{self, Made, Reading};
use super::{plan, print};

/// Time limit for reading expensive figures.
const LATER: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("when").required(true).args(["before", "after"])))]
pub struct Options {
    /// Policy files, the later ones over the earlier ones; -: standard input
    #[arg(required = true)]
    pub file: Vec<PathBuf>,
    /// Check whether the files can be applied now
    #[arg(long)]
    pub before: bool,
    /// Check whether the database is as the files say, its policies run, and `[expect]` holds
    #[arg(long)]
    pub after: bool,
    /// Also write the result to this new file, as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub report: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Result of one check, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// Time must pass before it can be known.
    Pending,
    Unknown,
    Failed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }

    fn of(holds: bool) -> Self {
        if holds { Self::Ok } else { Self::Failed }
    }
}

#[derive(Debug, serde::Serialize)]
struct Check {
    state: State,
    /// What is checked.
    what: String,
    /// What was seen.
    seen: String,
}

#[derive(Debug, Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, state: State, what: impl Into<String>, seen: impl Into<String>) {
        self.0.push(Check {
            state,
            what: what.into(),
            seen: seen.into(),
        });
    }

    fn worst(&self) -> State {
        self.0
            .iter()
            .map(|check| check.state)
            .max()
            .unwrap_or(State::Ok)
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|check| check.state == state).count()
    }

    fn sum(&self) -> String {
        let states = [State::Ok, State::Pending, State::Unknown, State::Failed];
        let counts: Vec<_> = states
            .iter()
            .map(|state| format!("{} {}", self.count(*state), state.name()))
            .collect();
        counts.join(", ")
    }
}

/// The printed checks and the exit code: 0 all hold, or time must pass; 1 an error; 2 one does not hold; 3 one is unknown.
pub async fn validate(
    settings: &Settings,
    session: &Session,
    read_only: bool,
    options: &Options,
) -> Result<(String, u8)> {
    let sources = made::sources(&options.file)?;
    let wanted = made::wanted(&sources)?;
    let reading = Reading {
        settings,
        password: session.connected.password.as_deref(),
        session,
        read_only,
        prune: false,
    };
    let made = reading.make(&wanted).await?;
    let mut checks = Checks::default();
    if options.after {
        after(settings, session, &wanted, &made, &mut checks).await?;
    } else {
        before(session, made, &mut checks).await?;
    }
    let code = match checks.worst() {
        State::Ok | State::Pending => plan::SAME,
        State::Unknown => plan::REFUSED,
        State::Failed => plan::DIFFERS,
    };
    if let Some(path) = &options.report {
        let paths: Vec<_> = sources.iter().map(|source| source.path.as_str()).collect();
        let text = report(session, &checks, &paths.join(", "), options.after).await?;
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create_new(true).open(path);
        std::io::Write::write_all(
            &mut file.with_context(|| format!("--report {}", path.display()))?,
            text.as_bytes(),
        )?;
    }
    let out = match options.format {
        Format::Json => {
            let json = json!({"result": checks.worst(), "checks": checks.0});
            text::printable_json(serde_json::to_string_pretty(&json)?) + "\n"
        }
        Format::Text => {
            let line = |check: &Check| {
                printable(&format!(
                    "{:<8}{}: {}",
                    check.state.name(),
                    check.what,
                    check.seen
                )) + "\n"
            };
            let lines: String = checks.0.iter().map(line).collect();
            format!("{lines}{}\n", checks.sum())
        }
    };
    Ok((out, code))
}

async fn before(session: &Session, made: Made, checks: &mut Checks) -> Result<()> {
    let server = &session.server;
    if let Some(version) = server.timescaledb {
        let known = (version.major, version.minor) <= (NEWEST_KNOWN.major, NEWEST_KNOWN.minor);
        let state = if known { State::Ok } else { State::Unknown };
        checks.add(
            state,
            "version",
            format!(
                "TimescaleDB {version}; this hypertop knows up to {}.{}",
                NEWEST_KNOWN.major, NEWEST_KNOWN.minor
            ),
        );
    }
    checks.add(
        State::of(!server.standby),
        "server",
        if server.standby {
            "is a standby: connect to its primary"
        } else {
            "can be written to"
        },
    );
    let refused = made.planned.iter().filter(|planned| planned.plan.is_err());
    let refused: Vec<_> = refused
        .map(|planned| format!("{}: {}", planned.change.of, planned.change.words()))
        .collect();
    checks.add(
        State::of(refused.is_empty()),
        "plan",
        if refused.is_empty() {
            print::sum(&made).replace('\n', "; ")
        } else {
            format!("cannot be applied: {}", refused.join("; "))
        },
    );
    let rights = made
        .planned
        .iter()
        .filter_map(|planned| planned.plan.as_ref().ok());
    let rights = rights
        .flat_map(|plan| &plan.notes)
        .filter(|note| note.text.contains("the server will refuse"));
    let rights: Vec<_> = rights.map(|note| note.text.as_str()).collect();
    checks.add(
        State::of(rights.is_empty()),
        "rights",
        if rights.is_empty() {
            format!("role {} may do it all", server.role)
        } else {
            rights.join("; ")
        },
    );
    let runs = setup::runs(session).await?;
    for (name, storage, refreshes) in relations(&made.present) {
        if !made
            .planned
            .iter()
            .any(|planned| planned.change.of == *name)
        {
            continue;
        }
        let jobs = jobs(storage, refreshes);
        let failing = runs
            .iter()
            .filter(|run| jobs.contains(&run.id) && run.succeeded == Some(false));
        let failing: Vec<_> = failing.map(|run| run.id.to_string()).collect();
        checks.add(
            State::of(failing.is_empty()),
            format!("policies of {name}"),
            if failing.is_empty() {
                "none fails".to_owned()
            } else {
                format!("job {} fails: look at it first", failing.join(", "))
            },
        );
    }
    if refused.is_empty() {
        locks(session, made, checks).await?;
    }
    Ok(())
}

/// Sessions that would block the plan, and what the server says against its statements.
async fn locks(session: &Session, made: Made, checks: &mut Checks) -> Result<()> {
    let server = &session.server;
    let approved = planned::together(made.planned, String::new(), &server.database, server);
    let approved = approved.map_err(|why| anyhow::anyhow!(why.join("\n")))?;
    let seen = preview::preview(session, approved.plan).await;
    match seen.holders {
        Ok(holders) => {
            let blocking = holders.iter().filter(|holder| holder.conflicts);
            let blocking: Vec<_> = blocking
                .map(|holder| format!("{} on {}", session_of(holder.pid), holder.relation))
                .collect();
            let words = if blocking.is_empty() {
                "no session would block it now".to_owned()
            } else {
                format!("would wait for {}", blocking.join(", "))
            };
            checks.add(State::of(blocking.is_empty()), "locks", words);
        }
        Err(error) => checks.add(State::Unknown, "locks", error),
    }
    if let Some(why) = seen.refused {
        checks.add(State::Failed, "statements", why);
    }
    Ok(())
}

fn session_of(pid: i32) -> String {
    if pid == 0 {
        text::PREPARED.to_owned()
    } else {
        format!("session {pid}")
    }
}

async fn after(
    settings: &Settings,
    session: &Session,
    wanted: &Wanted,
    made: &Made,
    checks: &mut Checks,
) -> Result<()> {
    let same = print::brief(made);
    let seen = if made.is_same() {
        "nothing differs".to_owned()
    } else {
        same.trim_end().replace('\n', "; ")
    };
    checks.add(
        State::of(made.is_same()),
        "the database is as the file says",
        seen,
    );
    let runs = setup::runs(session).await?;
    let named = |name: &Name| {
        let kinds = [Kind::Hypertable, Kind::Aggregate];
        kinds
            .into_iter()
            .any(|kind| wanted.entry(name, kind).is_some())
    };
    for (name, storage, refreshes) in relations(&made.present).filter(|(name, ..)| named(name)) {
        for run in runs
            .iter()
            .filter(|run| jobs(storage, refreshes).contains(&run.id))
        {
            ran(checks, name, run);
        }
    }
    let invalid = made.present.indexes.iter().filter(|(on, _)| named(on));
    let invalid = invalid.flat_map(|(_, all)| all.iter().filter(|(_, index)| !index.valid));
    let invalid: Vec<_> = invalid.map(|(name, _)| name.as_str()).collect();
    checks.add(
        State::of(invalid.is_empty()),
        "indexes are valid",
        if invalid.is_empty() {
            "all are".to_owned()
        } else {
            format!("interrupted: {}", invalid.join(", "))
        },
    );
    findings(settings, session, &made.present, &named, checks).await?;
    if let Some(expect) = &wanted.expect {
        expected(session, expect, &made.present, checks).await?;
    }
    Ok(())
}

fn ran(checks: &mut Checks, name: &Name, run: &LastRun) {
    let what = format!("job {} of {name} runs", run.id);
    let at = |stamp| text::moment(stamp);
    match (run.succeeded, run.scheduled) {
        (Some(false), _) => checks.add(
            State::Failed,
            what,
            "its last run failed: `hypertop show jobs` says why",
        ),
        (Some(true), _) => {
            let seen = run.finished.map_or_else(
                || "its last run succeeded".to_owned(),
                |end| format!("its last run succeeded, {}", at(end)),
            );
            checks.add(State::Ok, what, seen);
        }
        (None, false) => checks.add(State::Ok, what, "is paused, as the file may say"),
        (None, true) => {
            let seen = run.next_start.map_or_else(
                || "its first run has not ended".to_owned(),
                |next| format!("has not run yet; next start {}", at(next)),
            );
            checks.add(State::Pending, what, seen);
        }
    }
}

/// The findings of the Overview on the objects of the file.
async fn findings(
    settings: &Settings,
    session: &Session,
    present: &Setup,
    named: &impl Fn(&Name) -> bool,
    checks: &mut Checks,
) -> Result<()> {
    let screens = Box::pin(show::gather(settings, session, ScreenId::Overview, LATER)).await?;
    let (now, _) = session.pulse(ScreenId::Overview).await?;
    let at = At {
        now,
        server: &session.server,
    };
    let ids: Vec<i64> = relations(present)
        .filter(|(name, ..)| named(name))
        .filter_map(|(name, ..)| present.id(name))
        .collect();
    let rows = gather::all(&screens, &at);
    let mut bad = 0;
    for row in &rows {
        let mut of = row
            .targets()
            .into_iter()
            .flat_map(Target::and_materialization);
        let about = of.any(|target| ids.contains(&target.id));
        if about && row.finding.level >= Level::Warning {
            bad += 1;
            checks.add(
                State::Failed,
                format!("no finding on {}", row.subject),
                row.finding.reason.clone(),
            );
        }
    }
    if bad == 0 {
        checks.add(
            State::Ok,
            "no finding on the file's objects",
            "none of warning or critical",
        );
    }
    Ok(())
}

async fn expected(
    session: &Session,
    expect: &Expect,
    present: &Setup,
    checks: &mut Checks,
) -> Result<()> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let tables = count(present.hypertables.len());
    let views = count(present.aggregates.len());
    let indexes = count(
        present
            .indexes
            .values()
            .map(std::collections::BTreeMap::len)
            .sum(),
    );
    if let Some(wants) = expect.hypertables {
        checks.add(
            State::of(tables == wants),
            format!("{wants} hypertables"),
            tables.to_string(),
        );
    }
    for (wants, has, what) in [
        (expect.hypertables_min, tables, "hypertables"),
        (expect.aggregates_min, views, "aggregates"),
        (expect.indexes_min, indexes, "indexes"),
    ] {
        if let Some(wants) = wants {
            checks.add(
                State::of(has >= wants),
                format!("at least {wants} {what}"),
                has.to_string(),
            );
        }
    }
    let Some(wants) = expect.saving else {
        return Ok(());
    };
    let after = expect.after();
    let savings = setup::savings(session, after).await?;
    let old = after.map_or_else(String::new, |after| {
        format!(" older than {}", text::interval(&after.to_string()))
    });
    for (name, table) in &present.hypertables {
        let what = format!("{name} saves at least {} %", wants.0);
        let saving = savings.iter().find(|saving| Some(saving.id) == table.id);
        match saving.filter(|saving| saving.compressed > 0 && saving.before_bytes > 0) {
            None => checks.add(
                State::Pending,
                what,
                format!("no chunk{old} is compressed yet"),
            ),
            Some(saving) => {
                #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
                let share = 100.0 - saving.after_bytes as f64 / saving.before_bytes as f64 * 100.0;
                let chunks = plural(saving.compressed, "compressed chunk");
                let seen = format!(
                    "{share:.1} % in {chunks}{old}: {} are {} now",
                    text::bytes(saving.before_bytes),
                    text::bytes(saving.after_bytes)
                );
                checks.add(State::of(share >= wants.0), what, seen);
            }
        }
    }
    Ok(())
}

type Relation<'a> = (
    &'a Name,
    &'a Storage,
    &'a [crate::model::setup::objects::Refresh],
);

fn relations(present: &Setup) -> impl Iterator<Item = Relation<'_>> {
    let none: &[crate::model::setup::objects::Refresh] = &[];
    let tables = present
        .hypertables
        .iter()
        .map(move |(name, table)| (name, &table.storage, none));
    let views = present
        .aggregates
        .iter()
        .map(|(name, view)| (name, &view.storage, view.refresh.as_slice()));
    tables.chain(views)
}

/// Ids of the policies of a relation.
fn jobs(storage: &Storage, refreshes: &[crate::model::setup::objects::Refresh]) -> Vec<i64> {
    let ages = [&storage.compress, &storage.retain]
        .into_iter()
        .flatten()
        .filter_map(|policy| policy.job);
    let reorder = storage.reorder.iter().filter_map(|reorder| reorder.job);
    ages.chain(reorder)
        .chain(refreshes.iter().filter_map(|refresh| refresh.job))
        .collect()
}

/// The checks as Markdown: what, by whom, where and when.
async fn report(session: &Session, checks: &Checks, files: &str, after: bool) -> Result<String> {
    let (now, _) = session.pulse(ScreenId::Overview).await?;
    let server = &session.server;
    let when = text::rfc3339(now).unwrap_or_default();
    let which = if after { "after" } else { "before" };
    let cell = |text: &str| printable(text).replace('|', "\\|");
    let mut out = format!(
        "# Validation {which} apply\n\n- files: {}\n- database: {} on {}, as {}\n- time: {when}\n- hypertop {}\n- result: {}\n\n| result | check | seen |\n|---|---|---|\n",
        cell(files),
        cell(&server.database),
        cell(&server.host),
        cell(&server.role),
        env!("CARGO_PKG_VERSION"),
        checks.sum()
    );
    for check in &checks.0 {
        out += &[
            " | ",
            check.state.name(),
            " | ",
            &cell(&check.what),
            " | ",
            &cell(&check.seen),
            " |\n",
        ]
        .concat()[1..];
    }
    Ok(out)
}
