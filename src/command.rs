//! Acting from the shell: `run`, `journal`, `rollback`; the same plans, guards and journal as the console's.

use std::io::{BufRead, Write};

use anyhow::{Result, anyhow, bail};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;

use crate::acknowledge::{Ended, Wanted, Why};
use crate::act::{self, Actor, Deed, Order, Progress, Report};
use crate::acting::group;
use crate::action::{self, Action, Does};
use crate::conninfo::Settings;
use crate::db::{Exact, Session};
use crate::journal::{Entries, Entry, Journal, Outcome, Seen};
use crate::plan::{Consent, Plan, script};
use crate::plans::{self, Context};
use crate::preview::{self, Preview};
use crate::record::At;
use crate::rollback;
use crate::table::printable;
use crate::terminal;
use crate::text;

/// Exit codes: done; an error or a failure; no connection; nothing was changed.
pub const DONE: i32 = 0;
pub const FAILED: i32 = 1;
pub const NO_CONNECTION: i32 = 2;
pub const UNCHANGED: i32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// How a command line agrees.
#[derive(Debug, Clone, Default)]
pub struct Agreement {
    pub dry_run: bool,
    pub yes: bool,
    /// The target's name, for what nothing takes back.
    pub confirm: Option<String>,
    /// Everything wants the name.
    pub protected: bool,
}

/// Where a command acts, and how it speaks.
#[derive(Debug)]
pub struct Shell<'a> {
    pub settings: &'a Settings,
    pub session: &'a Session,
    pub actor: &'a Actor,
    /// Why nothing may be changed here.
    pub read_only: Option<String>,
    pub agreement: Agreement,
    pub format: Format,
}

/// The action with this name, as the command line takes it; an error offers the nearest ones, or all.
pub fn find(name: &str) -> Result<&'static Action, String> {
    let acts = || action::all().filter(|action| matches!(action.does, Does::Plan(_)));
    if let Some(action) = acts().find(|action| action.name == name) {
        return Ok(action);
    }
    let mut near: Vec<_> = acts()
        .map(|action| (likeness(name, action.name), action.name))
        .filter(|(likeness, _)| *likeness >= 0.4)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names = |names: Vec<&str>| names.join(", ");
    Err(if near.is_empty() {
        let all = names(acts().map(|action| action.name).collect());
        format!("there is no such action; there are: {all}")
    } else {
        let near = names(near.into_iter().take(4).map(|(_, name)| name).collect());
        format!("there is no such action; near it: {near}")
    })
}

/// How much of two names is the same, from 0 to 1: by the pairs of letters that they share.
fn likeness(a: &str, b: &str) -> f64 {
    let pairs =
        |name: &str| -> Vec<(char, char)> { name.chars().zip(name.chars().skip(1)).collect() };
    let (a, mut b) = (pairs(a), pairs(b));
    let all = u32::try_from(a.len() + b.len()).unwrap_or(u32::MAX);
    let mut shared = 0;
    for pair in &a {
        if let Some(at) = b.iter().position(|other| other == pair) {
            b.swap_remove(at);
            shared += 2;
        }
    }
    f64::from(shared) / f64::from(all.max(1))
}

