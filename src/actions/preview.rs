//! Preview of an action: reads the facts for its plan, and the sessions that would block the plan.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use tokio_postgres::Row;

use crate::actions::act::{Act, Facts};
use crate::actions::action::{Action, Does};
use crate::actions::code;
use crate::actions::immutable;
use crate::model::plan::{Mode, Note, Plan};
use crate::model::target::{Target, TargetKind};
use crate::model::text::printable;
use crate::model::verdict::Level;
use crate::server::exact::{Exact, slices};
use crate::server::known::own;
use crate::server::session::Session;
use crate::server::sql::{Param, Query, query};

/// Sizes of the relations with the oids `$1`. Columns: `id` (the oid), and `bytes` with indexes and TOAST.
const TRUE_SIZES: Query = query!("plan_sizes");
/// Facts about rights and undo. `$1` is the kind of target, `$2` the target's id.
const PROOF: Query = query!("plan_proof");
/// Sessions that hold or wait for locks on the relations with the oids `$1`. `$2`: the modes that conflict with the plan's.
const LOCKS: Query = query!("plan_locks");
/// Targets that match the typed name `$1`.
const TARGET: Query = query!("plan_target");

/// Number of relations whose sizes one query reads.
const SLICE: usize = 500;

/// A session that holds or waits for a lock on a relation that a plan locks.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    pub relation: String,
    /// Process id of the session. 0: a prepared transaction, which belongs to no session.
    pub pid: i32,
    pub mode: Mode,
    pub granted: bool,
    pub role: Option<String>,
    /// Application name, or else the backend type.
    pub what: String,
    pub state: Option<String>,
    /// Age of the session's transaction in seconds. `None`: hidden from this role, no transaction, or a prepared transaction.
    pub seconds: Option<f64>,
    /// First 200 characters of the session's query. If this role may not see the query: `<insufficient privilege>`, as the server shows it.
    /// `None`: a prepared transaction.
    pub query: Option<String>,
    /// True if the session's lock conflicts with the plan's.
    pub conflicts: bool,
}

/// Numbers of all sessions that would block a plan, and of their locks. The list of [`Preview::holders`] may end earlier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Blocking {
    pub sessions: usize,
    pub locks: usize,
}

/// A plan, and the sessions that would block it if it ran now.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub plan: Plan,
    /// First one lock of each session that would block the plan. The error says why the locks could not be read.
    pub holders: Result<Vec<Holder>, String>,
    pub blocking: Blocking,
    /// The reason why the server would refuse the plan; `None`: none is known.
    pub refused: Option<String>,
}

/// Reads the facts of an action about a target. An error if the target no longer exists.
pub async fn facts(
    session: &Session,
    exact: &mut Exact<'_>,
    act: &Act,
    target: &Target,
) -> Result<Facts> {
    let rows = session.ask(&act.facts, &[Param::BigInt(target.id)]).await?;
    let Some(row) = rows.first() else {
        bail!("{} {} no longer exists", target.kind.name(), target.name);
    };
    let mut known: serde_json::Value = row.try_get("facts")?;
    if let (Some(known), true) = (known.as_object_mut(), target.kind == TargetKind::Session) {
        let pid = |key: &str| known.get(key)?.as_i64()?.try_into().ok();
        let own = pid("me").zip(pid("pid"));
        let own = own.and_then(|(me, pid)| own::is_seen_by(me, pid));
        known.insert("own".to_owned(), own.into());
    } else if let Some(known) = known.as_object_mut() {
        let asked = [
            Param::Text(target.kind.name().to_owned()),
            Param::BigInt(target.id),
        ];
        let rows = session.ask(&PROOF, &asked).await?;
        let proof = rows.first().map(|row| row.try_get("proof")).transpose()?;
        known.insert("proof".to_owned(), proof.unwrap_or_default());
    }
    let mut facts = Facts {
        facts: known,
        state: row.try_get("state")?,
        sizes: std::collections::HashMap::new(),
        code: code::standing(
            &session.connected.client,
            session.server.sql_version(),
            target,
        )
        .await?,
        place: Some(session.place().await?.clone()),
    };
    let wanted: Vec<(i64, usize)> = facts.sized().into_iter().map(|oid| (oid, 1)).collect();
    for slice in slices(&wanted, SLICE) {
        for (oid, figures) in exact.slice(SIZES, slice).await {
            let bytes = figures
                .ok()
                .and_then(|figures| figures.first().copied().flatten());
            facts.sizes.insert(oid, bytes);
        }
    }
    Ok(facts)
}

const SIZES: crate::server::exact::ExactQuery = crate::server::exact::ExactQuery {
    query: &TRUE_SIZES,
    figures: &["bytes"],
    slice: SLICE,
    overview: false,
    later: false,
    every: std::time::Duration::ZERO,
};

