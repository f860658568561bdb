//! A form, and the plan that its values make.

use tui_textarea::{CursorMove, TextArea};

use super::group;
use super::next::Next;
use super::trouble::Trouble;
use crate::actions::act::{Context, Facts, Refusal};
use crate::actions::action::{Action, Does};
use crate::actions::execute::ApprovedPlan;
use crate::actions::form::{Field, FieldType, Form};
use crate::actions::plans;
use crate::app::press::event;
use crate::journal::Seen;
use crate::model::target::Target;
use crate::server::known::At;

/// A form, with the user's input so far.
#[derive(Debug)]
pub(crate) struct Filling {
    facts: Vec<Facts>,
    pub form: Form,
    /// One text area for each field; unused for flags, choices and lists.
    pub(crate) areas: Vec<TextArea<'static>>,
    pub focus: usize,
    /// Index of the selected item, in a field with a list.
    pub pick: usize,
    /// Index of the first visible line in the text below the fields.
    pub(crate) top: usize,
    pub outcome: Result<ApprovedPlan, Trouble>,
    /// The refusal of each target, in order. `None`: the target has a form.
    formless: Vec<Option<Refusal>>,
    /// Names of the targets that the user agreed to leave out.
    left_out: Vec<String>,
    /// The fields' initial values, if these are the target's present settings; else empty.
    present: Vec<String>,
}

impl Filling {
    pub(super) fn new(facts: Vec<Facts>, form: Form, formless: Vec<Option<Refusal>>) -> Self {
        Self {
            areas: form.fields.iter().map(area).collect(),
            facts,
            form,
            focus: 0,
            pick: 0,
            top: 0,
            outcome: Err(Trouble::Fields(Vec::new())),
            formless,
            left_out: Vec::new(),
            present: Vec::new(),
        }
    }

    /// Sets the target's present settings, which the form shows next to changed fields.
    pub(super) fn of_present(mut self, values: Vec<String>) -> Self {
        self.present = values;
        self
    }

    /// The present setting of a field. `None`: the field is unchanged, or its present setting is not shown.
    pub(crate) fn was(&self, nth: usize) -> Option<&str> {
        let field = self.form.fields.get(nth)?;
        let was = self.present.get(nth)?.as_str();
        let shown = !matches!(field.accepts, FieldType::Pick(_) | FieldType::Json);
        (shown && field.value.trim() != was.trim()).then_some(match was {
            "" => "empty",
            was => was,
        })
    }

    pub(crate) fn field(&self) -> Option<&Field> {
        self.form.fields.get(self.focus)
    }

    /// Copies the typed text into the field's value.
    pub(super) fn typed(&mut self) {
        if let (Some(field), Some(area)) = (
            self.form.fields.get_mut(self.focus),
            self.areas.get(self.focus),
        ) {
            match field.accepts {
                FieldType::Flag | FieldType::Choice(_) | FieldType::Pick(_) => {}
                _ => field.value = area.lines().join("\n"),
            }
        }
    }

