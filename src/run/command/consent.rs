//! Preview, consent, run and result of a plan on the command line.

use std::io::BufRead as _;

use anyhow::Result;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;

use super::shell::{Format, Shell, print_lines, say};
use super::still::Still;
use crate::actions::execute::{ApprovedPlan, Order, Problem, Progress, Report};
use crate::actions::preview;
use crate::actions::preview::Preview;
use crate::journal::Outcome;
use crate::model::plan::{Consent, Plan, inverse, script};
use crate::model::text;
use crate::run::exit::{DONE, FAILED, UNCHANGED};
use crate::run::{snapshot, stderr};
use crate::ui::terminal;

impl Shell<'_> {
    pub(crate) async fn agree_and_do(&self, mut approved: ApprovedPlan) -> Result<u8> {
        let preview = preview::preview(&self.session, approved.plan.clone()).await;
        if let Some(why) = &preview.refused {
            return self.refuse(why);
        }
        let mut preview_json = plan_json(&preview);
        if self.agreement.format == Format::Text {
            let mut out = text::printable(&approved.plan.title);
            for (_, line) in preview.lines() {
                out.push('\n');
                out.push_str(&line);
            }
            print_lines(&out)?;
        }
        if let Some(why) = &self.rules.read_only {
            return self.refuse(why);
        }
        if self.agreement.dry_run {
            if self.agreement.format == Format::Json {
                preview_json["outcome"] = "dry-run".into();
                say(&preview_json)?;
            }
            return Ok(DONE);
        }
        if let Err(why) = self.consent(&approved.plan) {
            return self.refuse(&why);
        }
        if snapshot::is_wanted(&approved) {
            let (settings, session) = (&self.actor.settings, &self.session);
            if let Err(error) = snapshot::keep(settings, session, &mut approved).await {
                stderr::say(format_args!("hypertop: {error:#}"));
            }
        }
        let report = match self.perform(&approved).await {
            Ok(report) => report,
            // An error means that the plan did not start.
            Err(error) => return self.refuse(&format!("{error:#}")),
        };
        // After a rollback, the old findings are expected to return, so they are not listed.
        let checks = report.outcome == Outcome::Done && approved.undoes.is_empty();
        let still = if checks {
            Some(self.still(&approved).await)
        } else {
            None
        };
        self.report(&report, still, preview_json)?;
        Ok(match report.outcome {
            Outcome::Done => DONE,
            Outcome::Failed | Outcome::Cancelled if changed_nothing(&approved, &report) => {
                UNCHANGED
            }
            _ => FAILED,
        })
    }

    /// Asks the user for consent, unless an option gives it. The error says why there is no consent.
    fn consent(&self, plan: &Plan) -> Result<(), String> {
        let wanted = if self.rules.protected {
            Consent::Name
        } else {
            plan.consent
        };
        if let Some(name) = &self.agreement.confirm {
            return if *name == plan.target {
                Ok(())
            } else {
                Err(format!(
                    "--confirm is {name:?}, but the target is {:?}",
                    plan.target
                ))
            };
        }
        if wanted < Consent::Name && self.agreement.yes {
            return Ok(());
        }
        let asks = terminal::is_there() && self.agreement.format == Format::Text;
        match (wanted, asks) {
            (Consent::Name, false) => Err(format!(
                "this needs the target's name as consent: --confirm '{}'",
                plan.target
            )),
            (_, false) => {
                Err("there is no terminal on which to ask for consent: --yes runs the plan, --dry-run only shows it".to_owned())
            }
            (Consent::Name, true) => {
                let typed = ask(&format!("Type {} to continue: ", plan.target))?;
                if typed == plan.target {
                    Ok(())
                } else {
                    Err(format!("{typed:?} is not {:?}", plan.target))
                }
            }
            (_, true) => {
                let typed = ask("Run this? [y/N] ")?;
                if matches!(typed.as_str(), "y" | "Y" | "yes") {
                    Ok(())
                } else {
                    Err("not confirmed".to_owned())
                }
            }
        }
    }

    async fn perform(&self, approved: &ApprovedPlan) -> Result<Report> {
        let (reports, mut progress) = unbounded_channel();
        let (orders, order) = watch::channel(Order::Go);
        let mut work = std::pin::pin!(self.actor.perform(approved, &reports, order));
        let mut ending = std::pin::pin!(crate::run::signalled());
        let mut stopped = false;
        loop {
            tokio::select! {
                report = &mut work => return report,
                _ = &mut ending, if !stopped => {
                    stopped = true;
                    stderr::say("hypertop: stopping the plan on the server…");
                    // The run keeps a receiver, so sending cannot fail.
                    let _ = orders.send(Order::Stop);
                }
                Some(progress) = progress.recv() => if self.agreement.format == Format::Text {
                    print_progress(&progress);
                },
            }
        }
    }

    fn report(&self, report: &Report, still: Option<Still>, mut json: Json) -> Result<()> {
        if self.agreement.format == Format::Text {
            let mut lines = report.lines();
            lines.extend(still.map(|still| still.lines()).unwrap_or_default());
            return print_lines(&lines.join("\n"));
        }
        if let Some(still) = still {
            still.put(&mut json);
        }
        let problem = |(label, problem): &(String, Problem)| json!({"step": label, "sqlstate": problem.sqlstate, "message": problem.message, "fix": problem.fix, "mend": problem.fix});
        json["outcome"] = report.outcome.name().into();
        json["journal_id"] = report.id.into();
        json["steps_done"] = report.steps_done.into();
        json["seconds"] = report.took.as_secs_f64().into();
        json["problems"] = report.problems.iter().map(problem).collect();
        json["notices"] = report.notices.clone().into();
        json["differs"] = report
            .differs
            .iter()
            .map(|(what, was, is)| json!({"what": what, "was": was, "is": is}))
            .collect();
        say(&json)
    }
}

