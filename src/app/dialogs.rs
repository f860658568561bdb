//! Actions on the database in the app: facts, preview, consent, progress, report.

use super::App;
use super::message::{Effect, Link};
use crate::actions::act::Facts;
use crate::actions::action::{Action, Does};
use crate::actions::execute::{ApprovedPlan, Order, Report};
use crate::actions::preview::Preview;
use crate::app::ask;
use crate::app::dialog::{Acting, Next, Running, report_lines};
use crate::app::overlay::Overlay;
use crate::journal::Outcome;
use crate::model::screen_id::ScreenId;
use crate::model::setup::amend::Amendment;
use crate::model::target::{Target, TargetKind};
use crate::screens::with_table;
use crate::server::known::At;

impl App {
    /// Targets of the marked rows, or of the selected row; one list per row.
    pub fn targets(&self) -> Vec<Vec<Target>> {
        with_table!(self.screens, self.screen, |table| table.targets())
    }

    /// Kinds of the targets of the marked rows, or of the selected row.
    pub(crate) fn kinds(&self) -> Vec<TargetKind> {
        let mut kinds = Vec::new();
        for target in self.targets().iter().flatten() {
            if !kinds.contains(&target.kind) {
                kinds.push(target.kind);
            }
        }
        kinds
    }

    /// Starts an action on the marked rows, or on the selected row.
    pub(super) fn begin(&mut self, action: &'static Action) -> Vec<Effect> {
        self.begin_on(action, self.targets(), Vec::new())
    }

    /// Starts an action on these targets. `sets`: values that its form opens with.
    pub(super) fn begin_on(
        &mut self,
        action: &'static Action,
        rows: Vec<Vec<Target>>,
        sets: Vec<(String, String)>,
    ) -> Vec<Effect> {
        let Does::Plan(act) = &action.does else {
            return Vec::new();
        };
        if let Some(running) = &self.running {
            let title = running.title.clone();
            self.say(
                format!("{title} is still running (show-progress shows it)"),
                true,
            );
            return Vec::new();
        }
        if self.link != Link::Up {
            self.say("not connected: nothing can be changed now", true);
            return Vec::new();
        }
        let targets: Vec<Target> = rows
            .into_iter()
            .filter_map(|row| row.into_iter().find(|target| target.kind == act.on))
            .collect();
        if targets.is_empty() {
            self.say(
                format!("{} acts on {}: select one first", action.name, act.on.one()),
                true,
            );
            return Vec::new();
        }
        self.asked += 1;
        let title = match targets.as_slice() {
            [one] => format!("{} · {}", action.name, one.name),
            many => format!("{} · {} targets", action.name, many.len()),
        };
        let mut acting = Acting::new(Some(action), title, targets.clone(), self.asked);
        acting.aims = self.aims(action, &targets);
        self.overlay = Some(Overlay::Act(Box::new(acting.setting(sets))));
        vec![Effect::Act(ask::Act::Facts {
            asked: self.asked,
            action,
            targets,
        })]
    }

    /// Starts the rollback of the marked or selected journal entries.
    pub(super) fn begin_rollback(&mut self) -> Vec<Effect> {
        if self.screen.name() != "journal" {
            self.say("roll back from the Journal: select an entry there", true);
            return Vec::new();
        }
        if let Some(effects) = self.undo_acknowledged() {
            return effects;
        }
        if self.running.is_some() {
            self.say("another action is still running", true);
            return Vec::new();
        }
        let ids: Vec<u64> = with_table!(self.screens, self.screen, |table| table.chosen_keys())
            .iter()
            .filter_map(|key| key.parse().ok())
            .collect();
        if ids.is_empty() {
            return Vec::new();
        }
        self.asked += 1;
        let acting = Acting::new(None, "rollback".to_owned(), Vec::new(), self.asked);
        self.overlay = Some(Overlay::Act(Box::new(acting)));
        vec![Effect::Act(ask::Act::Rollback {
            asked: self.asked,
            ids,
        })]
    }

