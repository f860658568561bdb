//! An action on its way through the console: facts, form, preview, consent, progress, result. Pure, as the rest of `app`.

pub mod group;

use tui_textarea::{CursorMove, TextArea};

use crate::act::{Deed, Order, Progress, Report};
use crate::action::{Action, Does};
use crate::form::{Field, Form, Kind};
use crate::journal::{Outcome, Seen};
use crate::overlay::event;
use crate::plan::Consent;
use crate::plans::{self, Context, Facts, Refusal, Target};
use crate::preview::{self, Preview};
use crate::record::At;
use crate::value::Stamp;

/// What is asked of a person now.
#[derive(Debug)]
pub struct Acting {
    /// `None`: a rollback, which has no form.
    pub action: Option<&'static Action>,
    pub title: String,
    pub targets: Vec<Target>,
    sets: Vec<(String, String)>,
    pub stage: Stage,
    /// The number of the request that is waited for.
    pub asked: u64,
}

#[derive(Debug)]
pub enum Stage {
    /// The server is asked what the plan needs to know.
    Asking,
    /// Why it cannot be done, or how it ended; lines with their roles, and how far they are scrolled.
    Told {
        lines: Vec<preview::Line>,
        top: usize,
    },
    Form(Box<Filling>),
    Preview(Box<Agreeing>),
}

/// A form that is filled in.
#[derive(Debug)]
pub struct Filling {
    pub facts: Vec<Facts>,
    pub form: Form,
    /// What is typed, field by field; those that are not typed have an empty one.
    pub areas: Vec<TextArea<'static>>,
    pub focus: usize,
    /// The line of the list that the cursor is on, in a field of picks.
    pub pick: usize,
    pub outcome: Result<Deed, Trouble>,
    /// Why a target has no form at all; in the order of the targets.
    formless: Vec<Option<Refusal>>,
    /// The targets that a person agreed to go on without.
    left_out: Vec<String>,
}

/// Why there is no plan (yet).
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    Fields(Vec<(&'static str, String)>),
    Refusal(Refusal),
    /// Some targets refuse, so many do not.
    Some {
        refused: group::Refused,
        left: usize,
    },
}

/// A preview that wants consent.
#[derive(Debug)]
pub struct Agreeing {
    pub deed: Deed,
    pub preview: Preview,
    pub lines: Vec<preview::Line>,
    pub consent: Consent,
    pub typed: TextArea<'static>,
    pub top: usize,
    /// Lines that fit; set when drawn.
    pub page: usize,
    /// Why it cannot be run here at all.
    pub barred: Option<String>,
}

/// What a key led to.
#[derive(Debug)]
pub enum Next {
    Stay,
    Close,
    /// The preview is wanted.
    Look(Box<Deed>),
    Do(Box<Deed>),
    Copy(String),
}

/// A plan that runs, whether or not it is on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub title: String,
    pub started: Stamp,
    pub id: Option<u64>,
    pub number: usize,
    pub of: usize,
    pub label: String,
    pub done: i64,
    pub weight: i64,
    pub waits: Option<String>,
    pub phase: Option<(String, Option<f64>)>,
    pub notice: Option<String>,
    pub order: Order,
}

impl Running {
    pub fn new(title: String, steps: usize, started: Stamp) -> Self {
        Self {
            title,
            started,
            id: None,
            number: 0,
            of: steps,
            label: String::new(),
            done: 0,
            weight: 0,
            waits: None,
            phase: None,
            notice: None,
            order: Order::Go,
        }
    }

    pub fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Began(id) => self.id = Some(id),
            Progress::Step { number, of, label } => {
                (self.number, self.of, self.label) = (number, of, label);
                (self.waits, self.phase) = (None, None);
            }
            Progress::Weight { done, of } => (self.done, self.weight) = (done, of),
            Progress::Phase(phase, share) => {
                self.phase = Some((phase, share));
                self.waits = None;
            }
            Progress::Waits(why) => self.waits = Some(why),
            Progress::Goes => self.waits = None,
            Progress::Notice(text) => self.notice = Some(text),
        }
    }

    /// The share that is done: by weight where the steps have any, else by number.
    #[expect(clippy::cast_precision_loss, reason = "a share to show")]
    pub fn share(&self) -> f64 {
        let inside = self
            .phase
            .as_ref()
            .and_then(|(_, share)| *share)
            .unwrap_or(0.0);
        if self.weight > 0 && self.done > 0 {
            return self.done as f64 / self.weight as f64;
        }
        (self.number.saturating_sub(1) as f64 + inside) / self.of.max(1) as f64
    }

    /// Seconds that are left at the present rate; `None`: too early to tell.
    pub fn left(&self, now: Stamp) -> Option<f64> {
        let (share, spent) = (self.share(), now.seconds_since(self.started));
        (share > 0.02 && spent > 2.0).then(|| spent / share * (1.0 - share))
    }
}

