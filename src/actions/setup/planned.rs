//! The plans of all changes, made in the order of an apply. Each plan is made from the facts as they will be after the earlier changes.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow, bail};

use crate::actions::act::{Act, Context, Refusal};
use crate::actions::action::{Action, Does};
use crate::actions::execute::{APPLY, ApprovedPlan};
use crate::actions::setup::hazard::{self, Hazard};
use crate::actions::setup::inputs::{self, Asked};
use crate::actions::setup::slots::{self, Slots};
use crate::actions::setup::{fresh, staged};
use crate::actions::{catalogue, immutable, plans, preview};
use crate::journal::Seen;
use crate::model::plan::{Consent, Lit, Note, Plan, Statement, Step, Undo};
use crate::model::setup::change::{Change, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::{apply, guard};
use crate::model::verdict::Level;
use crate::server::exact::Exact;
use crate::server::known::{At, Server};
use crate::server::session::Session;

/// A change, with its plan or the reason why it has none.
#[derive(Debug)]
pub(crate) struct Planned {
    pub change: Change,
    pub plan: Result<Plan, Refusal>,
    pub hazards: Vec<Hazard>,
    /// The state that the plan was made from. `None`: the object does not exist yet.
    seen: Option<Seen>,
}

impl Planned {
    /// True if the change is wanted, but cannot be made.
    pub(crate) fn is_refused(&self) -> bool {
        self.plan.is_err() && self.change.what != What::Unnamed
    }

    /// The locks of the plan, without duplicates: `ACCESS EXCLUSIVE: ...`.
    pub(crate) fn locks(&self) -> Vec<String> {
        let mut locks: Vec<String> = Vec::new();
        for touch in self.plan.iter().flat_map(|plan| &plan.touches) {
            let words = format!("{}: {}", touch.mode.name(), touch.mode.effect());
            if !locks.contains(&words) {
                locks.push(words);
            }
        }
        locks
    }
}

/// Plans the changes, and returns the resulting setup. `filled`: tables that become hypertables, and may have
/// rows already.
pub(crate) async fn plan(
    session: &Session,
    exact: &mut Exact<'_>,
    at: At<'_>,
    present: &Setup,
    changes: Vec<Change>,
    filled: &BTreeSet<Name>,
) -> Result<(Vec<Planned>, Setup)> {
    let mut now = present.clone();
    let mut dangers = guard::dangers(present);
    let mut all = Vec::new();
    for change in changes {
        let mut planned = one(session, exact, at, (present, &now), change).await?;
        apply::after(&mut now, &planned.change);
        let root = now.root(&planned.change.of);
        let filled = match present.hypertables.get(root) {
            Some(table) => table.chunks,
            None => filled.contains(root),
        };
        if planned.seen.is_none() && filled {
            planned
                .hazards
                .extend(hazard::of_filled(&planned.change.what));
        }
        let after = guard::dangers(&now);
        if let Ok(plan) = &mut planned.plan {
            for danger in after.iter().filter(|danger| !dangers.contains(danger)) {
                let text = format!("{}: {}", danger.view, danger.words);
                if !plan.notes.iter().any(|note| {
                    note.text.contains("DATA LOSS") || note.text.contains("DELETES DATA")
                }) {
                    plan.notes.push(Note {
                        level: Level::Critical,
                        text,
                    });
                }
                planned.hazards.push(Hazard::DeletesData);
            }
        }
        if let (Some(window), Ok(plan)) = (&planned.change.window, &mut planned.plan) {
            planned
                .hazards
                .retain(|hazard| *hazard != Hazard::ImmediateRun);
            slots::note(plan, window, at.server);
        }
        planned.hazards.sort_unstable();
        planned.hazards.dedup();
        dangers = after;
        all.push(planned);
    }
    Ok((all, now))
}

async fn one(
    session: &Session,
    exact: &mut Exact<'_>,
    at: At<'_>,
    (present, now): (&Setup, &Setup),
    change: Change,
) -> Result<Planned> {
    if !change.is_possible() {
        let why = Refusal::new(change.words());
        return Ok(without_facts(change, Err(why)));
    }
    if let Some(asked) = inputs::asked(&change, present) {
        return by_action(session, exact, at, (present, now), change, asked).await;
    }
    let plan = asked_of(session, fresh::plan(&change, now, at.server)).await;
    let mut planned = without_facts(change, plan);
    if let Ok(plan) = &planned.plan {
        planned.hazards = hazard::of(&planned.change.what, plan, false);
    }
    Ok(planned)
}

fn without_facts(change: Change, plan: Result<Plan, Refusal>) -> Planned {
    Planned {
        change,
        plan,
        hazards: Vec::new(),
        seen: None,
    }
}

/// Plans the change of an existing object by the action for that change.
async fn by_action(
    session: &Session,
    exact: &mut Exact<'_>,
    at: At<'_>,
    (present, now): (&Setup, &Setup),
    change: Change,
    asked: Asked,
) -> Result<Planned> {
    let action =
        catalogue::by_name(asked.action).ok_or_else(|| anyhow!("no action {}", asked.action))?;
    let Does::Plan(act) = &action.does else {
        bail!("{} changes the console only", action.name);
    };
    let mut facts = preview::facts(session, exact, act, &asked.target).await?;
    staged::patch(&mut facts.facts, present, now);
    let context = Context {
        at,
        target: &asked.target,
        facts: &facts,
    };
    if matches!(change.what, What::Reschedule { .. }) && !slots::can_alter(at.server) {
        let why = "TimescaleDB 2.11 cannot change when a policy begins: remove the policy (set it to \"none\" in the file, and apply), then add it again";
        return Ok(without_facts(change, Err(Refusal::new(why))));
    }
    let mut hazards = Vec::new();
    let mut plan = by_form(action, act, &context, &asked.set);
    // If the action refuses only because of a data loss, the loss becomes a hazard, which the user may allow by name.
    if plan.as_ref().is_err_and(|why| why.stands.is_none()) {
        let allowed = [asked.set.as_slice(), &[(OVERRIDE, "yes".to_owned())]].concat();
        if let Ok(allowed) = by_form(action, act, &context, &allowed) {
            hazards.push(Hazard::DeletesData);
            plan = Ok(allowed);
        }
    }
    let plan = asked_of(session, plan).await;
    if let Ok(plan) = &plan {
        let has_rows = present.has_rows(&change.of);
        hazards.extend(hazard::of(&change.what, plan, has_rows));
    }
    let seen = Seen {
        action: action.name.to_owned(),
        target: asked.target.clone(),
        state: facts.state.clone(),
    };
    Ok(Planned {
        change,
        plan,
        hazards,
        seen: Some(seen),
    })
}

/// The plan that the action makes from these values of its form.
fn by_form(
    action: &Action,
    act: &Act,
    context: &Context,
    values: &[(&'static str, String)],
) -> Result<Plan, Refusal> {
    let mut form = act.form(context)?;
    for (key, value) in values {
        let set = form.set(key, value);
        // The form may lack a field whose value is empty.
        if !value.is_empty() {
            set.map_err(Refusal::new)?;
        }
    }
    let given = form.inputs().map_err(|wrong| {
        let lines: Vec<_> = wrong.into_iter().map(|(_, error)| error).collect();
        Refusal::new(lines.join("\n"))
    })?;
    plans::make(action.name, act, context, &given)
}

/// The plan, or a refusal because of an expression. The server is asked about expressions here, so that the apply itself does not fail.
async fn asked_of(session: &Session, plan: Result<Plan, Refusal>) -> Result<Plan, Refusal> {
    let plan = plan?;
    match immutable::refusal(session, &plan).await {
        Some(why) => Err(Refusal::new(why)),
        None => Ok(plan),
    }
}

/// Field of the forms whose plans may delete an aggregate's rows.
const OVERRIDE: &str = "override_data_loss";

/// All plans joined into one for approval. The error lists the changes without a plan.
pub(crate) fn together(
    planned: Vec<Planned>,
    title: String,
    database: &str,
    server: &Server,
) -> Result<ApprovedPlan, Vec<String>> {
    let (mut parts, mut seen, mut refused) = (Vec::new(), Vec::<Seen>::new(), Vec::new());
    let mut activations = Vec::new();
    for (number, planned) in planned.into_iter().enumerate() {
        let Planned {
            change,
            plan,
            seen: saw,
            ..
        } = planned;
        match plan {
            Ok(mut plan) => {
                rename(&mut plan, number);
                if let Some(step) = held_back(&change, &mut plan, number, server) {
                    activations.push(step);
                }
                parts.push(plan);
                let new = saw.filter(|saw| {
                    !seen
                        .iter()
                        .any(|had| (&had.action, &had.target) == (&saw.action, &saw.target))
                });
                seen.extend(new);
            }
            // For a change that is not possible, the text of the error is the whole reason.
            Err(why) if !change.is_possible() => refused.push(format!("{}: {why}", change.of)),
            Err(why) => refused.push(format!("{}: {}: {why}", change.of, change.words())),
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let mut plan = joined(parts, title);
    plan.steps.extend(activations);
    APPLY.clone_into(&mut plan.action);
    database.clone_into(&mut plan.target);
    Ok(ApprovedPlan {
        plan,
        seen,
        inputs: String::new(),
        undoes: Vec::new(),
        restores: Vec::new(),
        place: None,
        snapshot: None,
    })
}

fn joined(parts: Vec<Plan>, title: String) -> Plan {
    let mut all = Plan::new(
        title,
        Vec::new(),
        Undo::Needless("no step changes anything".to_owned()),
    );
    let mut whole = false;
    for mut plan in parts {
        whole |= plan.changes.is_empty() && !plan.touches.is_empty();
        all.changes.append(&mut plan.changes);
        // The user allows hazards by their names instead of typing the target's name.
        plan.consent = plan.consent.min(Consent::Yes);
        plans::append(&mut all, plan);
    }
    let undoable = all.steps.iter().any(|step| !step.undo.is_empty());
    if let (Undo::Never(why), true) = (&all.undo, undoable) {
        all.undo = Undo::Partly(format!("some changes cannot be undone: {why}"));
    }
    all.changes.sort();
    all.changes.dedup();
    if whole {
        // A plan without JSON pointers compares the whole state. Then the joined plan must compare the whole state, too.
        all.changes.clear();
    }
    all
}

/// Renames the results that the plan keeps, so that job ids of different changes have different names.
pub(super) fn rename(plan: &mut Plan, number: usize) {
    for step in &mut plan.steps {
        for statement in step.run.iter_mut().chain(&mut step.undo) {
            if statement.keeps.as_deref() == Some(fresh::JOB) {
                statement.keeps = Some(kept(number));
            }
            for param in &mut statement.params {
                if *param == Lit::Kept(fresh::JOB.to_owned()) {
                    *param = Lit::Kept(kept(number));
                }
            }
        }
    }
}

fn kept(number: usize) -> String {
    format!("{}_{number}", fresh::JOB)
}

/// Pauses a new compression or retention policy, and a refresh policy that must not be scheduled. Returns the step that schedules the
/// policy at the end. `None`: the policy stays paused, or the change adds no such policy.
fn held_back(change: &Change, plan: &mut Plan, number: usize, server: &Server) -> Option<Step> {
    let job = kept(number);
    let (policy, scheduled) = match &change.what {
        What::AddCompress(new) => ("compression", new.scheduled),
        What::AddRetain(new) => ("retention", new.scheduled),
        What::AddRefresh(new) if !new.scheduled => ("refresh", false),
        _ => return None,
    };
    let slots = change
        .window
        .as_ref()
        .map(|window| Slots { window, server });
    let set = |scheduled| match &slots {
        Some(slots) => slots.schedule(&job, scheduled),
        None => set_scheduled(&job, scheduled, server),
    };
    pause(plan, &job, server);
    if let Some(slots) = &slots {
        slots.begin(plan, &job);
    }
    scheduled.then(|| {
        let label = format!("schedule the {policy} policy of {}", change.of);
        Step::new(label, vec![set(true)], vec![set(false)])
    })
}

/// Adds a statement to the step that adds a policy. The statement pauses the policy. `job`: the name under which the plan keeps the
/// policy's id.
pub(super) fn pause(plan: &mut Plan, job: &str, server: &Server) {
    let adds = |step: &&mut Step| step.run.iter().any(|statement| statement.keeps.is_some());
    if let Some(step) = plan.steps.iter_mut().find(adds) {
        step.run.push(set_scheduled(job, false, server));
    }
}

fn set_scheduled(job: &str, scheduled: bool, server: &Server) -> Statement {
    let mut call = slots::alter(job, server);
    call.give("scheduled", "bool", scheduled.into());
    call.statement()
}