impl Shell<'_> {
    /// `hypertop run ACTION TARGET… --set key=value`.
    pub async fn run(
        &self,
        action: &'static Action,
        targets: &[String],
        set: &[(String, String)],
    ) -> Result<i32> {
        let Does::Plan(act) = &action.does else {
            bail!("{} changes the console only", action.name);
        };
        let mut exact = Exact::new(self.settings, self.session.connected.password.clone());
        let (clock, _) = self.session.pulse(crate::screens::ScreenId::ALL[0]).await?;
        let at = At {
            now: clock,
            server: &self.session.server,
        };
        let (mut plans, mut seen, mut inputs) = (Vec::new(), Vec::new(), String::new());
        let mut refused = Vec::new();
        for typed in targets {
            let target = preview::resolve(self.session, action, typed).await?;
            let facts = preview::facts(self.session, &mut exact, act, &target).await?;
            let context = Context {
                at,
                target: &target,
                facts: &facts,
            };
            let mut form = match act.form(&context) {
                Ok(form) => form,
                Err(refusal) => {
                    refused.push((target.name.clone(), refusal));
                    continue;
                }
            };
            for (key, value) in set {
                form.set(key, value).map_err(|error| anyhow!(error))?;
            }
            let given = form.inputs().map_err(|wrong| {
                let lines: Vec<_> = wrong.into_iter().map(|(_, error)| error).collect();
                anyhow!(lines.join("\n"))
            })?;
            match plans::make(action.name, act, &context, &given) {
                Ok(plan) => plans.push(plan),
                Err(refusal) => {
                    refused.push((target.name.clone(), refusal));
                    continue;
                }
            }
            inputs = given.summary();
            seen.push(Seen {
                action: action.name.to_owned(),
                target,
                state: facts.state,
            });
        }
        // Who names several means all of them: nothing is done without some.
        match (refused.as_slice(), targets.len()) {
            ([], _) => {}
            ([(_, refusal)], 1) => return self.refuse(&refusal.to_string()),
            (_, of) => return self.refuse(&group::words(&refused, of)),
        }
        let plan = group::together(action.name, plans, refused, &[]);
        let plan = plan.map_err(|_| anyhow!("no target is named"))?;
        self.agree_and_do(Deed {
            plan,
            seen,
            inputs,
            undoes: Vec::new(),
            restores: Vec::new(),
        })
        .await
    }

    /// `hypertop rollback ID…`.
    pub async fn rollback(&self, ids: &[u64]) -> Result<i32> {
        let client = &self.session.connected.client;
        let entries = self.actor.journal.entries()?;
        let is_acknowledgement = |id: &u64| {
            let entry = entries.find(*id);
            entry.is_some_and(|entry| entry.begin.acknowledges.is_some())
        };
        if !ids.is_empty() && ids.iter().all(is_acknowledgement) {
            return self.end_acknowledged(&entries, ids).await;
        }
        let place = act::place(client, self.session.connected.host.clone()).await?;
        match rollback::plan(self.actor, client, &entries, &place, ids).await {
            Ok(deed) => self.agree_and_do(deed).await,
            Err(error) => self.refuse(&format!("{error:#}")),
        }
    }

    /// Shows findings again; nothing in the database changes, so a reading console may do it too.
    async fn end_acknowledged(&self, entries: &Entries, ids: &[u64]) -> Result<i32> {
        let client = &self.session.connected.client;
        let place = act::place(client, self.session.connected.host.clone()).await?;
        for entry in ids.iter().filter_map(|id| entries.find(*id)) {
            if let Err(error) = rollback::is_here(entry, &place) {
                return self.refuse(&format!("{error:#}"));
            }
            if entry.ended.is_some() {
                let (id, state) = (entry.begin.id, entry.state());
                return self.refuse(&format!("entry {id} counts no longer: {state}"));
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
        match self.format {
            Format::Json => say(&json!({"outcome": done, "shown_again": ids}))?,
            Format::Text => {
                for entry in ids.iter().filter_map(|id| entries.find(*id)) {
                    let title = printable(&entry.begin.plan.title);
                    print(&format!("shown again ({done}): {title}\n"))?;
                }
            }
        }
        Ok(DONE)
    }

    fn refuse(&self, why: &str) -> Result<i32> {
        match self.format {
            Format::Json => say(&json!({"outcome": "refused", "reason": why}))?,
            Format::Text => eprintln!(
                "hypertop: refused, nothing was changed: {}",
                printable_lines(why)
            ),
        }
        Ok(UNCHANGED)
    }

    async fn agree_and_do(&self, deed: Deed) -> Result<i32> {
        let preview = preview::preview(self.session, deed.plan.clone()).await;
        let mut preview_json = plan_json(&preview);
        if self.format == Format::Text {
            let mut out = printable(&deed.plan.title);
            out.push('\n');
            for (_, line) in preview.lines() {
                out.push_str(&line);
                out.push('\n');
            }
            print(&out)?;
        }
        if let Some(why) = &self.read_only {
            return self.refuse(why);
        }
        if self.agreement.dry_run {
            if self.format == Format::Json {
                preview_json["outcome"] = "dry-run".into();
                say(&preview_json)?;
            }
            return Ok(DONE);
        }
        if let Err(why) = self.consent(&deed.plan) {
            return self.refuse(&why);
        }
        let report = self.perform(&deed).await?;
        self.tell(&report, preview_json)?;
        Ok(if report.outcome == Outcome::Done {
            DONE
        } else {
            FAILED
        })
    }

    /// Whether a person agreed: by flags, or asked on the terminal.
    fn consent(&self, plan: &Plan) -> Result<(), String> {
        let wanted = if self.agreement.protected {
            Consent::Name
        } else {
            plan.consent
        };
        if let Some(name) = &self.agreement.confirm {
            return if *name == plan.target {
                Ok(())
            } else {
                Err(format!(
                    "--confirm says {name:?}, and the target is {:?}",
                    plan.target
                ))
            };
        }
        if wanted < Consent::Name && self.agreement.yes {
            return Ok(());
        }
        let asks = terminal::is_there() && self.format == Format::Text;
        match (wanted, asks) {
            (Consent::Name, false) => Err(format!(
                "this wants the target's name: --confirm '{}'",
                plan.target
            )),
            (_, false) => {
                Err("nobody is there to agree: --yes runs it, --dry-run only shows it".to_owned())
            }
            (Consent::Name, true) => {
                let typed = ask(&format!("Type {} to go on: ", plan.target))?;
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
                    Err("you did not agree".to_owned())
                }
            }
        }
    }

    async fn perform(&self, deed: &Deed) -> Result<Report> {
        let (told, mut progress) = unbounded_channel();
        let (orders, order) = watch::channel(Order::Go);
        let mut work = std::pin::pin!(self.actor.perform(deed, &told, order));
        let mut ending = std::pin::pin!(crate::run::signalled());
        let mut stopped = false;
        loop {
            tokio::select! {
                report = &mut work => return report,
                _ = &mut ending, if !stopped => {
                    stopped = true;
                    eprintln!("hypertop: stopping on the server…");
                    // The work itself holds the other end.
                    let _ = orders.send(Order::Stop);
                }
                Some(progress) = progress.recv() => if self.format == Format::Text {
                    tell_progress(&progress);
                },
            }
        }
    }

    fn tell(&self, report: &Report, mut json: Json) -> Result<()> {
        if self.format == Format::Text {
            return print(&format!("{}\n", report.lines().join("\n")));
        }
        let problem = |(label, problem): &(String, crate::act::Problem)| json!({"step": label, "sqlstate": problem.sqlstate, "message": problem.message, "mend": problem.mend});
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

fn printable_lines(text: &str) -> String {
    crate::table::printable_lines(text)
}

fn tell_progress(progress: &Progress) {
    match progress {
        Progress::Step { number, of, label } if *of > 1 => {
            eprintln!("[{number}/{of}] {}", printable(label));
        }
        Progress::Waits(why) => eprintln!("waits {}", printable(why)),
        Progress::Phase(phase, share) => {
            let share = share.map_or_else(String::new, |share| format!(" {:.0} %", share * 100.0));
            eprintln!("{}{share}", printable(phase));
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
        "undo": plan.undo, "undo_statements": script(&crate::plan::inverse(&plan.steps)),
        "consent": plan.consent, "locks": plan.touches, "holders": holders,
    })
}

fn ask(prompt: &str) -> Result<String, String> {
    eprint!("{prompt}");
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn say(json: &Json) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(json)?))
}

fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // A reader that went away is no error.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// `hypertop journal [ID]`: everything on record, of all databases; needs no connection.
pub fn journal(journal: &Journal, id: Option<u64>, format: Format) -> Result<i32> {
    let entries = journal.entries()?;
    if entries.unreadable > 0 {
        eprintln!(
            "hypertop: {} cannot be read in {}",
            text::plural(i64::try_from(entries.unreadable)?, "line"),
            journal.path().display()
        );
    }
    if let Some(id) = id {
        let entry = entries
            .find(id)
            .ok_or_else(|| anyhow!("the journal {} has no entry {id}", journal.path().display()))?;
        match format {
            Format::Json => say(&entry_json(entry))?,
            Format::Text => print(&format!("{}\n", entry_lines(entry).join("\n")))?,
        }
        return Ok(DONE);
    }
    match format {
        Format::Json => say(
            &json!({"journal": journal.path(), "entries": entries.all.iter().map(entry_json).collect::<Vec<_>>()}),
        )?,
        Format::Text if entries.all.is_empty() => {
            eprintln!("nothing was done yet ({})", journal.path().display());
        }
        Format::Text => {
            for entry in &entries.all {
                let begin = &entry.begin;
                print(&format!(
                    "{:>5}  {}  {:<11}  {}@{}/{}  {}\n",
                    begin.id,
                    begin.at,
                    entry.state(),
                    printable(&begin.role),
                    printable(&begin.place.host),
                    printable(&begin.place.database),
                    printable(&begin.plan.title)
                ))?;
            }
        }
    }
    Ok(DONE)
}

