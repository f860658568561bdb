//! Taking back: from entries of the journal to a plan that is previewed, agreed to, run and journalled like any other.

use anyhow::{Context, Result, anyhow, bail};
use tokio_postgres::Client;

use crate::act::{Actor, Deed, current};
use crate::action::{self, Does};
use crate::db;
use crate::journal::{Entries, Entry, Place, Seen, differences};
use crate::plan::{Consent, Lit, Note, Plan, Statement, Step, Touch, Undo, inverse};
use crate::plans::{Target, policy};
use crate::query;
use crate::sql::{Param, Query};
use crate::verdict::Level;

/// Whether this session may become the role `$1`.
const ROLE: Query = query!("act_role");

/// The name under which a rollback stands in the journal.
pub const ACTION: &str = "rollback";

/// The plan that takes these entries back, newest first; an error says why one of them cannot be.
pub async fn plan(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    place: &Place,
    ids: &[u64],
) -> Result<Deed> {
    let mut ids = ids.to_vec();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.dedup();
    let mut undone = Vec::new();
    for id in &ids {
        let entry = entries.find(*id).ok_or_else(|| {
            anyhow!("the journal has no entry {id} (hypertop journal lists them)")
        })?;
        allowed(entry, place)?;
        undone.push(entry);
    }
    let Some(newest) = undone.first() else {
        bail!("no entry is named")
    };
    let title = match undone.as_slice() {
        [one] => format!("Roll back {}: {}", one.begin.id, one.begin.plan.title),
        many => format!("Roll back {} entries, newest first", many.len()),
    };
    let (mut steps, mut remains, mut touches) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &undone {
        let done = done(actor, client, entries, entry, place).await?;
        let mut back = inverse_of(entry, &done)?;
        let tried = tried(entries, entry.begin.id);
        let all = back.len();
        back.retain(|step| !tried.contains(step));
        touches.extend(touched(entry, &done, &tried));
        if back.len() < all {
            remains.push(Note {
                level: Level::Notice,
                text: format!(
                    "entry {}: an earlier rollback took back {} of {all} steps before it ended; these are the rest",
                    entry.begin.id,
                    all - back.len()
                ),
            });
        }
        roles(actor, client, entry.begin.id, &back).await?;
        steps.extend(back);
    }
    let mut plan = Plan::new(
        title,
        steps,
        Undo::Needless("do the action again to have it back".to_owned()),
    );
    ACTION.clone_into(&mut plan.action);
    plan.target.clone_from(&newest.begin.plan.target);
    plan.notes = remains;
    plan.touches = touches;
    let (mut seen, mut restores) = (Vec::new(), Vec::new());
    for entry in &undone {
        plan.notes.extend(notes(entry));
        if !matches!(entry.begin.plan.undo, Undo::Exact(_)) {
            plan = plan.wanting(Consent::Yes);
        }
        let changes = &entry.begin.plan.changes;
        plan.changes.extend(
            changes
                .iter()
                .filter(|part| !plan.changes.contains(part))
                .cloned()
                .collect::<Vec<_>>(),
        );
        look(
            actor,
            client,
            entries,
            entry,
            place,
            &mut plan,
            &mut seen,
            &mut restores,
        )
        .await?;
    }
    if undone
        .iter()
        .any(|entry| entry.begin.plan.changes.is_empty())
    {
        plan.changes.clear();
    }
    let undoes = undone.iter().map(|entry| entry.begin.id).collect();
    Ok(Deed {
        plan,
        seen,
        inputs: String::new(),
        undoes,
        restores,
    })
}

/// An error where the entry is of another database.
pub fn is_here(entry: &Entry, place: &Place) -> Result<()> {
    let (id, begin) = (entry.begin.id, &entry.begin);
    if !begin.place.is(place) {
        bail!(
            "entry {id} was done in database {:?} on {}, not here",
            begin.place.database,
            begin.place.host
        );
    }
    Ok(())
}

