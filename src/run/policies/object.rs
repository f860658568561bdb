//! The plan that changes one object to what the policy files say, for the console.

use anyhow::{Result, anyhow, bail};

use crate::actions::execute::{self, ApprovedPlan};
use crate::actions::setup::hazard::Hazard;
use crate::actions::setup::planned::{self, Planned};
use crate::connect::conninfo::Settings;
use crate::model::plan::{Consent, Note};
use crate::model::setup::change::What;
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::text;
use crate::model::verdict::Level;
use crate::server::session::Session;

use super::apply::inputs;
use super::made::{self, Reading};

/// The plan of this object's changes. If no plan is possible, the error says why and what helps.
pub(crate) async fn plan(
    settings: &Settings,
    session: &Session,
    object: &str,
) -> Result<ApprovedPlan> {
    let sources = made::sources(&session.server.policy_files)?;
    let wanted = made::wanted(&sources)?;
    let name = Name::parse(object).map_err(|why| anyhow!(why))?;
    let reading = Reading::looking(settings, session);
    let made = Box::pin(reading.of(&name).make(&wanted)).await?;
    let (mut left_out, mut all) = (Vec::new(), Vec::new());
    for planned in made.planned {
        match planned.change.what {
            What::Impossible(_) | What::Unnamed => left_out.push(planned.change.words()),
            _ => all.push(planned),
        }
    }
    if all.is_empty() {
        if left_out.is_empty() {
            bail!("{object} is as the file says: there is nothing to do");
        }
        bail!("{object}: no change is possible: {}", left_out.join("; "));
    }
    let refused = refused(&all);
    let deletes = all.iter().any(deletes_data);
    if (refused.is_some() || deletes)
        && let Some(others) = together(settings, session, &wanted, &name, deletes).await?
    {
        let why = refused.unwrap_or_else(|| losses(&all));
        bail!(
            "{object} cannot be changed alone:\n{why}\nIt can be changed after other objects ({}): hypertop apply changes all of them in one plan.",
            others.join(", ")
        );
    }
    if let Some(why) = refused {
        bail!("{object} cannot be changed to what the file says:\n{why}");
    }
    let mut approved = approve(all, left_out, object, session)?;
    approved.place = Some(execute::place(&session.connected).await?);
    approved.inputs = inputs(&sources);
    Ok(approved)
}

/// One plan of these changes, with notes on their reasons, their hazards, and the changes that are left out.
fn approve(
    all: Vec<Planned>,
    left_out: Vec<String>,
    object: &str,
    session: &Session,
) -> Result<ApprovedPlan> {
    let many = text::plural_of(all.len(), "change");
    let title = format!("Make {object} as the policy file says: {many}");
    let mut whys: Vec<String> = Vec::new();
    for why in all.iter().filter_map(|planned| planned.change.why.clone()) {
        if !whys.contains(&why) {
            whys.push(why);
        }
    }
    let hazards: Vec<Hazard> = all
        .iter()
        .flat_map(|planned| planned.hazards.clone())
        .collect();
    let approved = planned::together(all, title, object, &session.server);
    let mut approved = approved.map_err(|refused| anyhow!(refused.join("\n")))?;
    let plan = &mut approved.plan;
    plan.alone = true;
    // On the command line, each hazard must be allowed by its name. Here the user must type the object's name instead.
    if hazards.contains(&Hazard::DeletesData) || hazards.contains(&Hazard::NotUndoable) {
        plan.consent = Consent::Name;
    }
    let mut named: Vec<String> = hazards.iter().map(ToString::to_string).collect();
    named.sort_unstable();
    named.dedup();
    let note = |level, text| Note { level, text };
    let whys = whys.into_iter();
    let whys = whys.map(|why| note(Level::Ok, format!("why: {why}")));
    let named =
        (!named.is_empty()).then(|| note(Level::Warning, format!("hazards: {}", named.join(", "))));
    let left_out = left_out.into_iter();
    let left_out = left_out.map(|why| note(Level::Warning, format!("left out: {why}")));
    plan.notes.splice(0..0, whys.chain(named).chain(left_out));
    Ok(approved)
}

/// The refusals of these changes as text. `None`: no change is refused.
fn refused(all: &[Planned]) -> Option<String> {
    let refusals = all.iter().filter_map(|planned| {
        let why = planned.plan.as_ref().err()?;
        Some(format!("{}: {why}", planned.change.words()))
    });
    let refusals: Vec<String> = refusals.collect();
    (!refusals.is_empty()).then(|| refusals.join("\n"))
}

/// Text about the rows that the plans would delete.
fn losses(all: &[Planned]) -> String {
    let plans = all.iter().filter(|planned| deletes_data(planned));
    let notes = plans.filter_map(|planned| planned.plan.as_ref().ok());
    let notes = notes.flat_map(|plan| &plan.notes);
    let grave = notes.filter(|note| note.level >= Level::Warning);
    let words: Vec<&str> = grave.map(|note| note.text.as_str()).collect();
    format!("the change would delete rows: {}", words.join("\n"))
}

fn deletes_data(planned: &Planned) -> bool {
    planned.hazards.contains(&Hazard::DeletesData)
}

/// The other objects that would change in a plan of all changes, if such a plan can also change this object. `deletes`: such a plan helps
/// only if its changes of this object delete no rows. `None`: a plan of all changes does not help.
async fn together(
    settings: &Settings,
    session: &Session,
    wanted: &Wanted,
    name: &Name,
    deletes: bool,
) -> Result<Option<Vec<String>>> {
    let whole = Box::pin(Reading::looking(settings, session).make(wanted)).await?;
    let (own, others): (Vec<_>, Vec<_>) = whole
        .planned
        .iter()
        .filter(|planned| planned.change.is_possible())
        .partition(|planned| planned.change.of == *name);
    let helps = own
        .iter()
        .all(|own| own.plan.is_ok() && !(deletes && deletes_data(own)));
    let mut others: Vec<String> = others
        .iter()
        .map(|planned| planned.change.of.to_string())
        .collect();
    others.sort_unstable();
    others.dedup();
    Ok((helps && !others.is_empty()).then_some(others))
}
