//! Checks whether the database is as the file says, its policies run, and the file's expectations are met.

use anyhow::Result;

use crate::model::moment::Stamp;
use crate::model::setup::expect::Expect;
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::target::TargetKind;
use crate::run::show;
use crate::screens::{Screens, gather, jobs};
use crate::server::known::At;

use super::super::made::Reading;
use super::super::print;
use super::check::{Checks, State};
use super::here::Here;
use super::measured::Measured;
use super::since::Since;
use super::{expected, health, runs};

/// Runs all checks except the queries of `[expect]`. They put load on the server, so they run only once, at the end.
pub(super) async fn after(
    here: &Here,
    wanted: &Wanted,
    since: Option<&Since>,
    checks: &mut Checks,
) -> Result<Measured> {
    let session = &here.session;
    let reading = Reading::by(&here.settings, session, here.read_only);
    let made = reading.make(wanted).await?;
    let differs = || print::brief(&made).trim_end().replace('\n', "; ");
    let against = (!made.is_same()).then(differs);
    let name = "the database is as the file says";
    match against {
        Some(unread) if made.planned.is_empty() => drop(checks.add(State::Unknown, name, unread)),
        against => checks.unless(name, against, "nothing differs"),
    }
    if let Some(since) = since.filter(|since| since.state != "done") {
        let seen = format!("state of entry {}: {}", since.id, since.state);
        checks.add(State::Failed, "end of the apply", seen);
    }
    let screens = Box::pin(show::gather_overview(&here.settings, session)).await?;
    let counters = session.counters().await?;
    let at = At {
        now: here.now().await?,
        server: &session.server,
    };
    let present = &made.present;
    let named: Vec<&Name> = present
        .relations()
        .filter(|name| wanted.names(name))
        .collect();
    let expect = wanted.expect.clone().unwrap_or_default();
    let end = since.and_then(|since| since.end);
    for name in &named {
        relation(name, (present, &screens), (&expect, end), &at, checks);
    }
    health::indexes(&named, &screens, &at, checks);
    let (open, _) = show::left(session, gather::all(&screens, &at), at.now).await;
    let snapshot = since.and_then(|since| since.snapshot.as_ref());
    health::findings(&open, &targets(present, &named), snapshot, checks);
    health::errors(&counters, snapshot, &at, checks);
    if wanted.expect.is_some() {
        expected::check(session, (wanted, &expect), present, &screens, checks).await?;
    }
    Ok(Measured::of(present, &screens, &counters))
}

/// Checks the runs of a relation's policies and, for an aggregate, its lag. `end`: end of the apply.
fn relation(
    name: &Name,
    (present, screens): (&Setup, &Screens),
    (expect, end): (&Expect, Option<Stamp>),
    at: &At,
    checks: &mut Checks,
) {
    let late = expect
        .job_late()
        .unwrap_or(at.server.thresholds.all.job_late);
    let own = present.jobs(name);
    let rows = screens.jobs.rows().iter();
    let rows: Vec<&jobs::Row> = rows
        .filter(|row| own.contains(&i64::from(row.job_id)))
        .collect();
    for row in &rows {
        runs::check(name, row, end, late, (at, checks));
    }
    let view = present.aggregates.get(name);
    let mut lags = screens.aggregates.rows().iter();
    let lag = lags.find(|row| view.is_some_and(|view| view.id == Some(row.id.into())));
    if let (Some(view), Some(row)) = (view, lag) {
        let refresh: Vec<Option<i64>> = view.refresh.iter().map(|own| own.job).collect();
        let jobs: Vec<&jobs::Row> = rows
            .into_iter()
            .filter(|row| refresh.contains(&Some(i64::from(row.job_id))))
            .collect();
        health::aggregate(name, row, (&jobs, expect.lag_max()), at, checks);
    }
}

/// The targets of actions for these relations, their policies and their indexes.
fn targets(present: &Setup, named: &[&Name]) -> Vec<(TargetKind, i64)> {
    let mut all = Vec::new();
    for name in named {
        let kinds = [TargetKind::Hypertable, TargetKind::Aggregate];
        let id = present.id(name);
        all.extend(kinds.into_iter().filter_map(|kind| Some((kind, id?))));
        let jobs = present.jobs(name).into_iter();
        all.extend(jobs.map(|job| (TargetKind::Job, job)));
        let indexes = present.indexes.get(*name).into_iter().flatten();
        all.extend(indexes.filter_map(|(_, index)| Some((TargetKind::Index, index.oid?))));
    }
    all
}