fn allowed(entry: &Entry, place: &Place) -> Result<()> {
    let (id, begin) = (entry.begin.id, &entry.begin);
    is_here(entry, place)?;
    if begin.acknowledges.is_some() {
        bail!("entry {id} is an acknowledgement: roll back such entries apart from actions");
    }
    if let Some(by) = entry.taken_back_by {
        bail!("entry {id} is rolled back already, by entry {by}");
    }
    if begin.plan.action == ACTION {
        bail!("entry {id} is itself a rollback: do the action again to have it back");
    }
    if entry.is_under_way() {
        bail!(
            "entry {id} is under way in process {}: wait for its end",
            begin.pid
        );
    }
    match &begin.plan.undo {
        Undo::Never(why) => bail!("entry {id} cannot be taken back: {why}"),
        Undo::Needless(why) => bail!("entry {id} changed nothing that could be taken back: {why}"),
        Undo::Exact(_) | Undo::Partly(_) => {}
    }
    Ok(())
}

/// An error where a step is to be done as a role that this session may not become.
async fn roles(actor: &Actor, client: &Client, id: u64, steps: &[Step]) -> Result<()> {
    let statements = steps.iter().flat_map(|step| &step.run);
    for role in statements.filter_map(Statement::becomes) {
        let server = &actor.server;
        let rows = db::ask(
            client,
            ROLE.text(server.sql_version()),
            &[Param::Text(role.to_owned())],
        )
        .await?;
        let row = rows
            .first()
            .context("the server did not say what this role may become")?;
        if !row.try_get::<_, bool>("known")? {
            bail!(
                "entry {id} cannot be taken back: that is to be done as role {role}, which is not there any more (CREATE ROLE {role} makes one of that name)"
            );
        }
        if row.try_get::<_, Option<bool>>("becomes")? != Some(true) {
            let session: &str = row.try_get("session_role")?;
            bail!(
                "entry {id} cannot be taken back by this role: that is to be done as {role}, and {}",
                policy::may_not_become(session, role, server.postgres)
            );
        }
    }
    Ok(())
}

/// The steps that rollbacks of this entry did before they failed or were stopped.
fn tried(entries: &Entries, id: u64) -> Vec<Step> {
    let of = |entry: &&Entry| entry.begin.undoes.contains(&id);
    entries
        .all
        .iter()
        .filter(of)
        .flat_map(Entry::done)
        .collect()
}

/// The steps that took effect. One that was under way when the entry was cut off is among them where no other is, and
/// the state is no longer what it was before.
async fn done(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    entry: &Entry,
    place: &Place,
) -> Result<Vec<Step>> {
    let mut done = entry.done();
    let begin = &entry.begin;
    let Some(step) = entry.in_doubt().filter(|_| done.is_empty()) else {
        return Ok(done);
    };
    let bindings = entries.bindings(place);
    for before in &begin.before {
        let target = current(&before.target, &bindings);
        let state = actor.state(client, &before.action, &target).await?;
        if !differences(&begin.plan.changes, &before.state, &state).is_empty() {
            done.push(step.clone());
            return Ok(done);
        }
    }
    bail!(
        "entry {} was cut off, and it is not known whether it did anything; everything is as it was before it: there is nothing to take back",
        begin.id
    );
}

/// What taking back these steps locks, without those that an earlier rollback took back.
fn touched(entry: &Entry, done: &[Step], tried: &[Step]) -> Vec<Touch> {
    let plan = &entry.begin.plan;
    let is_back = |step: &Step| {
        let back = inverse_of(entry, std::slice::from_ref(step));
        back.is_ok_and(|back| back.iter().all(|step| tried.contains(step)))
    };
    let counts = |touch: &&Touch| {
        let step = touch.step.and_then(|step| plan.steps.get(step));
        step.is_none_or(|step| done.contains(step) && !is_back(step))
    };
    let touches = plan.touches.iter().filter(counts);
    // The numbers were those of the plan's own steps.
    touches
        .map(|touch| Touch {
            step: None,
            ..touch.clone()
        })
        .collect()
}

