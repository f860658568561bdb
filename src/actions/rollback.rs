//! Rolls back journal entries. A rollback is a plan like any other: it is previewed, approved, run, and recorded in the journal.

mod back;
mod doubt;
mod elsewhere;
mod inverses;
mod settle;

use anyhow::{Context, Result, anyhow, bail};
use tokio_postgres::Client;

use crate::actions::action::Does;
use crate::actions::catalogue;
use crate::actions::code;
use crate::actions::execute::{Actor, ApprovedPlan, current};
use crate::actions::membership::may_not_become;
use crate::journal::{Entries, Entry, Place, Seen, differences};
use crate::model::plan::changed::{self, title_back};
use crate::model::plan::{Consent, Note, Plan, Statement, Step, Touch, Undo};
use crate::model::target::Target;
use crate::model::verdict::Level;
use crate::server::session;
use crate::server::sql::{Param, Query, query};

/// Reports whether this session may SET ROLE to the role `$1`.
const ROLE: Query = query!("act_role");

/// Action name of a rollback in the journal.
const ACTION: &str = "rollback";

/// The plan that rolls back these entries, newest first. If an entry cannot be rolled back, the error names it and the reason.
pub async fn plan(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    place: &Place,
    ids: &[u64],
) -> Result<ApprovedPlan> {
    let mut ids = ids.to_vec();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.dedup();
    let settled = settle::settled(actor, client, entries, place).await?;
    let entries = &settled;
    let undone = undone(entries, place, &ids)?;
    let Some(newest) = undone.first() else {
        bail!("no journal entry is named")
    };
    let mut back = back::Back::new(actor, client, entries, place, &ids).await?;
    let (mut notes, mut touches, mut leaves_open) = (Vec::new(), Vec::new(), Vec::new());
    let mut consent = Consent::Enter;
    for entry in &undone {
        let elsewhere = elsewhere::doubt(entries, entry, place)?;
        let more = elsewhere::said(entries, entry, place, elsewhere.as_deref());
        back.notes.extend(more);
        let done = doubt::done(actor, client, entries, entry, place).await?;
        let steps = back.take(entry, &done.at).await?;
        touches.extend(touched(entry, &steps));
        roles(actor, client, entry.begin.id, &steps).await?;
        back.steps.extend(steps);
        if elsewhere.is_some() {
            consent = Consent::Name;
        }
        if done.open || elsewhere.is_some() {
            leaves_open.push(entry.begin.id);
        }
        notes.push((*entry, done));
    }
    let mut plan = joined(title(&undone), newest, back).wanting(consent);
    if let [one] = undone.as_slice() {
        plan.changed = changed::back(&one.begin.plan.changed);
    }
    plan.touches = touches;
    plan.leaves_open = leaves_open;
    let (plan, seen, restores) = explained(actor, client, entries, place, &notes, plan).await?;
    let undoes = undone.iter().map(|entry| entry.begin.id).collect();
    Ok(ApprovedPlan {
        plan,
        seen,
        inputs: String::new(),
        undoes,
        restores,
        place: Some(place.clone()),
        snapshot: None,
    })
}

/// Joins the steps and notes of all entries into one plan.
fn joined(title: String, newest: &Entry, back: back::Back) -> Plan {
    let undo =
        Undo::Needless("a rollback cannot be rolled back: repeat the action instead".to_owned());
    let mut plan = Plan::new(title, back.steps, undo);
    ACTION.clone_into(&mut plan.action);
    let target = &newest.begin.plan.target;
    plan.target
        .clone_from(back.renamed.get(target).unwrap_or(target));
    plan.named.relations = back.named;
    if back.notes.iter().any(|note| note.level > Level::Notice) {
        plan = plan.wanting(Consent::Yes);
    }
    plan.notes = back.notes;
    plan
}

/// Adds notes on the entries, and on other users' code. Also returns the states to check before the plan runs, and the states that the plan
/// restores.
async fn explained(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    place: &Place,
    undone: &[(&Entry, doubt::Done)],
    mut plan: Plan,
) -> Result<(Plan, Vec<Seen>, Vec<Seen>)> {
    let (mut seen, mut restores) = (Vec::new(), Vec::new());
    for (entry, done) in undone {
        plan.notes.extend(said(entry, done));
        if let Some(note) = code::said(&entry.begin.plan) {
            plan.notes.insert(0, note.clone());
            plan = plan.wanting(entry.begin.plan.consent);
        }
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
    // Other users may have attached code to the targets after the entries were written.
    for seen in &seen {
        let version = actor.server.sql_version();
        let standing = code::standing(client, version, &seen.target).await?;
        plan = code::say(plan, &actor.server, &standing);
    }
    let named = code::named(client, actor.server.sql_version(), &plan).await?;
    plan = code::say(plan, &actor.server, &named);
    if undone
        .iter()
        .any(|(entry, _)| entry.begin.plan.changes.is_empty())
    {
        plan.changes.clear();
    }
    Ok((plan, seen, restores))
}

/// The entries with these ids. An error if the journal shows that one of them cannot be rolled back.
fn undone<'a>(entries: &'a Entries, place: &Place, ids: &[u64]) -> Result<Vec<&'a Entry>> {
    let mut undone = Vec::new();
    for id in ids {
        let entry = entries.find(*id).ok_or_else(|| {
            anyhow!("the journal has no entry {id} (hypertop journal lists them)")
        })?;
        allowed(entry, place)?;
        undone.push(entry);
    }
    Ok(undone)
}