    /// Starts making the plan that changes the selected object to what the policy files say. `writes`: starts making the policy file's new
    /// text with the object's present settings instead.
    pub(super) fn begin_object(&mut self, writes: bool) -> Vec<Effect> {
        let name = if writes {
            "write-object"
        } else {
            "apply-object"
        };
        let object = self.screens.selected_key(ScreenId::Policies);
        let wrong = match &object {
            _ if self.screen != ScreenId::Policies => "select an object on Policies first",
            _ if self.running.is_some() => "another action is still running",
            _ if self.link != Link::Up => "not connected: nothing can be changed now",
            None => "no object is selected",
            Some(_) => "",
        };
        let Some(object) = object.filter(|_| wrong.is_empty()) else {
            self.say(wrong, true);
            return Vec::new();
        };
        self.asked += 1;
        let asked = self.asked;
        let acting = Acting::new(None, format!("{name} · {object}"), Vec::new(), asked);
        self.overlay = Some(Overlay::Act(Box::new(acting)));
        vec![Effect::Act(if writes {
            ask::Act::Amend { asked, object }
        } else {
            ask::Act::Object { asked, object }
        })]
    }

    pub(super) fn amended(&mut self, asked: u64, result: Result<Amendment, String>) {
        if let Some(acting) = self.waiting(asked) {
            match result {
                Ok(amendment) => acting.take_amendment(amendment),
                Err(error) => acting.report("level.warning", &error),
            }
        }
    }

    pub(super) fn written(&mut self, asked: u64, result: Result<String, String>) -> Vec<Effect> {
        match (result, self.waiting(asked)) {
            (Ok(words), _) => {
                self.overlay = None;
                self.say_everywhere(words, false);
                if self.screen == ScreenId::Policies && self.link == Link::Up {
                    return self.reload_now();
                }
            }
            (Err(error), Some(acting)) => acting.report("error", &error),
            (Err(error), None) => self.say_everywhere(error, true),
        }
        Vec::new()
    }

    /// The open dialog if it waits for the answer with this number, else `None`.
    fn waiting(&mut self, asked: u64) -> Option<&mut Acting> {
        match &mut self.overlay {
            Some(Overlay::Act(acting)) if acting.asked == asked => Some(acting),
            _ => None,
        }
    }

    pub(super) fn facts_came(
        &mut self,
        asked: u64,
        result: Result<Vec<Facts>, String>,
    ) -> Vec<Effect> {
        let now = self.server_clock();
        let Some(server) = self.server.clone() else {
            return Vec::new();
        };
        let at = At {
            now,
            server: &server,
        };
        let Some(acting) = self.waiting(asked) else {
            return Vec::new();
        };
        match result {
            Ok(facts) => {
                let next = acting.take_facts(facts, &at);
                self.follow(next)
            }
            Err(error) => {
                acting.report("error", &error);
                Vec::new()
            }
        }
    }

    pub(super) fn planned(
        &mut self,
        asked: u64,
        result: Result<ApprovedPlan, String>,
    ) -> Vec<Effect> {
        let Some(acting) = self.waiting(asked) else {
            return Vec::new();
        };
        match result {
            Ok(approved) => self.follow(Next::Look(Box::new(approved))),
            Err(error) => {
                acting.report("level.warning", &error);
                Vec::new()
            }
        }
    }

    pub(super) fn looked(&mut self, asked: u64, approved: ApprovedPlan, preview: &Preview) {
        let (protected, barred) = (self.rules.protected, self.rules.read_only.clone());
        if let Some(acting) = self.waiting(asked) {
            acting.take_preview(approved, preview, protected, barred);
        }
    }

    /// Handles a key while an action's dialog is open.
    pub(super) fn acting_key(&mut self, key: &str) -> Vec<Effect> {
        let now = self.server_clock();
        let Some(server) = self.server.clone() else {
            return Vec::new();
        };
        let Some(Overlay::Act(acting)) = &mut self.overlay else {
            return Vec::new();
        };
        let next = acting.key(
            key,
            &At {
                now,
                server: &server,
            },
        );
        self.follow(next)
    }

