//! Carrying out a plan: a write session of its own, step by step, with the journal before and after.

mod problem;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};

use crate::action::{self, Does};
use crate::connect::{self, Connected};
use crate::conninfo::Settings;
use crate::db;
use crate::journal::{Begin, End, Entries, Journal, Outcome, Place, Ran, Seen};
use crate::plan::{Bindings, Lit, Pace, Plan, Statement, Step, Undo};
use crate::plans::Target;
use crate::query;
use crate::server::Server;
use crate::sql::{Param, Query, Version};
use crate::text;
use crate::value::Stamp;

pub use problem::Problem;

const PLACE: Query = query!("act_place");
const PROGRESS: Query = query!("act_progress");
const PACE: Query = query!("act_pace");

/// What a write session sets. Values of intervals and times must read as in the read session, whose state it compares.
const SESSION: &str = "set jit = off; set statement_timeout = 0; set idle_in_transaction_session_timeout = '60s'; \
    set intervalstyle = 'postgres'; set client_min_messages = notice";
/// How often a pace that holds is looked at again, and how often a running statement's progress is.
const LOOK: Duration = Duration::from_secs(1);
/// How long a cancelled statement may take to end before its connection is given up.
const CANCEL_PATIENCE: Duration = Duration::from_secs(20);

/// What a person wants of a plan that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Go,
    /// After the step that runs, wait.
    Hold,
    /// Stop now, on the server.
    Stop,
}

/// What is told while a plan runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The journal has it, under this number.
    Began(u64),
    /// Step `number` (from 1) begins.
    Step {
        number: usize,
        of: usize,
        label: String,
    },
    /// A step ended; the weight that is done so far, of the whole.
    Weight {
        done: i64,
        of: i64,
    },
    /// The server's own progress view: the phase, and the share that is done.
    Phase(String, Option<f64>),
    /// Why it waits: for a lock and its holder, for a replica, for a person.
    Waits(String),
    /// It goes on.
    Goes,
    Notice(String),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The journal's number; `None`: nothing was begun.
    pub id: Option<u64>,
    pub outcome: Outcome,
    pub title: String,
    pub steps_done: usize,
    pub steps: usize,
    /// A rollback of the entry has something to take back, or to find out.
    pub can_be_taken_back: bool,
    /// What went wrong, by step.
    pub problems: Vec<(String, Problem)>,
    /// The server's notices and warnings.
    pub notices: Vec<String>,
    pub took: Duration,
    /// After a rollback: where the state still differs from what it was before the action.
    pub differs: Vec<(String, String, String)>,
}

/// What is to be done: a plan, with what it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    pub plan: Plan,
    /// What the plan was made from; where it has changed since, nothing is done.
    pub seen: Vec<Seen>,
    /// What was chosen, in words.
    pub inputs: String,
    /// The journal's entries that this takes back, and what the state was before them.
    pub undoes: Vec<u64>,
    pub restores: Vec<Seen>,
}

/// Who carries out plans.
#[derive(Debug, Clone)]
pub struct Actor {
    pub settings: Settings,
    pub password: Option<String>,
    pub journal: Journal,
    /// The server as the read session knows it: versions, time zone.
    pub server: Server,
    /// The clock, which is read in `run` (and `command`) alone.
    pub clock: fn() -> Stamp,
}

/// A connection that writes.
struct Writer {
    connected: Connected,
    place: Place,
    pid: i64,
    role: String,
}

/// A parameter as its type's own text.
#[derive(Debug)]
struct AsText(Option<String>);