fn entry_json(entry: &Entry) -> Json {
    let begin = &entry.begin;
    json!({
        "id": begin.id, "at": begin.at, "state": entry.state(), "action": begin.plan.action, "target": begin.plan.target,
        "title": begin.plan.title, "inputs": begin.inputs, "role": begin.role, "host": begin.place.host, "database": begin.place.database,
        "system_identifier": begin.place.system, "timescaledb": begin.timescaledb,
        "statements": script(&begin.plan.steps), "undo": begin.plan.undo,
        "undo_statements": script(&crate::plan::inverse(&entry.done())),
        "steps": begin.plan.steps.len(), "steps_done": entry.done().len(),
        "error": entry.end.as_ref().and_then(|end| end.error.clone()),
        "seconds": entry.end.as_ref().map(|end| end.seconds),
        "before": begin.before, "after": entry.end.as_ref().map(|end| end.after.clone()),
        "undoes": begin.undoes, "rolled_back_by": entry.taken_back_by,
        "acknowledges": begin.acknowledges, "ended": entry.ended,
    })
}

/// An entry as a person reads it.
pub fn entry_lines(entry: &Entry) -> Vec<String> {
    let begin = &entry.begin;
    let mut lines = vec![
        format!("entry {}: {}", begin.id, begin.plan.title),
        format!(
            "{} at {} by {} in {} on {}",
            begin
                .acknowledges
                .as_ref()
                .map_or(entry.state(), Wanted::word),
            begin.at,
            begin.role,
            begin.place.database,
            begin.place.host
        ),
    ];
    if !begin.inputs.is_empty() {
        lines.push(format!("with {}", begin.inputs));
    }
    if let Some(what) = &begin.acknowledges {
        lines.push(format!(
            "the finding: {} of {}, {}",
            what.rule,
            what.key,
            what.level.name()
        ));
        lines.push(format!("found on the screen {}", what.screen));
        if let Some(ended) = &entry.ended {
            let (why, at, role) = (ended.why.name(), &ended.at, &ended.role);
            lines.push(format!("{why} at {at}, written by {role}"));
        }
        return lines.iter().map(|line| printable_lines(line)).collect();
    }
    lines.push("ran".to_owned());
    lines.extend(
        script(&begin.plan.steps)
            .iter()
            .take(500)
            .map(|statement| format!("  {statement}")),
    );
    let (done, all) = (entry.done().len(), begin.plan.steps.len());
    if done < all {
        lines.push(format!("{done} of {all} steps are known to be done"));
    }
    for ran in entry
        .ran
        .iter()
        .filter_map(|ran| Some((ran.step, ran.error.as_ref()?)))
    {
        lines.push(format!("step {} failed: {}", ran.0 + 1, ran.1));
    }
    if let Some(error) = entry.end.as_ref().and_then(|end| end.error.as_ref()) {
        lines.push(format!("error: {error}"));
    }
    lines.push(begin.plan.undo.heading().to_owned());
    lines.push(format!("  {}", begin.plan.undo.text()));
    lines.extend(
        script(&crate::plan::inverse(&entry.done()))
            .iter()
            .take(500)
            .map(|statement| format!("  {statement}")),
    );
    if let Some(by) = entry.taken_back_by {
        lines.push(format!("rolled back by entry {by}"));
    }
    lines.iter().map(|line| printable_lines(line)).collect()
}