    fn follow(&mut self, next: Next) -> Vec<Effect> {
        match next {
            Next::Stay => Vec::new(),
            Next::Close => {
                self.overlay = None;
                Vec::new()
            }
            Next::Look(approved) => {
                self.asked += 1;
                let asked = self.asked;
                if let Some(Overlay::Act(acting)) = &mut self.overlay {
                    acting.asked = asked;
                }
                vec![Effect::Act(ask::Act::Look { asked, approved })]
            }
            Next::Do(approved) => self.start(approved),
            Next::Write(amendment) => {
                self.asked += 1;
                let asked = self.asked;
                if let Some(Overlay::Act(acting)) = &mut self.overlay {
                    acting.asked = asked;
                }
                vec![Effect::Act(ask::Act::Write { asked, amendment })]
            }
            Next::Copy(text) => {
                self.say("copied: the statements", false);
                vec![Effect::Copy(text)]
            }
        }
    }

    fn start(&mut self, approved: Box<ApprovedPlan>) -> Vec<Effect> {
        if let Some(why) = self.rules.read_only.clone() {
            self.say(why, true);
            return Vec::new();
        }
        if self.link != Link::Up {
            self.say("not connected: nothing was done", true);
            return Vec::new();
        }
        let mut running = Running::new(
            approved.plan.title.clone(),
            approved.plan.steps.len(),
            self.now,
        );
        if let Some(Overlay::Act(acting)) = &mut self.overlay {
            running.aims = std::mem::take(&mut acting.aims);
        }
        self.running = Some(running);
        self.overlay = Some(Overlay::Running);
        let screen = self.screen;
        with_table!(mut self.screens, screen, |table| table.unmark());
        vec![Effect::Act(ask::Act::Do(approved))]
    }

    /// Handles a key while the progress is shown.
    pub(super) fn running_key(&mut self, key: &str) -> Vec<Effect> {
        let Some(running) = &mut self.running else {
            self.overlay = None;
            return Vec::new();
        };
        match key {
            "c" | "ctrl-c" => {
                running.order = Order::Stop;
                vec![Effect::Act(ask::Act::Order(Order::Stop))]
            }
            "space" if running.order != Order::Stop => {
                running.order = if running.order == Order::Hold {
                    Order::Go
                } else {
                    Order::Hold
                };
                vec![Effect::Act(ask::Act::Order(running.order))]
            }
            "esc" | "q" | "enter" => {
                self.overlay = None;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn reported(&mut self, result: &Result<Report, String>) -> Vec<Effect> {
        let Some(mut running) = self.running.take() else {
            return Vec::new();
        };
        let (mut lines, bad) = match result {
            Ok(report) => (report_lines(report), report.outcome != Outcome::Done),
            Err(error) => {
                let mut lines = vec![("error", format!("Not done: {}", running.title))];
                lines.extend(
                    error
                        .lines()
                        .map(|line| ("text", crate::model::text::printable(line))),
                );
                (lines, true)
            }
        };
        if self.leaving {
            return vec![Effect::Quit];
        }
        let aims = if bad {
            Vec::new()
        } else {
            std::mem::take(&mut running.aims)
        };
        // Selects the new entry, because it is the most likely one to be rolled back.
        self.screens.journal.go_to_top();
        let mut effects = self.watch(aims, &mut lines);
        if matches!(self.overlay, None | Some(Overlay::Running)) {
            let mut acting = Acting::new(None, running.title, Vec::new(), 0);
            acting.stage = crate::app::dialog::Stage::Message { lines, top: 0 };
            self.overlay = Some(Overlay::Act(Box::new(acting)));
        } else {
            let first = lines
                .into_iter()
                .next()
                .map_or_else(String::new, |(_, line)| line);
            self.say_everywhere(first, bad);
        }
        // The action may have changed any screen, even one whose counters did not change.
        for id in ScreenId::ALL {
            with_table!(mut self.screens, *id, |table| table.doubt());
        }
        if self.link == Link::Up {
            effects.extend(self.reload_now());
        }
        effects
    }

    /// Quits. A running plan is cancelled on the server first.
    pub(super) fn leave(&mut self) -> Vec<Effect> {
        let Some(running) = &mut self.running else {
            return vec![Effect::Quit];
        };
        if self.leaving {
            // A second request to quit ends the console at once. The journal will show the entry as interrupted.
            return vec![Effect::Quit];
        }
        self.leaving = true;
        running.order = Order::Stop;
        self.overlay = Some(Overlay::Running);
        self.say_everywhere(
            "stopping the running action, then leaving; quit again to leave at once",
            true,
        );
        vec![Effect::Act(ask::Act::Order(Order::Stop))]
    }
}