impl ToSql for AsText {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.0 {
            None => IsNull::Yes,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

impl AsText {
    fn of(lit: &Lit) -> Self {
        Self(match lit {
            Lit::Null => None,
            Lit::Bool(truth) => Some(truth.to_string()),
            Lit::Int(number) | Lit::Job(number) => Some(number.to_string()),
            Lit::Text(text) | Lit::Kept(text) => Some(text.clone()),
        })
    }
}

impl Actor {
    /// Carries out a plan that a person agreed to. An error means that nothing was changed.
    pub async fn perform(
        &self,
        deed: &Deed,
        told: &UnboundedSender<Progress>,
        mut order: watch::Receiver<Order>,
    ) -> Result<Report> {
        let start = Instant::now();
        let mut writer = self.open(deed.plan.lock_timeout_seconds).await?;
        let before = self.check(&writer, deed).await?;
        let entries = self.journal.entries()?;
        let id = self.journal.begin(self.begin(&writer, deed, before))?;
        tell(told, Progress::Began(id));
        let mut run = Run {
            actor: self,
            id,
            bindings: bindings(&entries, deed, &writer.place),
            done: 0,
            problems: Vec::new(),
            notices: Vec::new(),
            told,
        };
        let outcome = run.steps(&mut writer, &deed.plan, &mut order).await;
        let (after, mut differs) = self.look_after(&writer, deed, &run.bindings).await;
        if outcome != Outcome::Done {
            differs.clear();
        }
        let first = run.problems.first();
        let ended = self.journal.end(End {
            id,
            at: self.moment(),
            outcome,
            error: first.map(|(_, problem)| problem.to_string()),
            after,
            seconds: start.elapsed().as_secs_f64(),
        });
        if let Err(error) = ended {
            run.notices
                .push(format!("{error:#}: entry {id} will be shown as unfinished"));
        }
        Ok(Report {
            id: Some(id),
            outcome,
            title: deed.plan.title.clone(),
            steps_done: run.done,
            steps: deed.plan.steps.len(),
            can_be_taken_back: matches!(deed.plan.undo, Undo::Exact(_) | Undo::Partly(_))
                && (run.done > 0 || outcome == Outcome::Unknown),
            problems: run.problems,
            notices: run.notices,
            took: start.elapsed(),
            differs,
        })
    }

    fn moment(&self) -> String {
        text::rfc3339((self.clock)()).unwrap_or_default()
    }

    fn begin(&self, writer: &Writer, deed: &Deed, before: Vec<Seen>) -> Begin {
        Begin {
            id: 0,
            at: self.moment(),
            role: writer.role.clone(),
            place: writer.place.clone(),
            timescaledb: self.server.timescaledb.map(|version| version.to_string()),
            plan: deed.plan.clone(),
            inputs: deed.inputs.clone(),
            before,
            undoes: deed.undoes.clone(),
            acknowledges: None,
            pid: std::process::id(),
            pid_began: crate::journal::began(std::process::id()),
        }
    }

    async fn open(&self, lock_timeout: u32) -> Result<Writer> {
        let connected = connect::again(&self.settings, self.password.as_deref()).await?;
        let client = &connected.client;
        let zone = text::quote_literal(&self.server.time_zone);
        let session =
            format!("{SESSION}; set lock_timeout = '{lock_timeout}s'; set timezone = {zone}");
        client
            .batch_execute(&session)
            .await
            .map_err(|error| anyhow!(Problem::of(&error)))?;
        let row = db::ask(client, PLACE.text(self.server.sql_version()), &[]).await?;
        let (place, standby, row) = read_place(&row, connected.host.clone())?;
        if standby {
            bail!(
                "{} is a standby: nothing was changed; connect to its primary",
                place.host
            );
        }
        if place.database != self.server.database {
            bail!(
                "this connection leads to database {:?}, not to {:?}: nothing was changed",
                place.database,
                self.server.database
            );
        }
        Ok(Writer {
            place,
            pid: row.try_get::<_, i32>("pid")?.into(),
            role: row.try_get("role")?,
            connected,
        })
    }

    /// The state as it is now; an error where it is no longer what the plan was made from.
    async fn check(&self, writer: &Writer, deed: &Deed) -> Result<Vec<Seen>> {
        let mut now = Vec::new();
        for seen in &deed.seen {
            let state = self
                .state(&writer.connected.client, &seen.action, &seen.target)
                .await?;
            let moved = crate::journal::differences(&deed.plan.changes, &seen.state, &state);
            if let Some((what, was, is)) = moved.first() {
                bail!(
                    "{} changed since the preview ({what}: {was}, now {is}): nothing was done; look at it again",
                    seen.target.name
                );
            }
            now.push(Seen {
                state,
                ..seen.clone()
            });
        }
        Ok(now)
    }

