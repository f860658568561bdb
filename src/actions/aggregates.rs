//! Acting on continuous aggregates: refresh, refresh policies, real-time; with the guard against losing what the
//! source no longer has.

mod behind;
mod guard;
mod missing;
mod notes;
mod place;
mod policies;
mod refresh;
mod remarks;
mod remove;
mod watermark;
mod what_if;

use serde::Deserialize;

use crate::actions::act::{Act, Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::catalogue::{Action, Group, act};
use crate::actions::form::Inputs;
use crate::model::bucket::{Buckets, Shape};
use crate::model::clock;
use crate::model::moment::Axis;
use crate::model::plan::{Mode, Plan, Statement, Step, Undo};
use crate::model::target::Kind;
use crate::model::trust::Code;
use crate::model::verdict::Level;
use crate::model::version::Version;
use crate::server::known::Edition;
use crate::server::sql::{Query, query};

const FACTS: Query = query!("plan_aggregate");

pub static ACTIONS: &[Action] = &[
    act(
        "refresh-aggregate",
        &["f"],
        Group::Aggregates,
        on(Some(refresh::form), refresh::window),
        "Refresh a window of the selected aggregate",
    ),
    act(
        "refresh-behind",
        &["b"],
        Group::Aggregates,
        on(Some(behind::form), behind::one),
        "Refresh what is behind: what waits, up to now less the policy's end offset",
    ),
    act(
        "refresh-hierarchy",
        &["B"],
        Group::Aggregates,
        on(Some(behind::form), behind::hierarchy),
        "Refresh what is behind in the aggregates it is built on, then in itself",
    ),
    act(
        "add-refresh-policy",
        &[],
        Group::Aggregates,
        on(Some(policies::add_form), policies::add),
        "Let the selected aggregate be refreshed on a schedule",
    ),
    act(
        "edit-refresh-policy",
        &["e"],
        Group::Aggregates,
        on(Some(policies::edit_form), policies::edit),
        "Change the window or the schedule of a refresh policy",
    ),
    act(
        "remove-refresh-policy",
        &[],
        Group::Aggregates,
        on(Some(remove::form), remove::remove),
        "Remove a refresh policy (pause-job only stops it)",
    ),
    act(
        "move-watermark-back",
        &[],
        Group::Aggregates,
        on(Some(watermark::form), watermark::back),
        "Move a watermark back that lies in the future, with or without the rows that moved it there",
    ),
    act(
        "switch-real-time",
        &["M"],
        Group::Aggregates,
        on(None, switch_real_time),
        "Switch between real-time and materialized rows only",
    ),
];

type Former = fn(&Context) -> Result<crate::actions::form::Form, Refusal>;
type Planner = fn(&Context, &Inputs) -> Result<Plan, Refusal>;

const fn on(form: Option<Former>, plan: Planner) -> Act {
    Act {
        on: Kind::Aggregate,
        facts: FACTS,
        form,
        plan,
    }
}

/// What `queries/plan_aggregate.sql` says.
#[derive(Debug, Clone, Deserialize)]
struct Facts {
    /// What it is built on first, the aggregate itself last.
    levels: Vec<Aggregate>,
}

/// One aggregate; places are in the unit of its axis.
#[derive(Debug, Clone, Deserialize)]
struct Aggregate {
    /// Of the materialization hypertable.
    id: i64,
    /// Quoted and qualified, as all names here.
    name: String,
    view_oid: i64,
    mat_oid: i64,
    mat_name: String,
    source: String,
    source_oid: i64,
    #[serde(flatten)]
    deleting: Deleting,
    watermark: Option<i64>,
    /// Built on another aggregate.
    hierarchical: bool,
    materialized_only: bool,
    /// The zone in which its refresh policies reckon.
    clock_zone: String,
    /// Not of the format from before 2.7.
    finalized: bool,
    axis: String,
    bucket: Option<String>,
    zone: Option<String>,
    offset: Option<String>,
    /// On the clock of the buckets' zone.
    origin: Option<i64>,
    refreshed_to: Option<i64>,
    /// History up to this place was never materialized.
    never_before: Option<i64>,
    /// Ranges that wait, where the source has chunks; from the first to the last of them.
    pending: i64,
    pending_from: Option<i64>,
    pending_to: Option<i64>,
    source_chunks: i64,
    source_from: Option<i64>,
    source_to: Option<i64>,
    /// Begin, end and number of chunks of the newest stretches of the source, newest first.
    slices: Vec<(i64, i64, i64)>,
    holes: Vec<Hole>,
    /// Before this place there may be more holes: so many were not looked at.
    unchecked_before: Option<i64>,
    /// `None`: time is no integer, or its clock may not be asked.
    integer_now: Option<i64>,
    /// The function that says so, where looking does not run it.
    code: Option<Code>,
    /// It has a function that tells what is now; `None`: time is no integer.
    integer_clock: Option<bool>,
    children: Vec<String>,
    /// Its refresh policies.
    jobs: Vec<Job>,
    source_policies: Around,
    own_policies: Around,
    /// The session that refreshes it now, where the server tells (2.26 and later).
    refreshing: Option<Refreshing>,
}

/// What deleting rows of the source needs.
#[derive(Debug, Clone, Deserialize)]
struct Deleting {
    /// Its column of time, quoted.
    source_column: Option<String>,
    may_delete: bool,
    /// Those of people, quoted.
    source_triggers: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Refreshing {
    pid: i64,
    /// It does nothing: its refresh was cancelled, and the range stays marked as long as the session lives.
    idle: bool,
}

/// A stretch in which the source has no chunk, or not the chunk that it had, but the aggregate has rows.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Hole {
    /// `None`: everything before the oldest chunk.
    low: Option<i64>,
    high: i64,
    /// The first bucket of the aggregate there; `None`: this role may not look.
    first: Option<i64>,
    /// It has a chunk there, but one that may have been made again after it was dropped.
    remade: bool,
}

/// The other policies of a table.
#[derive(Debug, Clone, Default, Deserialize)]
struct Around {
    #[serde(rename = "policy_retention")]
    retention: Option<Rule>,
    #[serde(rename = "policy_compression")]
    compression: Option<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
struct Rule {
    id: i64,
    scheduled: bool,
    after: Option<String>,
    /// The zone in which it reckons.
    clock_zone: String,
    /// By when chunks were made, which cannot be compared with times in them.
    by_creation: bool,
}

impl Facts {
    fn read(context: &Context) -> Result<Self, Refusal> {
        if context.at.server.edition == Edition::Apache {
            return Err(
                "this server runs the Apache edition (timescaledb.license), which has no continuous aggregates to act on"
                    .into(),
            );
        }
        context.read()
    }

    /// The aggregate itself.
    fn own(&self) -> Result<&Aggregate, Refusal> {
        self.levels
            .last()
            .ok_or_else(|| "the server does not know this aggregate any more".into())
    }

    /// A session that is idle, and keeps refreshes away from one of the levels.
    fn stuck(&self) -> Option<Refreshing> {
        let all = self.levels.iter().filter_map(|level| level.refreshing);
        all.into_iter().find(|refreshing| refreshing.idle)
    }
}

impl Aggregate {
    /// What the clock of this zone shows on its axis; `None`: integer time whose clock cannot be asked, or no zone that is
    /// known here.
    fn now(&self, zone: &str, context: &Context) -> Option<i64> {
        match self.axis() {
            Axis::Integer => self.integer_now,
            Axis::TimestampTz => Some(context.at.now.0),
            Axis::Timestamp | Axis::Date => clock::wall(context.at.now.0, zone),
        }
    }

    fn axis(&self) -> Axis {
        Axis::of(&self.axis)
    }

    fn buckets(&self) -> Result<Buckets, String> {
        let shape = Shape {
            axis: self.axis(),
            width: self.bucket.as_deref(),
            zone: self.zone.as_deref(),
            offset: self.offset.as_deref(),
            origin: self.origin,
        };
        Buckets::of(&self.name, shape)
    }

    /// Up to where a refresh has been; `None`: never.
    fn refreshed(&self) -> Option<i64> {
        self.refreshed_to.filter(|at| self.axis().is_place(*at))
    }

    /// The policy whose window ends latest: how far behind now the aggregate is meant to be.
    fn newest_policy(&self) -> Option<&Job> {
        let end = |job: &&Job| {
            let offset = offset(job, "end_offset");
            offset.map_or(Some(f64::NEG_INFINITY), |text| {
                crate::model::clock::length(self.axis(), &text)
            })
        };
        self.jobs.iter().min_by(|a, b| {
            end(a)
                .partial_cmp(&end(b))
                .unwrap_or(std::cmp::Ordering::Equal)
        })
    }
}

/// An offset of a refresh policy, as it is configured; `None`: open.
fn offset(job: &Job, key: &str) -> Option<String> {
    match job.config.as_ref()?.get(key)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn since(context: &Context, major: u32, minor: u32) -> bool {
    context.at.server.sql_version() >= Version::new(major, minor)
}

fn switch_real_time(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Facts::read(context)?;
    let level = facts.own()?;
    if context.at.server.simulated {
        return Err("this is the stand-in: plain PostgreSQL has no ALTER MATERIALIZED VIEW … SET (timescaledb.…); on TimescaleDB it works".into());
    }
    let set = |only: bool| {
        let sql = format!(
            "alter materialized view {} set (timescaledb.materialized_only = {only})",
            level.name
        );
        vec![Statement::new(sql, Vec::new())]
    };
    let only = level.materialized_only;
    let (to, meaning) = if only {
        (
            "real-time",
            "readers will also see rows that no refresh has taken in yet, computed from the source at every query; rows that came late into refreshed buckets still wait for a refresh",
        )
    } else {
        (
            "materialized rows only",
            "readers will see what refreshes have taken in and nothing newer; queries get cheaper",
        )
    };
    let title = format!("Switch {} to {to}", level.name);
    let step = Step::new(
        format!("switch {} to {to}", level.name),
        set(!only),
        set(only),
    );
    let undo = Undo::Exact("the view answers as before".to_owned());
    let mut plan = Plan::new(title, vec![step], undo)
        .note(Level::Notice, meaning)
        .touching(level.view_oid, level.name.clone(), Mode::AccessExclusive)
        .changing(&["/materialized_only"]);
    if !level.children.is_empty() {
        let names = level.children.join(", ");
        plan = plan.note(
            Level::Notice,
            format!("aggregates built on it ({names}) are not changed: their refreshes read its materialized rows either way"),
        );
    }
    Ok(plan)
}
