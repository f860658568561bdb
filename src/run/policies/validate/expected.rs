//! Checks the numbers of objects and the savings of compression against `[expect]` in the files.

use anyhow::Result;

use crate::model::setup::expect::Expect;
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{Hypertable, Setup};
use crate::model::text::{self, plural};
use crate::screens::Screens;
use crate::server::session::Session;
use crate::server::setup::{self, Saving};

use super::check::{Checks, State};
use super::runs;

pub(super) async fn check(
    session: &Session,
    (wanted, expect): (&Wanted, &Expect),
    present: &Setup,
    screens: &Screens,
    checks: &mut Checks,
) -> Result<()> {
    counts(expect, present, checks);
    let Some(least) = expect.saving else {
        return Ok(());
    };
    let savings = setup::savings(session, expect.after()).await?;
    let old = expect.after().map_or_else(String::new, |after| {
        format!(" older than {}", text::interval(&after.to_string()))
    });
    for (name, table) in &present.hypertables {
        if wanted.names(name) {
            let saving = savings.iter().find(|saving| Some(saving.id) == table.id);
            saved(name, (table, saving), (least.0, &old), screens, checks);
        }
    }
    Ok(())
}

fn counts(expect: &Expect, present: &Setup, checks: &mut Checks) {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let tables = count(present.hypertables.len());
    let views = count(present.aggregates.len());
    let all = present.indexes.values();
    let indexes = count(all.map(std::collections::BTreeMap::len).sum());
    if let Some(wants) = expect.hypertables {
        let (what, expected) = (
            format!("the number of hypertables is {wants}"),
            wants.to_string(),
        );
        checks.compare(tables == wants, what, expected, tables.to_string());
    }
    for (wants, has, what) in [
        (expect.hypertables_min, tables, "hypertables"),
        (expect.aggregates_min, views, "aggregates"),
        (expect.indexes_min, indexes, "indexes"),
    ] {
        if let Some(wants) = wants {
            let (what, expected) = (
                format!("the number of {what} is {wants} or more"),
                format!("{wants} or more"),
            );
            checks.compare(has >= wants, what, expected, has.to_string());
        }
    }
}

/// Checks the percentage that compression saves on one hypertable. `old`: minimum age of the chunks that count, such as ` older than 7d`.
fn saved(
    name: &Name,
    (table, saving): (&Hypertable, Option<&Saving>),
    (least, old): (f64, &str),
    screens: &Screens,
    checks: &mut Checks,
) {
    let what = format!("{name} saves at least {least} %");
    let none = format!("no chunk{old} is compressed yet");
    let Some(saving) = saving else {
        checks.wait(what, format!("{none}: the hypertable has no chunk"), None);
        return;
    };
    if saving.chunks == 0 {
        let when = saving.due.map_or_else(String::new, |due| {
            format!(": the oldest chunk reaches this age {}", text::moment(due))
        });
        checks.wait(what, format!("{none}{when}"), saving.due);
        return;
    }
    if saving.compressed == 0 || saving.before_bytes == 0 {
        let own = table.storage.compress.and_then(|policy| policy.job);
        let mut jobs = screens.jobs.rows().iter();
        let job = jobs.find(|row| own == Some(i64::from(row.job_id)));
        let next = job.and_then(runs::next);
        let has_run = job.and_then(runs::ran) >= saving.due && saving.due.is_some();
        let many = plural(saving.chunks, "chunk");
        match next {
            Some(next) if !has_run => {
                let then = format!("{none}: the policy starts {}", text::moment(next));
                checks.wait(what, then, Some(next));
            }
            _ => {
                let seen = format!("none of {many}{old} is compressed");
                checks.add(State::Failed, what, seen).expected = Some(format!("{least} %"));
            }
        }
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a percentage need not be exact")]
    let share = 100.0 - saving.after_bytes as f64 / saving.before_bytes as f64 * 100.0;
    let all = if saving.compressed < saving.chunks {
        format!(
            "{} of {}",
            saving.compressed,
            plural(saving.chunks, "chunk")
        )
    } else {
        plural(saving.compressed, "compressed chunk")
    };
    let seen = format!(
        "{share:.1} % in {all}{old}: {} are {} now",
        text::bytes(saving.before_bytes),
        text::bytes(saving.after_bytes)
    );
    checks.compare(share >= least, what, format!("{least} %"), seen);
}