    /// What the action's own query captures of a target; null: it is not there.
    pub async fn state(
        &self,
        client: &Client,
        action: &str,
        target: &Target,
    ) -> Result<serde_json::Value> {
        let Some(Does::Plan(act)) = action::by_name(action).map(|action| &action.does) else {
            bail!("this version of hypertop knows no action {action:?}");
        };
        client
            .batch_execute("set search_path = pg_catalog")
            .await
            .map_err(|error| anyhow!(Problem::of(&error)))?;
        let rows = db::ask(
            client,
            act.facts.text(self.server.sql_version()),
            &[Param::BigInt(target.id)],
        )
        .await;
        client
            .batch_execute("reset search_path")
            .await
            .map_err(|error| anyhow!(Problem::of(&error)))?;
        Ok(match rows?.first() {
            Some(row) => row.try_get("state")?,
            None => serde_json::Value::Null,
        })
    }

    /// The state that was left, and where a rollback did not bring back what was before.
    async fn look_after(
        &self,
        writer: &Writer,
        deed: &Deed,
        bindings: &Bindings,
    ) -> (Vec<Seen>, Vec<(String, String, String)>) {
        let (mut after, mut differs) = (Vec::new(), Vec::new());
        for seen in &deed.seen {
            let target = current(&seen.target, bindings);
            // What cannot be looked at is left out; a rollback then has nothing to compare with, and says so.
            if let Ok(state) = self
                .state(&writer.connected.client, &seen.action, &target)
                .await
            {
                if let Some(was) = deed
                    .restores
                    .iter()
                    .find(|was| was.target == seen.target && was.action == seen.action)
                {
                    differs.extend(crate::journal::differences(
                        &deed.plan.changes,
                        &was.state,
                        &state,
                    ));
                }
                after.push(Seen {
                    state,
                    ..seen.clone()
                });
            }
        }
        (after, differs)
    }
}

/// Which database a session is in.
pub async fn place(client: &Client, host: String) -> Result<Place> {
    let rows = db::ask(client, PLACE.text(Version::new(0, 0)), &[]).await?;
    Ok(read_place(&rows, host)?.0)
}

/// The target under the id that it has now.
pub fn current(target: &Target, bindings: &Bindings) -> Target {
    let mut target = target.clone();
    match target.kind {
        crate::plans::Kind::Job => target.id = bindings.job(target.id),
        crate::plans::Kind::Index => target.id = bindings.index(target.id),
        _ => {}
    }
    target
}

fn read_place(rows: &[Row], host: String) -> Result<(Place, bool, &Row)> {
    let row = rows.first().context("the server did not say which it is")?;
    let place = Place {
        system: row.try_get("system")?,
        database: row.try_get("database")?,
        database_oid: row.try_get("database_oid")?,
        host,
    };
    Ok((place, row.try_get("standby")?, row))
}

fn bindings(entries: &Entries, deed: &Deed, place: &Place) -> Bindings {
    let mut bindings = entries.bindings(place);
    for id in &deed.undoes {
        bindings.kept.extend(
            entries
                .find(*id)
                .map(crate::journal::Entry::kept)
                .unwrap_or_default(),
        );
    }
    bindings
}

fn tell(told: &UnboundedSender<Progress>, progress: Progress) {
    // Nobody may be listening any more; the work goes on to its end all the same.
    let _ = told.send(progress);
}

/// One plan that runs.
struct Run<'a> {
    actor: &'a Actor,
    id: u64,
    bindings: Bindings,
    done: usize,
    problems: Vec<(String, Problem)>,
    notices: Vec<String>,
    told: &'a UnboundedSender<Progress>,
}

impl Run<'_> {
    async fn steps(
        &mut self,
        writer: &mut Writer,
        plan: &Plan,
        order: &mut watch::Receiver<Order>,
    ) -> Outcome {
        let whole: i64 = plan.steps.iter().map(|step| step.weight).sum();
        let (mut weight, mut wal) = (0, None);
        for (at, step) in plan.steps.iter().enumerate() {
            if at > 0 && !self.pace(writer, &plan.pace, &mut wal, order).await {
                return Outcome::Cancelled;
            }
            if *order.borrow() == Order::Stop {
                return Outcome::Cancelled;
            }
            if writer.connected.client.is_closed() {
                let why = "the connection was lost before this step, which was not begun";
                return self.fail(step, Problem::other(why), at);
            }
            tell(
                self.told,
                Progress::Step {
                    number: at + 1,
                    of: plan.steps.len(),
                    label: step.label.clone(),
                },
            );
            // A cancelled refresh leaves its mark on the connection, so each has its own.
            if step.plain && at > 0 {
                match self.actor.open(plan.lock_timeout_seconds).await {
                    Ok(fresh) => *writer = fresh,
                    Err(error) => return self.fail(step, Problem::other(format!("{error:#}")), at),
                }
            }
            let result = self.step(writer, step, order).await;
            weight += step.weight;
            match result {
                Ok(kept) => {
                    self.done += 1;
                    self.note(at, kept, None);
                }
                // Before the stop: of a statement that may still run nobody can say that it was cancelled.
                Err(problem) if problem.lost => {
                    self.problems.push((step.label.clone(), problem));
                    return Outcome::Unknown;
                }
                Err(_) if *order.borrow() == Order::Stop => return Outcome::Cancelled,
                Err(problem) => {
                    let outcome = self.fail(step, problem, at);
                    if !plan.pace.go_on {
                        return outcome;
                    }
                }
            }
            tell(
                self.told,
                Progress::Weight {
                    done: weight,
                    of: whole,
                },
            );
        }
        if self.problems.is_empty() {
            Outcome::Done
        } else {
            Outcome::Failed
        }
    }