    /// Makes the plan again from the form's values.
    pub(super) fn remake(&mut self, action: Option<&'static Action>, targets: &[Target], at: &At) {
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
                plan.map(|plan| ApprovedPlan {
                    plan,
                    seen,
                    inputs: inputs.summary(),
                    undoes: Vec::new(),
                    restores: Vec::new(),
                    place: self.facts.first().and_then(|facts| facts.place.clone()),
                    snapshot: None,
                })
            }
        };
    }

    pub(super) fn key(
        &mut self,
        key: &str,
        action: Option<&'static Action>,
        targets: &[Target],
        at: &At,
    ) -> Next {
        let many = self.form.fields.len();
        let accepts = self.field().map(|field| field.accepts.clone());
        if self.scrolls(key, accepts.as_ref()) {
            return Next::Stay;
        }
        self.top = 0;
        let inside = self.moves_inside(key);
        match (key, &accepts) {
            ("esc" | "ctrl-c", _) => return Next::Close,
            // In a text field `q` is a letter.
            ("q", Some(FieldType::Flag | FieldType::Choice(_) | FieldType::Pick(_)) | None) => {
                return Next::Close;
            }
            ("tab" | "down", _) if key == "tab" || !inside => {
                self.focus = (self.focus + 1) % many.max(1);
            }
            ("shift-tab" | "up", _) if key == "shift-tab" || !inside => {
                self.focus = (self.focus + many.max(1) - 1) % many.max(1);
            }
            ("ctrl-o", _) => {
                self.take_offer();
                if many == 0 {
                    self.remake(action, targets, at);
                    return self.go_on();
                }
            }
            ("down", Some(FieldType::Pick(_))) => self.pick += 1,
            ("up", Some(FieldType::Pick(_))) => self.pick -= 1,
            ("space" | "left" | "right", Some(FieldType::Flag)) => self.turn(|field| {
                let on = field.is_on();
                (if on { "no" } else { "yes" }).clone_into(&mut field.value);
            }),
            ("space" | "left" | "right", Some(FieldType::Choice(choices))) => {
                self.turn_choice(choices, key == "left");
            }
            ("pgdn", Some(FieldType::Pick(items))) => {
                self.pick = (self.pick + 10).min(items.len().saturating_sub(1));
            }
            ("pgup", Some(FieldType::Pick(_))) => self.pick = self.pick.saturating_sub(10),
            ("space", Some(FieldType::Pick(items))) => {
                self.toggle(items.get(self.pick).map(|item| item.key.clone()));
            }
            ("a" | "n", Some(FieldType::Pick(_))) => {
                let what = if key == "a" { "all" } else { "none" };
                self.turn(|field| field.set(what));
            }
            ("enter", Some(FieldType::Json)) => self.edit("enter"),
            ("enter" | "ctrl-s", _) => return self.go_on(),
            // An arrow key at the end of a list has no effect, nor has typing in a field without text.
            (_, Some(FieldType::Flag | FieldType::Choice(_) | FieldType::Pick(_)) | None) => {}
            _ => self.edit(key),
        }
        self.remake(action, targets, at);
        Next::Stay
    }

    /// Scrolls the text below the fields; false: the key has another effect in this field.
    fn scrolls(&mut self, key: &str, accepts: Option<&FieldType>) -> bool {
        let own = matches!(accepts, Some(FieldType::Pick(_) | FieldType::Json));
        let lines = match key {
            "pgdn" if !own => 5,
            "pgup" if !own => -5,
            _ => return false,
        };
        self.top = self.top.saturating_add_signed(lines);
        true
    }

    /// True if an arrow key moves inside the field. At the end of a list it moves to the next field instead.
    fn moves_inside(&self, key: &str) -> bool {
        match self.field().map(|field| &field.accepts) {
            Some(FieldType::Json) => true,
            Some(FieldType::Pick(items)) if key == "down" => self.pick + 1 < items.len(),
            Some(FieldType::Pick(_)) => key == "up" && self.pick > 0,
            _ => false,
        }
    }

    fn go_on(&self) -> Next {
        match &self.outcome {
            Ok(approved) => Next::Look(Box::new(approved.clone())),
            Err(_) => Next::Stay,
        }
    }

    fn turn(&mut self, change: impl FnOnce(&mut Field)) {
        if let Some(field) = self.form.fields.get_mut(self.focus) {
            change(field);
        }
    }

    fn turn_choice(&mut self, choices: &[&str], back: bool) {
        let step = if back { choices.len() - 1 } else { 1 };
        self.turn(|field| {
            let at = choices
                .iter()
                .position(|choice| *choice == field.value)
                .unwrap_or(0);
            choices[(at + step) % choices.len()].clone_into(&mut field.value);
        });
    }

    fn toggle(&mut self, key: Option<String>) {
        let Some(key) = key else { return };
        let last = match self.field().map(|field| &field.accepts) {
            Some(FieldType::Pick(items)) => items.len().saturating_sub(1),
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
            // As in a shell, this deletes everything before the cursor.
            area.delete_line_by_head();
        } else if let (Some(area), Some(event)) = (self.areas.get_mut(self.focus), event(key)) {
            area.input(event);
        }
        self.typed();
    }

    /// Does what the form offers after a refusal. If only some targets refuse, leaves these targets out. Otherwise sets the values that
    /// the refusal offers, because the action is possible with these values.
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
            // The form has these fields, because a refusal only offers values for fields of its form.
            if self.form.set(name, &value).is_ok()
                && let Some(at) = self.form.fields.iter().position(|field| field.name == name)
            {
                self.areas[at] = area(&self.form.fields[at]);
            }
        }
    }
}

fn area(field: &Field) -> TextArea<'static> {
    let mut area = TextArea::new(field.value.lines().map(str::to_owned).collect());
    area.move_cursor(CursorMove::Bottom);
    area.move_cursor(CursorMove::End);
    area
}
