//! Checks whether the database is as the file says, its policies run, and the file's expectations are met.

use std::time::Duration;

use anyhow::Result;

use crate::connect::conninfo::Settings;
use crate::model::screen_id::ScreenId;
use crate::model::setup::expect::Expect;
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::target::{Target, TargetKind};
use crate::model::text::{self, plural};
use crate::model::verdict::Level;
use crate::run::show;
use crate::screens::gather;
use crate::screens::record::Record as _;
use crate::server::known::At;
use crate::server::session::Session;
use crate::server::setup::{self, LastRun};

use super::super::made::Made;
use super::super::print;
use super::check::{Checks, State, listed};

/// Time limit for reading expensive figures.
const LATER: Duration = Duration::from_secs(3);

pub(super) async fn after(
    settings: &Settings,
    session: &Session,
    wanted: &Wanted,
    made: &Made,
    checks: &mut Checks,
) -> Result<()> {
    let differs = || print::brief(made).trim_end().replace('\n', "; ");
    let against = (!made.is_same()).then(differs);
    checks.unless(
        "the database is as the file says",
        against,
        "nothing differs",
    );
    let runs = setup::runs(session).await?;
    let present = &made.present;
    let named: Vec<&Name> = present
        .relations()
        .filter(|name| wanted.names(name))
        .collect();
    for name in &named {
        let jobs = present.jobs(name);
        for run in runs.iter().filter(|run| jobs.contains(&run.id)) {
            ran(checks, name, run);
        }
    }
    let invalid = named.iter().filter_map(|name| present.indexes.get(name));
    let invalid = invalid.flat_map(|all| all.iter().filter(|(_, index)| !index.valid));
    let invalid: Vec<String> = invalid.map(|(name, _)| name.clone()).collect();
    let against = listed(&invalid, ", ").map(|names| format!("interrupted: {names}"));
    checks.unless("indexes are valid", against, "all are");
    let ids = named.iter().filter_map(|name| present.id(name)).collect();
    findings(settings, session, ids, checks).await?;
    if let Some(expect) = &wanted.expect {
        expected(session, expect, present, checks).await?;
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

/// The findings of the Overview on the hypertables and aggregates with these ids.
async fn findings(
    settings: &Settings,
    session: &Session,
    ids: Vec<i64>,
    checks: &mut Checks,
) -> Result<()> {
    let screens = Box::pin(show::gather(settings, session, ScreenId::Overview, LATER)).await?;
    let (now, _) = session.pulse(ScreenId::Overview).await?;
    let at = At {
        now,
        server: &session.server,
    };
    let is_about = |target: Target| {
        let relation = matches!(target.kind, TargetKind::Hypertable | TargetKind::Aggregate);
        relation && ids.contains(&target.id)
    };
    let mut bad = 0;
    for row in gather::all(&screens, &at) {
        let targets = row.targets().into_iter();
        let about = targets.flat_map(Target::and_materialization).any(is_about);
        if about && row.finding.level >= Level::Warning {
            bad += 1;
            checks.add(
                State::Failed,
                format!("no finding on {}", row.subject),
                row.finding.reason,
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