impl Acting {
    pub fn new(
        action: Option<&'static Action>,
        title: String,
        targets: Vec<Target>,
        asked: u64,
    ) -> Self {
        Self {
            action,
            title,
            targets,
            sets: Vec::new(),
            stage: Stage::Asking,
            asked,
        }
    }

    /// Fields that the form is opened with, by name.
    #[must_use]
    pub fn setting(mut self, sets: Vec<(String, String)>) -> Self {
        self.sets = sets;
        self
    }

    pub fn tell(&mut self, role: &'static str, text: &str) {
        let lines = text
            .lines()
            .map(|line| (role, crate::table::printable(line)))
            .collect();
        self.stage = Stage::Told { lines, top: 0 };
    }

    /// The facts are here: the form opens, or the plan is made at once where there is nothing to choose.
    pub fn take_facts(&mut self, facts: Vec<Facts>, at: &At) -> Next {
        let Some(Does::Plan(act)) = self.action.map(|action| &action.does) else {
            return Next::Stay;
        };
        let forms = self.targets.iter().zip(&facts).map(|(target, facts)| {
            act.form(&Context {
                at: *at,
                target,
                facts,
            })
        });
        let (mut form, mut formless) = (None, Vec::new());
        for made in forms {
            formless.push(made.map(|made| form.get_or_insert(made)).err());
        }
        let form = form.map(|mut form| {
            for (field, value) in &self.sets {
                // A field that this form does not have here keeps nobody from the others.
                let _ = form.set(field, value);
            }
            form
        });
        let none = form.is_none();
        let form = form.unwrap_or_else(|| Form::new(Vec::new()));
        let empty = form.fields.is_empty();
        let areas = form.fields.iter().map(area).collect();
        let mut filling = Filling {
            facts,
            form,
            areas,
            focus: 0,
            pick: 0,
            outcome: Err(Trouble::Fields(Vec::new())),
            formless,
            left_out: Vec::new(),
        };
        filling.remake(self.action, &self.targets, at);
        let some = matches!(filling.outcome, Err(Trouble::Some { .. }));
        if !none && (!empty || some) {
            self.stage = Stage::Form(Box::new(filling));
            return Next::Stay;
        }
        match filling.outcome {
            Ok(deed) => Next::Look(Box::new(deed)),
            Err(Trouble::Refusal(refusal)) => {
                self.refuse(&refusal);
                Next::Stay
            }
            Err(Trouble::Fields(_) | Trouble::Some { .. }) => Next::Stay,
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.tell("level.warning", &refusal.why);
    }

    pub fn take_preview(
        &mut self,
        deed: Deed,
        preview: Preview,
        protected: bool,
        barred: Option<String>,
    ) {
        let consent = if protected {
            Consent::Name
        } else {
            deed.plan.consent
        };
        let lines = preview.lines();
        self.title.clone_from(&deed.plan.title);
        self.stage = Stage::Preview(Box::new(Agreeing {
            deed,
            preview,
            lines,
            consent,
            typed: TextArea::default(),
            top: 0,
            page: 10,
            barred,
        }));
    }

    pub fn key(&mut self, key: &str, at: &At) -> Next {
        match &mut self.stage {
            Stage::Asking => match key {
                "esc" | "ctrl-c" | "q" => Next::Close,
                _ => Next::Stay,
            },
            Stage::Told { top, .. } => match key {
                "esc" | "ctrl-c" | "q" | "enter" => Next::Close,
                key => {
                    scroll(top, key, 10);
                    Next::Stay
                }
            },
            Stage::Form(filling) => filling.key(key, self.action, &self.targets, at),
            Stage::Preview(agreeing) => agreeing.key(key),
        }
    }

    pub fn paste(&mut self, text: &str, at: &At) {
        match &mut self.stage {
            Stage::Form(filling) => {
                let lines = matches!(filling.field().map(|field| &field.kind), Some(Kind::Json));
                let kept: String = text
                    .chars()
                    .filter(|c| !c.is_control() || (lines && *c == '\n'))
                    .collect();
                if let Some(area) = filling.areas.get_mut(filling.focus) {
                    area.insert_str(kept);
                }
                filling.typed();
                filling.remake(self.action, &self.targets, at);
            }
            Stage::Preview(agreeing) => {
                let line: String = text.chars().filter(|c| !c.is_control()).collect();
                agreeing.typed.insert_str(line);
            }
            Stage::Asking | Stage::Told { .. } => {}
        }
    }
}

/// Moves the first line that is shown.
fn scroll(top: &mut usize, key: &str, page: usize) {
    match key {
        "j" | "down" => *top += 1,
        "k" | "up" => *top = top.saturating_sub(1),
        "pgdn" | "ctrl-f" | "ctrl-d" | "space" => *top += page,
        "pgup" | "ctrl-b" | "ctrl-u" => *top = top.saturating_sub(page),
        "g" | "home" => *top = 0,
        "G" | "end" => *top = usize::MAX / 2,
        _ => {}
    }
}

/// Whether the arrows move inside the field.
fn lists(kind: Option<&Kind>) -> bool {
    matches!(kind, Some(Kind::Json))
}

fn area(field: &Field) -> TextArea<'static> {
    let mut area = TextArea::new(field.value.lines().map(str::to_owned).collect());
    area.move_cursor(CursorMove::Bottom);
    area.move_cursor(CursorMove::End);
    area
}

