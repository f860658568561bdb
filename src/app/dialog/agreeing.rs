//! A preview that waits for the user's consent.

use tui_textarea::TextArea;

use super::next::{Next, scroll};
use crate::actions::execute::ApprovedPlan;
use crate::actions::preview;
use crate::actions::preview::Preview;
use crate::app::press::event;
use crate::model::plan::Consent;

#[derive(Debug)]
pub(crate) struct Agreeing {
    approved: ApprovedPlan,
    pub lines: Vec<preview::Line>,
    pub consent: Consent,
    pub typed: TextArea<'static>,
    pub top: usize,
    /// Number of lines that fit on the screen. Set when drawn.
    pub(crate) page: usize,
    /// The reason why the plan cannot be run here. `None`: the plan can be run.
    pub(crate) barred: Option<String>,
    /// Set if Enter did not run the plan: the typed text, if it is not the target's name, or an empty text, if `y` is needed. `None`: Enter
    /// was not pressed, or the text has changed since.
    wrong: Option<String>,
}

impl Agreeing {
    pub(super) fn new(
        approved: ApprovedPlan,
        preview: &Preview,
        protected: bool,
        barred: Option<String>,
    ) -> Self {
        Self {
            consent: if protected {
                Consent::Name
            } else {
                approved.plan.consent
            },
            lines: preview.lines(),
            approved,
            typed: TextArea::default(),
            top: 0,
            page: 10,
            barred: preview.refused.clone().or(barred),
            wrong: None,
        }
    }

    /// Text that says how to consent, or why the plan cannot be run.
    pub(crate) fn how(&self) -> String {
        match (&self.barred, self.consent) {
            (Some(why), _) => why.clone(),
            (None, Consent::Enter) => "Enter runs it · Esc cancels, nothing is changed".to_owned(),
            (None, Consent::Yes) if self.wrong.is_some() => {
                "press y, not Enter, to run it · Esc cancels, nothing is changed".to_owned()
            }
            (None, Consent::Yes) => "y runs it · Esc cancels, nothing is changed".to_owned(),
            (None, Consent::Name) => {
                let wrong =
                    self.wrong
                        .as_ref()
                        .map_or_else(String::new, |wrong| match wrong.as_str() {
                            "" => "nothing is typed: ".to_owned(),
                            typed => format!("{typed:?} is not the name: "),
                        });
                format!(
                    "{wrong}type {} and Enter to run it · Esc cancels, nothing is changed",
                    self.approved.plan.target
                )
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        self.typed.lines().concat()
    }

    pub(super) fn key(&mut self, key: &str) -> Next {
        let agreed = || Next::Do(Box::new(self.approved.clone()));
        match key {
            "esc" | "ctrl-c" => return Next::Close,
            "ctrl-y" => return Next::Copy(self.approved.plan.script().join("\n")),
            "enter" | "y" if self.barred.is_none() && self.consent <= Consent::Yes => {
                // For `Consent::Yes` only `y` counts, because Enter may be pressed by habit.
                if key == "y" || self.consent == Consent::Enter {
                    return agreed();
                }
                self.wrong = Some(String::new());
            }
            "enter" if self.barred.is_none() && self.text() == self.approved.plan.target => {
                return agreed();
            }
            "enter" if self.barred.is_none() && self.consent == Consent::Name => {
                self.wrong = Some(self.text());
            }
            "enter" => {}
            "down" | "up" | "pgdn" | "pgup" | "ctrl-f" | "ctrl-b" | "ctrl-d" | "ctrl-u" => {
                scroll(&mut self.top, key, self.page);
            }
            _ if self.consent == Consent::Name && self.barred.is_none() => {
                if let Some(event) = event(key) {
                    self.wrong = None;
                    self.typed.input(event);
                }
            }
            "q" => return Next::Close,
            key => scroll(&mut self.top, key, self.page),
        }
        Next::Stay
    }
}