    fn fail(&mut self, step: &Step, problem: Problem, at: usize) -> Outcome {
        self.note(
            at,
            std::collections::BTreeMap::new(),
            Some(problem.to_string()),
        );
        self.problems.push((step.label.clone(), problem));
        Outcome::Failed
    }

    /// Writes down that a step ended; what cannot be written is said, since the step has happened.
    fn note(
        &mut self,
        step: usize,
        kept: std::collections::BTreeMap<String, String>,
        error: Option<String>,
    ) {
        let ran = Ran {
            id: self.id,
            at: self.actor.moment(),
            step,
            kept,
            error,
        };
        if let Err(error) = self.actor.journal.ran(ran) {
            self.notices.push(format!("{error:#}"));
        }
    }

    /// Runs one step; gives what its statements kept.
    async fn step(
        &mut self,
        writer: &mut Writer,
        step: &Step,
        order: &mut watch::Receiver<Order>,
    ) -> Result<std::collections::BTreeMap<String, String>, Problem> {
        let block = !step.plain && step.run.len() > 1;
        if block {
            writer
                .connected
                .client
                .batch_execute("begin")
                .await
                .map_err(|error| Problem::of(&error))?;
        }
        let mut kept = std::collections::BTreeMap::new();
        let before = self.bindings.clone();
        for statement in &step.run {
            let bound = self.bindings.bind(statement).map_err(Problem::other)?;
            let result = self.statement(writer, &bound, order).await;
            self.take_notices(writer);
            match result {
                Ok(value) => {
                    if let Some((name, value)) = statement.keeps.clone().zip(value) {
                        self.bindings.kept.insert(name.clone(), value.clone());
                        self.bindings.renew(&name, &value);
                        kept.insert(name, value);
                    }
                }
                Err(problem) => {
                    if block {
                        // What it made is gone with it, ids as well.
                        self.bindings = before;
                    }
                    if block && !problem.lost {
                        // The server has ended the transaction already; this only leaves the block.
                        let _ = writer.connected.client.batch_execute("rollback").await;
                    }
                    return Err(problem);
                }
            }
        }
        if block {
            writer
                .connected
                .client
                .batch_execute("commit")
                .await
                .map_err(|error| Problem::of(&error))?;
        }
        Ok(kept)
    }