impl Filling {
    pub fn field(&self) -> Option<&Field> {
        self.form.fields.get(self.focus)
    }

    /// What is typed becomes the field's value.
    fn typed(&mut self) {
        if let (Some(field), Some(area)) = (
            self.form.fields.get_mut(self.focus),
            self.areas.get(self.focus),
        ) {
            match field.kind {
                Kind::Flag | Kind::Choice(_) | Kind::Pick(_) => {}
                _ => field.value = area.lines().join("\n"),
            }
        }
    }

    /// Makes the plan anew from what stands in the form.
    fn remake(&mut self, action: Option<&'static Action>, targets: &[Target], at: &At) {
        let Some((action, Does::Plan(act))) = action.map(|action| (action, &action.does)) else {
            return;
        };
        self.outcome = match self.form.inputs() {
            Err(wrong) => Err(Trouble::Fields(wrong)),
            Ok(inputs) => {
                let plan_of = |(target, facts): (&Target, &Facts)| {
                    plans::make(
                        action.name,
                        act,
                        &Context {
                            at: *at,
                            target,
                            facts,
                        },
                        &inputs,
                    )
                };
                let (mut plans, mut refused, mut seen) = (Vec::new(), Vec::new(), Vec::new());
                for (nth, (target, facts)) in targets.iter().zip(&self.facts).enumerate() {
                    let formless = self.formless.get(nth).cloned().flatten();
                    match formless.map_or_else(|| plan_of((target, facts)), Err) {
                        Ok(plan) => {
                            plans.push(plan);
                            seen.push(Seen {
                                action: action.name.to_owned(),
                                target: target.clone(),
                                state: facts.state.clone(),
                            });
                        }
                        Err(refusal) => refused.push((target.name.clone(), refusal)),
                    }
                }
                let plan = group::together(action.name, plans, refused, &self.left_out);
                plan.map(|plan| Deed {
                    plan,
                    seen,
                    inputs: inputs.summary(),
                    undoes: Vec::new(),
                    restores: Vec::new(),
                })
            }
        };
    }

    fn key(
        &mut self,
        key: &str,
        action: Option<&'static Action>,
        targets: &[Target],
        at: &At,
    ) -> Next {
        let many = self.form.fields.len();
        let kind = self.field().map(|field| field.kind.clone());
        match (key, &kind) {
            ("esc" | "ctrl-c", _) => return Next::Close,
            ("tab" | "down", _) if key == "tab" || !lists(kind.as_ref()) => {
                self.focus = (self.focus + 1) % many.max(1);
            }
            ("shift-tab" | "up", _) if key == "shift-tab" || !lists(kind.as_ref()) => {
                self.focus = (self.focus + many.max(1) - 1) % many.max(1);
            }
            ("ctrl-o", _) => {
                self.take_offer();
                if many == 0 {
                    self.remake(action, targets, at);
                    return self.go_on();
                }
            }
            ("down", Some(Kind::Pick(items))) if self.pick + 1 < items.len() => self.pick += 1,
            ("up", Some(Kind::Pick(_))) if self.pick > 0 => self.pick -= 1,
            ("space" | "left" | "right", Some(Kind::Flag)) => self.turn(|field| {
                let on = matches!(field.value.as_str(), "yes" | "true" | "on");
                (if on { "no" } else { "yes" }).clone_into(&mut field.value);
            }),
            ("space" | "left" | "right", Some(Kind::Choice(choices))) => {
                let step = if key == "left" { choices.len() - 1 } else { 1 };
                self.turn(|field| {
                    let at = choices
                        .iter()
                        .position(|choice| *choice == field.value)
                        .unwrap_or(0);
                    choices[(at + step) % choices.len()].clone_into(&mut field.value);
                });
            }
            ("pgdn", Some(Kind::Pick(items))) => {
                self.pick = (self.pick + 10).min(items.len().saturating_sub(1));
            }
            ("pgup", Some(Kind::Pick(_))) => self.pick = self.pick.saturating_sub(10),
            ("space", Some(Kind::Pick(items))) => {
                self.toggle(items.get(self.pick).map(|item| item.key.clone()));
            }
            ("a" | "n", Some(Kind::Pick(_))) => {
                let what = if key == "a" { "all" } else { "none" };
                self.turn(|field| field.set(what));
            }
            ("enter", Some(Kind::Json)) => self.edit("enter"),
            ("enter" | "ctrl-s", _) => return self.go_on(),
            // The ends of a list, and what is not typed.
            (_, Some(Kind::Flag | Kind::Choice(_) | Kind::Pick(_)) | None) => {}
            _ => self.edit(key),
        }
        self.remake(action, targets, at);
        Next::Stay
    }