fn title(undone: &[&Entry]) -> String {
    match undone {
        [one] => title_back(one.begin.id, &one.begin.plan.changed, &one.begin.plan.title),
        many => {
            let ids: Vec<_> = many.iter().map(|one| one.begin.id.to_string()).collect();
            format!("Roll back entries {}", ids.join(", "))
        }
    }
}

/// An error if the entry was written for another database.
pub(crate) fn is_here(entry: &Entry, place: &Place) -> Result<()> {
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
        bail!(
            "entry {id} is an acknowledgement: roll back acknowledgements and actions separately"
        );
    }
    if begin.plan.action == ACTION {
        bail!("entry {id} is itself a rollback: to undo it, repeat the action");
    }
    if entry.is_under_way() {
        bail!(
            "entry {id} is still running in process {}: wait for its end",
            begin.pid
        );
    }
    match &begin.plan.undo {
        Undo::Never(why) => bail!("entry {id} is irreversible: {why}"),
        Undo::Needless(why) => bail!("entry {id} needs no rollback: {why}"),
        Undo::Exact(_) | Undo::Partly(_) => {}
    }
    Ok(())
}

/// An error if a step runs as a role that this session may not become.
async fn roles(actor: &Actor, client: &Client, id: u64, steps: &[Step]) -> Result<()> {
    let statements = steps.iter().flat_map(|step| &step.run);
    for role in statements.filter_map(Statement::becomes) {
        let server = &actor.server;
        let rows = session::ask(
            client,
            ROLE.text(server.sql_version()),
            &[Param::Text(role.to_owned())],
        )
        .await?;
        let row = rows
            .first()
            .context("the server did not report whether this role may SET ROLE")?;
        if !row.try_get::<_, bool>("known")? {
            bail!(
                "entry {id} cannot be rolled back: its undo runs as role {role}, which no longer exists (CREATE ROLE \
                 {role} creates a role with that name)"
            );
        }
        if row.try_get::<_, Option<bool>>("becomes")? != Some(true) {
            let session: &str = row.try_get("session_role")?;
            bail!(
                "entry {id} cannot be rolled back by this role: its undo runs as {role}, and {}",
                may_not_become(session, role, server.postgres)
            );
        }
    }
    Ok(())
}

/// Locks of the steps that roll back an entry.
fn touched(entry: &Entry, steps: &[Step]) -> Vec<Touch> {
    let plan = &entry.begin.plan;
    let taken = |at: usize| {
        let undoes = Some((entry.begin.id, at));
        steps.iter().any(|step| step.undoes == undoes)
    };
    let touches = plan.touches.iter();
    let touches = touches.filter(|touch| touch.step.is_none_or(taken));
    // The steps of the rollback have other numbers than the steps of the entry's plan. So the locks are shown without a step.
    touches
        .map(|touch| Touch {
            step: None,
            ..touch.clone()
        })
        .collect()
}

/// Notes on an entry: its undo, and its steps that are not rolled back.
fn said(entry: &Entry, done: &doubt::Done) -> Vec<Note> {
    let id = entry.begin.id;
    let mut notes = Vec::new();
    if let Undo::Partly(text) | Undo::Exact(text) = &entry.begin.plan.undo {
        notes.push(Note {
            level: Level::Notice,
            text: format!("entry {id}: {text}"),
        });
    }
    notes.extend(done.notes.clone());
    let (known, all) = (done.at.len(), entry.begin.plan.steps.len());
    if done.notes.is_empty() && known < all {
        notes.push(Note {
            level: Level::Notice,
            text: format!(
                "entry {id}: {known} of {all} steps took effect; the rollback undoes no other step"
            ),
        });
    }
    notes
}

/// Compares the state that an entry left with the present state, and adds a note for each difference.
#[expect(
    clippy::too_many_arguments,
    reason = "part of `plan`, which has all of these values"
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
    let bindings = entries.bindings(place, &[entry.begin.id]);
    for before in &entry.begin.before {
        let target = current(&before.target, &bindings);
        let newer = if seen.is_empty() {
            ""
        } else {
            ", perhaps by a newer entry of this rollback"
        };
        let state = if let Some(newer) = newer_of_group(restores, &target, before) {
            // The rollback of the newer entry restores an older state before this entry is rolled back. So this entry is compared with that
            // older state.
            std::mem::replace(&mut newer.state, before.state.clone())
        } else {
            // A newer entry may have recorded this target by another query, or a related target of another kind (a job's table instead of
            // the job). That state may include the changes of this older entry, which are rolled back too. So that state is not compared
            // after the rollback.
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
                    "{} drifted since{newer}: {what} was left as {was}, and is {is} now",
                    target.name
                );
                drifted(plan, Level::Warning, text);
            }
        } else {
            let text = format!(
                "entry {} did not record the state of {} after its run: whether the state has changed since is unknown",
                entry.begin.id, target.name
            );
            drifted(plan, Level::Unknown, text);
        }
    }
    Ok(())
}

/// The state of the same target before a newer entry of this rollback, read by the same query. `None`: there is no such state.
fn newer_of_group<'a>(
    restores: &'a mut [Seen],
    target: &Target,
    before: &Seen,
) -> Option<&'a mut Seen> {
    let query = |action: &str| match catalogue::by_name(action).map(|action| &action.does) {
        Some(Does::Plan(act)) => Some(act.facts.name),
        _ => None,
    };
    restores
        .iter_mut()
        .find(|newer| newer.target == *target && query(&newer.action) == query(&before.action))
}

/// Adds the note. The plan then requires at least `y` as consent; Enter is not enough.
fn drifted(plan: &mut Plan, level: Level, text: String) {
    plan.notes.push(Note { level, text });
    plan.consent = plan.consent.max(Consent::Yes);
}