    /// Runs one statement, telling of its progress, and stopping it on the server when that is asked.
    async fn statement(
        &self,
        writer: &Writer,
        statement: &Statement,
        order: &mut watch::Receiver<Order>,
    ) -> Result<Option<String>, Problem> {
        let mut work = std::pin::pin!(send(&writer.connected.client, statement));
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
        let mut monitor = None;
        let mut stopped_at: Option<Instant> = None;
        loop {
            tokio::select! {
                result = &mut work => return result,
                changed = order.changed(), if stopped_at.is_none() => {
                    if changed.is_err() || *order.borrow() == Order::Stop {
                        stopped_at = Some(Instant::now());
                        writer.connected.canceller().await;
                    }
                }
                _ = look.tick() => {
                    if stopped_at.is_some_and(|at| at.elapsed() > CANCEL_PATIENCE) {
                        return Err(Problem::lost("the server did not end the statement after it was cancelled; it may still run"));
                    }
                    if stopped_at.is_some() {
                        // A cancel that came just between two of the server's own transactions is lost: once more.
                        writer.connected.canceller().await;
                    }
                    self.look(&mut monitor, writer.pid).await;
                }
            }
        }
    }

    /// Tells how far the statement is, and who keeps it waiting; asked on a connection of its own.
    async fn look(&self, monitor: &mut Option<Connected>, pid: i64) {
        if monitor.is_none() {
            *monitor = connect::again(&self.actor.settings, self.actor.password.as_deref())
                .await
                .ok();
        }
        let Some(connected) = monitor else { return };
        let text = PROGRESS.text(self.actor.server.sql_version());
        // What cannot be asked is not told; the statement itself goes on.
        let Ok(rows) = db::ask(&connected.client, text, &[Param::BigInt(pid)]).await else {
            return;
        };
        if let Some(progress) = rows.first().and_then(|row| progress(row).ok()).flatten() {
            tell(self.told, progress);
        }
    }

    /// Rests between steps, and waits while a bound is passed or a person holds it; `false`: stop.
    async fn pace(
        &mut self,
        writer: &Writer,
        pace: &Pace,
        wal: &mut Option<(Instant, f64)>,
        order: &mut watch::Receiver<Order>,
    ) -> bool {
        let rest = Duration::try_from_secs_f64(pace.rest_seconds.max(0.0)).unwrap_or_default();
        if !rest.is_zero() && !wait(order, rest).await {
            return false;
        }
        loop {
            let wanted = *order.borrow();
            let reason = match wanted {
                Order::Stop => return false,
                Order::Hold => Some("for you, who hold it".to_owned()),
                Order::Go => self.bound(writer, pace, wal).await,
            };
            let Some(reason) = reason else {
                tell(self.told, Progress::Goes);
                return true;
            };
            tell(self.told, Progress::Waits(reason));
            if !wait(order, LOOK).await {
                return false;
            }
        }
    }

