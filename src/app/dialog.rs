//! The dialog of one action: facts, form, preview, consent, progress, result.

mod agreeing;
mod amending;
mod filling;
pub(crate) mod group;
mod next;
mod running;
mod trouble;

use crate::actions::act::{Context, Facts};
use crate::actions::action::{Action, Does};
use crate::actions::execute::ApprovedPlan;
use crate::actions::form::{FieldType, Form};
use crate::actions::preview;
use crate::actions::preview::Preview;
use crate::app::aim::Aim;
use crate::model::setup::amend::Amendment;
use crate::model::target::Target;
use crate::server::known::At;

use self::next::scroll;
pub(crate) use agreeing::Agreeing;
use amending::Amending;
pub(crate) use filling::Filling;
pub(crate) use running::Running;
pub(super) use running::report_lines;
pub(crate) use trouble::Trouble;

pub(super) use self::next::Next;

#[derive(Debug)]
pub struct Acting {
    /// Action of the form. `None`: there is no form, because this is a rollback, or a change of one object to what the policy file says.
    action: Option<&'static Action>,
    pub(crate) title: String,
    targets: Vec<Target>,
    sets: Vec<(String, String)>,
    /// The findings that the action should fix.
    pub(super) aims: Vec<Aim>,
    pub(crate) stage: Stage,
    /// Number of the request that the dialog waits for.
    pub(super) asked: u64,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// Waiting for the facts of the targets.
    Asking,
    /// A refusal or a result: lines with their theme roles. `top`: index of the first line shown.
    Message {
        lines: Vec<preview::Line>,
        top: usize,
    },
    Form(Box<Filling>),
    Preview(Box<Agreeing>),
    /// A change of the policy file.
    Amend(Box<Amending>),
}

impl Acting {
    pub(super) fn new(
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
            aims: Vec::new(),
            stage: Stage::Asking,
            asked,
        }
    }

    /// Sets initial values of the form, by field name.
    #[must_use]
    pub(super) fn setting(mut self, sets: Vec<(String, String)>) -> Self {
        self.sets = sets;
        self
    }

    pub(super) fn report(&mut self, role: &'static str, text: &str) {
        let lines = text
            .lines()
            .map(|line| (role, crate::model::text::printable(line)))
            .collect();
        self.stage = Stage::Message { lines, top: 0 };
    }

    /// Takes the facts: opens the form, or makes the plan if there are no inputs.
    pub(super) fn take_facts(&mut self, facts: Vec<Facts>, at: &At) -> Next {
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
        let edits = self
            .action
            .is_some_and(|action| action.name.starts_with("edit-"));
        let present = form.iter().flat_map(|form| form.fields.iter());
        let present: Vec<String> = present
            .filter(|_| edits)
            .map(|field| field.value.clone())
            .collect();
        let form = form.map(|mut form| {
            for (field, value) in &self.sets {
                // A value for a field that this form does not have is ignored.
                let _ = form.set(field, value);
            }
            form
        });
        let none = form.is_none();
        let form = form.unwrap_or_else(|| Form::new(Vec::new()));
        let empty = form.fields.is_empty();
        let mut filling = Filling::new(facts, form, formless).of_present(present);
        filling.remake(self.action, &self.targets, at);
        let some = matches!(filling.outcome, Err(Trouble::Some { .. }));
        if !none && (!empty || some) {
            self.stage = Stage::Form(Box::new(filling));
            return Next::Stay;
        }
        match filling.outcome {
            Ok(approved) => Next::Look(Box::new(approved)),
            Err(Trouble::Refusal(refusal)) => {
                self.report("level.warning", &refusal.why);
                Next::Stay
            }
            Err(Trouble::Fields(_) | Trouble::Some { .. }) => Next::Stay,
        }
    }

    pub(super) fn take_preview(
        &mut self,
        approved: ApprovedPlan,
        preview: &Preview,
        protected: bool,
        barred: Option<String>,
    ) {
        self.title.clone_from(&approved.plan.title);
        let agreeing = Agreeing::new(approved, preview, protected, barred);
        self.stage = Stage::Preview(Box::new(agreeing));
    }

    pub(super) fn take_amendment(&mut self, amendment: Amendment) {
        self.title = format!("Write {} into the policy file", amendment.object);
        self.stage = Stage::Amend(Box::new(Amending::new(amendment)));
    }

    pub(super) fn key(&mut self, key: &str, at: &At) -> Next {
        match &mut self.stage {
            Stage::Asking => match key {
                "esc" | "ctrl-c" | "q" => Next::Close,
                _ => Next::Stay,
            },
            Stage::Message { top, .. } => match key {
                "esc" | "ctrl-c" | "q" | "enter" => Next::Close,
                key => {
                    scroll(top, key, 10);
                    Next::Stay
                }
            },
            Stage::Form(filling) => filling.key(key, self.action, &self.targets, at),
            Stage::Preview(agreeing) => agreeing.key(key),
            Stage::Amend(amending) => amending.key(key),
        }
    }

    pub(super) fn paste(&mut self, text: &str, at: &At) {
        match &mut self.stage {
            Stage::Form(filling) => {
                let lines = matches!(
                    filling.field().map(|field| &field.accepts),
                    Some(FieldType::Json)
                );
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
            Stage::Asking | Stage::Message { .. } | Stage::Amend(_) => {}
        }
    }
}
