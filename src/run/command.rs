//! The commands `run` and `rollback`, with the same plans, checks and journal as the console.

mod consent;
mod journal;
mod name;
mod shell;
mod still;

use anyhow::{Result, anyhow, bail};
use serde_json::json;

use crate::actions::act::{Act, Context, Refusal};
use crate::actions::action::{Action, Does};
use crate::actions::execute;
use crate::actions::execute::ApprovedPlan;
use crate::actions::plans;
use crate::actions::{preview, rollback};
use crate::app::dialog::group;
use crate::journal::acknowledge::{Ended, Why};
use crate::journal::{Entries, Seen};
use crate::model::plan::Plan;
use crate::model::text;
use crate::run::exit::{DONE, UNCHANGED};
use crate::run::stderr;
use crate::server::exact::Exact;
use crate::server::known::At;

use self::shell::{print_lines, say};
pub use journal::journal;
pub(crate) use name::find;
pub(crate) use shell::Agreement;

pub use self::shell::{Format, Shell, print};

impl Shell<'_> {
    /// Runs `hypertop run ACTION TARGET… --set key=value`; returns the exit code.
    pub async fn run(
        &self,
        action: &'static Action,
        targets: &[String],
        set: &[(String, String)],
    ) -> Result<u8> {
        match self.approved(action, targets, set).await {
            Ok(approved) => self.agree_and_do(approved).await,
            Err(error) => self.refuse(&format!("{error:#}")),
        }
    }

    /// The plan for these targets. An error if an input is invalid or a target refuses the action.
    async fn approved(
        &self,
        action: &'static Action,
        targets: &[String],
        set: &[(String, String)],
    ) -> Result<ApprovedPlan> {
        let Does::Plan(act) = &action.does else {
            bail!("{} changes the console only", action.name);
        };
        let mut exact = Exact::new(&self.actor.settings, self.actor.password.clone());
        let (clock, _) = self
            .session
            .pulse(crate::model::screen_id::ScreenId::ALL[0])
            .await?;
        let at = At {
            now: clock,
            server: &self.session.server,
        };
        let (mut plans, mut seen, mut inputs) = (Vec::new(), Vec::new(), String::new());
        let (mut refused, mut place) = (Vec::new(), None);
        for typed in targets {
            let target = preview::resolve(&self.session, action, typed).await?;
            let facts = preview::facts(&self.session, &mut exact, act, &target).await?;
            let context = Context {
                at,
                target: &target,
                facts: &facts,
            };
            place.clone_from(&facts.place);
            match plan(action, act, &context, set)? {
                Ok((plan, given)) => {
                    plans.push(plan);
                    inputs = given;
                    seen.push(Seen {
                        action: action.name.to_owned(),
                        target,
                        state: facts.state,
                    });
                }
                Err(refusal) => refused.push((target.name.clone(), refusal)),
            }
        }
        // If one target refuses, the action does not run on the others either.
        match (refused.as_slice(), targets.len()) {
            ([], _) => {}
            ([(_, refusal)], 1) => bail!("{refusal}"),
            (_, of) => bail!("{}", group::words(&refused, of)),
        }
        let plan = group::together(action.name, plans, refused, &[]);
        let plan = plan.map_err(|_| anyhow!("no target is named"))?;
        Ok(ApprovedPlan {
            plan,
            seen,
            inputs,
            undoes: Vec::new(),
            restores: Vec::new(),
            place,
            snapshot: None,
        })
    }

    /// Runs `hypertop rollback ID…`; returns the exit code.
    pub async fn rollback(&self, ids: &[u64]) -> Result<u8> {
        match self.way_back(ids).await {
            Ok(Some(approved)) => self.agree_and_do(approved).await,
            Ok(None) => Ok(DONE),
            Err(error) => self.refuse(&format!("{error:#}")),
        }
    }

    /// The plan that rolls back these entries. `None`: all entries are acknowledgements, and were ended (except in a dry run).
    async fn way_back(&self, ids: &[u64]) -> Result<Option<ApprovedPlan>> {
        let client = &self.session.connected.client;
        let entries = self.actor.journal.entries()?;
        let is_acknowledgement = |id: &u64| {
            let entry = entries.find(*id);
            entry.is_some_and(|entry| entry.begin.acknowledges.is_some())
        };
        if !ids.is_empty() && ids.iter().all(is_acknowledgement) {
            self.end_acknowledged(&entries, ids).await?;
            return Ok(None);
        }
        let place = execute::place(&self.session.connected).await?;
        let approved = rollback::plan(&self.actor, client, &entries, &place, ids).await?;
        Ok(Some(approved))
    }

    /// Ends acknowledgements. This changes no database, so it also works with --read-only.
    async fn end_acknowledged(&self, entries: &Entries, ids: &[u64]) -> Result<()> {
        let place = execute::place(&self.session.connected).await?;
        for entry in ids.iter().filter_map(|id| entries.find(*id)) {
            rollback::is_here(entry, &place)?;
            if entry.ended.is_some() {
                let (id, state) = (entry.begin.id, entry.state());
                bail!("entry {id} is no longer in effect: {state}");
            }
        }
        if !self.agreement.dry_run {
            let ended = |of: &u64| Ended {
                of: *of,
                at: text::rfc3339((self.actor.clock)()).unwrap_or_default(),
                role: self.session.server.role.clone(),
                why: Why::Back,
            };
            let all = ids.iter().map(ended).collect();
            self.actor.journal.end_acknowledged(all)?;
        }
        let done = if self.agreement.dry_run {
            "dry-run"
        } else {
            "done"
        };
        match self.agreement.format {
            Format::Json => say(&json!({"outcome": done, "shown_again": ids}))?,
            Format::Text => {
                for entry in ids.iter().filter_map(|id| entries.find(*id)) {
                    print_lines(&format!(
                        "shown again ({done}): {}",
                        text::printable(&entry.begin.plan.title)
                    ))?;
                }
            }
        }
        Ok(())
    }

    fn refuse(&self, why: &str) -> Result<u8> {
        self.agreement.refuse(why)
    }
}

impl Agreement {
    /// Prints why nothing was changed, and returns the exit code.
    pub(super) fn refuse(&self, why: &str) -> Result<u8> {
        match self.format {
            Format::Json => say(&json!({"outcome": "refused", "reason": why}))?,
            Format::Text => stderr::say(format_args!(
                "hypertop: refused, nothing was changed: {why}"
            )),
        }
        Ok(UNCHANGED)
    }
}

/// The plan for one target, with the inputs as text. The inner error: the target refuses. The outer error: an input is invalid.
fn plan(
    action: &Action,
    act: &Act,
    context: &Context,
    set: &[(String, String)],
) -> Result<Result<(Plan, String), Refusal>> {
    let mut form = match act.form(context) {
        Ok(form) => form,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for (key, value) in set {
        form.set(key, value).map_err(|error| anyhow!(error))?;
    }
    let given = form.inputs().map_err(|wrong| {
        let lines: Vec<_> = wrong.into_iter().map(|(_, error)| error).collect();
        anyhow!(lines.join("\n"))
    })?;
    let plan = plans::make(action.name, act, context, &given);
    Ok(plan.map(|plan| (plan, given.summary())))
}