    /// Which bound of the pace is passed now.
    async fn bound(
        &self,
        writer: &Writer,
        pace: &Pace,
        wal: &mut Option<(Instant, f64)>,
    ) -> Option<String> {
        if pace.max_replica_lag_seconds.is_none() && pace.max_wal_bytes_per_second.is_none() {
            return None;
        }
        let rows = db::ask(
            &writer.connected.client,
            PACE.text(self.actor.server.sql_version()),
            &[],
        )
        .await;
        let row = match &rows {
            Ok(rows) => rows.first()?,
            Err(error) => return Some(format!("the bounds cannot be looked at: {error:#}")),
        };
        let lag: Option<f64> = row.try_get("lag_seconds").ok()?;
        if pace.max_replica_lag_seconds.is_some() && !row.try_get::<_, bool>("readable").ok()? {
            return Some("this role cannot see replicas (grant pg_read_all_stats, or leave max_replica_lag empty)".to_owned());
        }
        if let (Some(most), Some(lag)) = (pace.max_replica_lag_seconds, lag)
            && lag > most
        {
            return Some(format!("a replica is {} behind", text::duration(lag)));
        }
        let written: f64 = row.try_get("wal_bytes").ok()?;
        let before = wal.replace((Instant::now(), written));
        if let (Some(most), Some((at, had))) = (pace.max_wal_bytes_per_second, before) {
            let rate = (written - had) / at.elapsed().as_secs_f64().max(0.1);
            if rate > most {
                return Some(format!(
                    "the server writes {:.0} MB of WAL a second",
                    rate / 1e6
                ));
            }
        }
        None
    }

    fn take_notices(&mut self, writer: &mut Writer) {
        while let Ok(notice) = writer.connected.notices.try_recv() {
            tell(self.told, Progress::Notice(notice.clone()));
            if !self.notices.contains(&notice) {
                self.notices.push(notice);
            }
        }
    }
}

/// Waits so long, or until a person changes the order; `false`: stop.
async fn wait(order: &mut watch::Receiver<Order>, long: Duration) -> bool {
    // Whether it was the time or the person, the order is looked at next.
    let gone = tokio::time::timeout(long, order.changed())
        .await
        .is_ok_and(|changed| changed.is_err());
    !gone && *order.borrow() != Order::Stop
}

async fn send(client: &Client, statement: &Statement) -> Result<Option<String>, Problem> {
    if statement.params.is_empty() && statement.keeps.is_none() {
        return client
            .batch_execute(&statement.sql)
            .await
            .map(|()| None)
            .map_err(|error| Problem::of(&error));
    }
    let texts: Vec<AsText> = statement.params.iter().map(AsText::of).collect();
    let typed: Vec<(&(dyn ToSql + Sync), Type)> = texts
        .iter()
        .map(|text| -> (&(dyn ToSql + Sync), Type) { (text, Type::UNKNOWN) })
        .collect();
    let rows = client
        .query_typed(&statement.sql, &typed)
        .await
        .map_err(|error| Problem::of(&error))?;
    Ok(rows.first().and_then(first_column))
}

fn first_column(row: &Row) -> Option<String> {
    let kind = row.columns().first()?.type_();
    match *kind {
        Type::INT4 => row
            .try_get::<_, Option<i32>>(0)
            .ok()
            .flatten()
            .map(|number| number.to_string()),
        Type::INT8 => row
            .try_get::<_, Option<i64>>(0)
            .ok()
            .flatten()
            .map(|number| number.to_string()),
        Type::TEXT | Type::NAME | Type::VARCHAR => row.try_get(0).ok().flatten(),
        _ => None,
    }
}

fn progress(row: &Row) -> Result<Option<Progress>> {
    let blocker: Option<i32> = row.try_get("blocker")?;
    if let Some(pid) = blocker {
        let said = |name: &str| {
            row.try_get::<_, Option<String>>(name)
                .map(|text| text.filter(|text| !text.is_empty()))
        };
        let role = said("blocker_role")?.map_or_else(String::new, |role| format!(" of {role}"));
        let application =
            said("blocker_application")?.map_or_else(String::new, |name| format!(", {name}"));
        let state = said("blocker_state")?.map_or_else(String::new, |state| format!(", {state}"));
        let long: Option<f64> = row.try_get("blocker_seconds")?;
        let long = long.map_or_else(String::new, |long| {
            format!(", transaction open for {}", text::duration(long))
        });
        return Ok(Some(Progress::Waits(format!(
            "for a lock that session {pid}{role} holds{application}{state}{long}"
        ))));
    }
    let phase: Option<String> = row.try_get("phase")?;
    let share: Option<f64> = row.try_get("share")?;
    Ok(phase.map(|phase| Progress::Phase(phase, share)))
}