/// True if the first step failed and ran in a transaction, so that it was rolled back. A step without a transaction may have changed
/// something.
fn changed_nothing(approved: &ApprovedPlan, report: &Report) -> bool {
    let first = approved.plan.steps.first();
    report.steps_done == 0 && report.problems.len() <= 1 && first.is_some_and(|step| !step.plain)
}

fn print_progress(progress: &Progress) {
    match progress {
        Progress::Step { number, of, label } if *of > 1 => {
            stderr::say(format_args!("[{number}/{of}] {}", text::printable(label)));
        }
        Progress::Waits(why) => stderr::say(format_args!("waits {why}")),
        Progress::Phase(phase, share) => {
            let share = share.map_or_else(String::new, |share| format!(" {:.0} %", share * 100.0));
            stderr::say(format_args!("{phase}{share}"));
        }
        _ => {}
    }
}

fn plan_json(preview: &Preview) -> Json {
    let plan = &preview.plan;
    let holders = preview.holders.as_ref().map_or_else(
        |error| json!({"error": error}),
        |holders| holders.iter().map(|holder| json!({"pid": holder.pid, "mode": holder.mode.name(), "relation": holder.relation, "granted": holder.granted, "conflicts": holder.conflicts, "role": holder.role, "query": holder.query})).collect(),
    );
    json!({
        "action": plan.action, "target": plan.target, "title": plan.title,
        "statements": script(&plan.steps),
        "notes": plan.notes.iter().map(|note| json!({"level": note.level.name(), "text": note.text})).collect::<Vec<_>>(),
        "undo": plan.undo, "undo_statements": script(&inverse(&plan.steps)),
        "consent": plan.consent, "locks": plan.touches, "holders": holders,
        "blocking_sessions": preview.blocking.sessions,
    })
}

fn ask(prompt: &str) -> Result<String, String> {
    stderr::ask(prompt);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