/// Finds the target that a typed name means for this action. The error lists the candidates.
pub async fn resolve(session: &Session, action: &Action, typed: &str) -> Result<Target> {
    let Does::Plan(act) = &action.does else {
        bail!(
            "{} changes the console, not the database: it cannot be run from the shell",
            action.name
        );
    };
    if act.on == TargetKind::Session {
        // A process id is not looked up here. Reading the facts will show whether the session exists.
        let pid = typed.trim().parse();
        return pid.map(Target::session).map_err(|_| {
            anyhow::anyhow!("{typed:?} is not a process id: hypertop show activity lists them")
        });
    }
    if session.server.timescaledb.is_none() && act.on != TargetKind::Index {
        bail!(
            "{} needs TimescaleDB, and the extension is not in this database",
            action.name
        );
    }
    let rows = session
        .ask(&TARGET, &[Param::Text(typed.to_owned())])
        .await?;
    let mut found = Vec::new();
    let mut others = Vec::new();
    for row in &rows {
        let kind: &str = row.try_get("kind")?;
        let target = Target {
            kind: act.on,
            id: row.try_get("id")?,
            name: row.try_get("name")?,
        };
        if fits(act.on, kind) {
            found.push(target);
        } else {
            others.push(format!("{kind} {}", target.name));
        }
    }
    found.dedup();
    let on = act.on.name();
    match (&found[..], others.is_empty()) {
        ([one], _) => Ok(one.clone()),
        ([], true) => {
            bail!(
                "there is no {on} {typed:?} in this database (write an object as schema.name, a job as its id)"
            )
        }
        ([], false) => bail!(
            "{} acts on {}; {typed:?} is {}",
            action.name,
            act.on.one(),
            others.join(", ")
        ),
        _ => {
            let names: Vec<_> = found.iter().map(|target| target.name.as_str()).collect();
            bail!("{typed:?} is ambiguous: write one of {}", names.join(", "))
        }
    }
}

/// True if an action whose targets are of the kind `on` accepts an object of `kind` (a value in the `kind` column of the query
/// `plan_target`).
fn fits(on: TargetKind, kind: &str) -> bool {
    match on {
        TargetKind::Job => kind == "job",
        // The rows of an aggregate are in a hypertable with the same id.
        TargetKind::Hypertable => kind == "hypertable" || kind == "aggregate",
        TargetKind::Aggregate => kind == "aggregate",
        TargetKind::Index => kind == "index",
        TargetKind::Table => kind == "table",
        TargetKind::Session => false,
    }
}

/// Makes the preview of a plan: adds the sessions that hold or wait for locks on its relations, and the reason why the server would refuse
/// its expressions.
pub async fn preview(session: &Session, plan: Plan) -> Preview {
    let read = holders(session, &plan).await;
    let (holders, blocking) = match read {
        Ok((holders, blocking)) => (Ok(holders), blocking),
        Err(error) => (Err(format!("{error:#}")), Blocking::default()),
    };
    let refused = immutable::refusal(session, &plan).await;
    Preview {
        plan,
        holders,
        blocking,
        refused,
    }
}

async fn holders(session: &Session, plan: &Plan) -> Result<(Vec<Holder>, Blocking)> {
    let mut modes: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for touch in plan.touches.iter().filter(|touch| touch.oid > 0) {
        let of = modes.entry(touch.oid).or_default();
        of.extend(touch.mode.conflicting());
    }
    let (mut holders, mut blocking) = (Vec::new(), Blocking::default());
    if modes.is_empty() {
        return Ok((holders, blocking));
    }
    let oids = modes.keys().copied().collect();
    let modes = modes.values().map(|modes| modes.join(",")).collect();
    let asked = [Param::BigInts(oids), Param::Texts(modes)];
    for row in &session.ask(&LOCKS, &asked).await? {
        let count = |name| row.try_get::<_, i64>(name).map(usize::try_from);
        blocking.sessions = count("sessions")??;
        blocking.locks = count("locks")??;
        holders.extend(holder(row, plan)?);
    }
    Ok((holders, blocking))
}

fn holder(row: &Row, plan: &Plan) -> Result<Option<Holder>> {
    let oid: i64 = row.try_get("oid")?;
    let touch = plan.touches.iter().find(|touch| touch.oid == oid);
    let Some((touch, mode)) = touch.zip(Mode::parse(row.try_get("mode")?)) else {
        return Ok(None);
    };
    let application: Option<String> = row.try_get("application")?;
    let backend: Option<String> = row.try_get("backend")?;
    let what = [application, backend]
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty());
    Ok(Some(Holder {
        relation: touch.name.clone(),
        pid: row.try_get("pid")?,
        mode,
        granted: row.try_get("granted")?,
        role: row.try_get("role")?,
        what: what.unwrap_or_else(|| "session".to_owned()),
        state: row.try_get("state")?,
        seconds: row.try_get("seconds")?,
        query: row.try_get("query")?,
        conflicts: row.try_get("conflicts")?,
    }))
}

/// A line of a preview: the name of a style in the theme, and the text.
pub(crate) type Line = (&'static str, String);

/// A note with the sign of its level.
pub(crate) fn note_line(note: &Note) -> Line {
    let text = format!("{} {}", note.level.sign(), printable(&note.text));
    (level_role(note.level), text)
}

fn level_role(level: Level) -> &'static str {
    match level {
        Level::Ok => "text",
        Level::Notice => "notice",
        Level::Unknown => "caveat",
        Level::Warning => "level.warning",
        Level::Critical => "error",
    }
}