    fn go_on(&self) -> Next {
        match &self.outcome {
            Ok(deed) => Next::Look(Box::new(deed.clone())),
            Err(_) => Next::Stay,
        }
    }

    fn turn(&mut self, change: impl FnOnce(&mut Field)) {
        if let Some(field) = self.form.fields.get_mut(self.focus) {
            change(field);
        }
    }

    fn toggle(&mut self, key: Option<String>) {
        let Some(key) = key else { return };
        let last = match self.field().map(|field| &field.kind) {
            Some(Kind::Pick(items)) => items.len().saturating_sub(1),
            _ => 0,
        };
        self.turn(|field| {
            let mut picked: Vec<String> = field.picked().into_iter().map(str::to_owned).collect();
            match picked.iter().position(|one| *one == key) {
                Some(at) => drop(picked.remove(at)),
                None => picked.push(key),
            }
            field.value = picked.join("\n");
        });
        self.pick = (self.pick + 1).min(last);
    }

    fn edit(&mut self, key: &str) {
        if let ("ctrl-u", Some(area)) = (key, self.areas.get_mut(self.focus)) {
            // As a shell has it: what stands before the cursor goes.
            area.delete_line_by_head();
        } else if let (Some(area), Some(event)) = (self.areas.get_mut(self.focus), event(key)) {
            area.input(event);
        }
        self.typed();
    }

    /// Puts what the refusal offers into the form, or leaves out who refuses.
    fn take_offer(&mut self) {
        if let Err(Trouble::Some { refused, .. }) = &self.outcome {
            self.left_out = refused.iter().map(|(name, _)| name.clone()).collect();
            return;
        }
        let Err(Trouble::Refusal(Refusal {
            offer: Some((_, set)),
            ..
        })) = &self.outcome
        else {
            return;
        };
        for (name, value) in set.clone() {
            // An offer names the form's own fields.
            if self.form.set(name, &value).is_ok()
                && let Some(at) = self.form.fields.iter().position(|field| field.name == name)
            {
                self.areas[at] = area(&self.form.fields[at]);
            }
        }
    }
}

impl Agreeing {
    /// What has to be done to run it, in words.
    pub fn how(&self) -> String {
        match (&self.barred, self.consent) {
            (Some(why), _) => why.clone(),
            (None, Consent::Enter) => "Enter runs it · Esc leaves everything as it is".to_owned(),
            (None, Consent::Yes) => "y runs it · Esc leaves everything as it is".to_owned(),
            (None, Consent::Name) => format!(
                "type {} and Enter to run it · Esc leaves everything as it is",
                self.deed.plan.target
            ),
        }
    }

    pub fn text(&self) -> String {
        self.typed.lines().concat()
    }

    fn key(&mut self, key: &str) -> Next {
        let agreed = || Next::Do(Box::new(self.deed.clone()));
        match key {
            "esc" | "ctrl-c" => return Next::Close,
            "ctrl-y" => return Next::Copy(self.deed.plan.script().join("\n")),
            "enter" | "y" if self.barred.is_none() && self.consent <= Consent::Yes => {
                // A habit of Enter must not run what wants a word.
                if key == "y" || self.consent == Consent::Enter {
                    return agreed();
                }
            }
            "enter" if self.barred.is_none() && self.text() == self.deed.plan.target => {
                return agreed();
            }
            "enter" => {}
            "down" | "up" | "pgdn" | "pgup" | "ctrl-f" | "ctrl-b" | "ctrl-d" | "ctrl-u" => {
                scroll(&mut self.top, key, self.page);
            }
            _ if self.consent == Consent::Name && self.barred.is_none() => {
                if let Some(event) = event(key) {
                    self.typed.input(event);
                }
            }
            "q" => return Next::Close,
            key => scroll(&mut self.top, key, self.page),
        }
        Next::Stay
    }
}

/// How it ended, as lines with their roles.
pub fn report_lines(report: &Report) -> Vec<preview::Line> {
    let bad = report.outcome != Outcome::Done;
    let role = |nth: usize| match nth {
        0 if bad => "error",
        0 => "level.ok",
        _ => "text",
    };
    let lines = report.lines();
    let lines = lines
        .iter()
        .flat_map(|line| line.lines())
        .filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(nth, line)| (role(nth), line.to_owned()))
        .collect()
}