/// The inverse steps, with what the entry kept put in.
fn inverse_of(entry: &Entry, done: &[Step]) -> Result<Vec<Step>> {
    let (id, kept) = (entry.begin.id, entry.kept());
    let mut steps = inverse(done);
    if steps.is_empty() {
        bail!(
            "entry {id} ({}) changed nothing, as far as the journal knows: there is nothing to take back",
            entry.state()
        );
    }
    let statements = steps.iter().flat_map(|step| &step.run);
    let made: Vec<String> = statements.filter_map(|one| one.keeps.clone()).collect();
    for param in steps
        .iter_mut()
        .flat_map(|step| &mut step.run)
        .flat_map(|statement| &mut statement.params)
    {
        let Lit::Kept(name) = param else { continue };
        let Some(value) = kept.get(name) else {
            // An earlier statement of the same undo returns it in time.
            if made.contains(name) {
                continue;
            }
            bail!(
                "entry {id} was cut off before it was known what it made ({name}): look at {}, and take it back by hand",
                entry.begin.plan.target
            );
        };
        let job = value.parse().ok().filter(|_| name.starts_with("job"));
        *param = job.map_or_else(|| Lit::Text(value.clone()), Lit::Job);
    }
    Ok(steps)
}

fn notes(entry: &Entry) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |level, text: String| notes.push(Note { level, text });
    if let Undo::Partly(text) | Undo::Exact(text) = &entry.begin.plan.undo {
        note(Level::Notice, format!("entry {}: {text}", entry.begin.id));
    }
    let (done, all) = (entry.done().len(), entry.begin.plan.steps.len());
    if let Some(step) = entry.in_doubt() {
        let text = if done == 0 {
            format!(
                "entry {} was cut off, and it is not known whether this was done: {}; the state has changed since, so it is taken back",
                entry.begin.id, step.label
            )
        } else {
            format!(
                "entry {} was cut off: {done} of {all} steps are known to be done; the next one may or may not be",
                entry.begin.id
            )
        };
        note(Level::Warning, text);
    } else if done < all {
        note(
            Level::Notice,
            format!(
                "entry {}: {done} of {all} steps were done; these are taken back",
                entry.begin.id
            ),
        );
    }
    notes
}

/// Compares what the entry left with the present, and notes what has drifted.
#[expect(
    clippy::too_many_arguments,
    reason = "one step of `plan`, which owns them all"
)]
async fn look(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    entry: &Entry,
    place: &Place,
    plan: &mut Plan,
    seen: &mut Vec<Seen>,
    restores: &mut Vec<Seen>,
) -> Result<()> {
    let bindings = entries.bindings(place);
    for before in &entry.begin.before {
        let target = current(&before.target, &bindings);
        let newer = if seen.is_empty() {
            ""
        } else {
            ", perhaps by a newer entry of this group"
        };
        let state = if let Some(newer) = newer_of_group(restores, &target, before) {
            // It is taken back first: what was before it is this one's present.
            std::mem::replace(&mut newer.state, before.state.clone())
        } else {
            // What a newer entry found may be between two entries of the group, and not what comes back: the same
            // target as another query sees it, or a job and its table.
            restores.retain(|other| other.target.kind == target.kind && other.target != target);
            restores.push(Seen {
                target: target.clone(),
                ..before.clone()
            });
            let state = actor.state(client, &before.action, &target).await?;
            seen.push(Seen {
                action: before.action.clone(),
                target: target.clone(),
                state: state.clone(),
            });
            state
        };
        let left = entry
            .end
            .as_ref()
            .and_then(|end| end.after.iter().find(|after| after.target == before.target));
        if let Some(left) = left {
            for (what, was, is) in differences(&entry.begin.plan.changes, &left.state, &state) {
                let text = format!(
                    "{} drifted since{newer}: {what} was left as {was}, now {is}",
                    target.name
                );
                drifted(plan, Level::Warning, text);
            }
        } else {
            let text = format!(
                "what entry {} left of {} is not on record: it cannot be told whether it changed since",
                entry.begin.id, target.name
            );
            drifted(plan, Level::Unknown, text);
        }
    }
    Ok(())
}

/// What a newer entry of the group restores of the same target, where both look at it with the same query.
fn newer_of_group<'a>(
    restores: &'a mut [Seen],
    target: &Target,
    before: &Seen,
) -> Option<&'a mut Seen> {
    let query = |action: &str| match action::by_name(action).map(|action| &action.does) {
        Some(Does::Plan(act)) => Some(act.facts.name),
        _ => None,
    };
    restores
        .iter_mut()
        .find(|newer| newer.target == *target && query(&newer.action) == query(&before.action))
}

/// Says it, and asks for more than an Enter.
fn drifted(plan: &mut Plan, level: Level, text: String) {
    plan.notes.push(Note { level, text });
    plan.consent = plan.consent.max(Consent::Yes);
}
