//! Overlays over the screen: palette, prompts, help, dialogs.

use std::collections::HashMap;

use tui_textarea::TextArea;

use super::press::event;
use crate::actions::action::{Action, Does, Here, Other};
use crate::actions::catalogue;
use crate::actions::key_map::KeyMap;
use crate::app::choice::Choice;
use crate::app::dialog::Acting;
use crate::app::pages::Explained;
use crate::journal::acknowledge;
use crate::model::screen_id::ScreenId;
use crate::model::target::TargetKind;
use crate::screens::overview;

/// Result of a key in an overlay.
#[derive(Debug)]
pub(super) enum Answer {
    Stay,
    Close,
    /// Close the overlay, and restore what it changed.
    Cancel,
    Run(&'static Action),
}

#[derive(Debug)]
pub enum Overlay {
    Palette(Palette),
    Filter(Prompt),
    /// The help, with the index of the first line shown.
    Help(usize),
    /// The pages of the selected row's findings.
    Page(Explained),
    /// The list of columns, with the index of the selected one.
    Columns(usize),
    /// The prompt for the sort column.
    SortBy(Prompt),
    /// The list of databases or connections to switch to.
    Switch(Switching),
    /// The dialog of an action.
    Act(Box<Acting>),
    /// The progress of the running plan.
    Running,
    /// The prompt for a reason (acknowledge) or a duration (snooze).
    Ask(Ask),
    /// Errors in the user's config or themes; any key closes the overlay.
    Note(Vec<String>),
}

/// The prompt of `acknowledge` (a reason) or `snooze` (a duration).
#[derive(Debug)]
pub struct Ask {
    pub(crate) prompt: Prompt,
    pub(super) rows: Vec<overview::Row>,
    /// True: snooze. False: acknowledge.
    pub(crate) snoozes: bool,
}

impl Ask {
    pub(super) fn reason(rows: Vec<overview::Row>) -> Self {
        Self {
            prompt: Prompt::new(String::new()),
            rows,
            snoozes: false,
        }
    }

    pub(super) fn snooze(rows: Vec<overview::Row>) -> Self {
        let mut prompt = Prompt::new(acknowledge::SNOOZE.to_owned());
        // The first letter typed replaces the default.
        prompt.area.select_all();
        Self {
            prompt,
            rows,
            snoozes: true,
        }
    }

    /// Checks the typed duration of a snooze, and shows its error.
    pub(super) fn check(&mut self) {
        if self.snoozes {
            self.prompt.error = acknowledge::snooze(&self.prompt.text()).err();
        }
    }

    /// Title such as `Snooze 3 findings`.
    pub(crate) fn title(&self) -> String {
        let word = if self.snoozes {
            "Snooze"
        } else {
            "Acknowledge"
        };
        match self.rows.as_slice() {
            [one] => format!("{word} {}: {}", one.subject, one.finding.rule.title),
            many => format!("{word} {} findings", many.len()),
        }
    }
}

#[derive(Debug)]
pub struct Prompt {
    pub(crate) area: TextArea<'static>,
    /// The text when the prompt was opened, which Esc restores.
    pub(super) before: String,
    pub(crate) error: Option<String>,
}

#[derive(Debug)]
pub struct Palette {
    pub prompt: Prompt,
    pub(crate) selected: usize,
    /// Kinds of the targets of the marked rows, or of the selected row.
    pub(crate) kinds: Vec<TargetKind>,
    /// The screen under the palette; its actions come first.
    pub(crate) screen: ScreenId,
    /// Set if this is the menu of a row. `None`: the palette of all actions.
    pub(crate) menu: Option<Menu>,
}

/// The menu of actions on a row.
#[derive(Debug)]
pub(crate) struct Menu {
    pub title: String,
    /// The reasons why actions do not apply to the row, by the action's name.
    unfit: HashMap<&'static str, String>,
}

/// The list of databases or connections.
#[derive(Debug)]
pub struct Switching {
    pub(crate) other: Other,
    pub(crate) prompt: Prompt,
    pub(crate) selected: usize,
    choices: Vec<Choice>,
}

impl Switching {
    pub(super) fn new(other: Other, choices: Vec<Choice>) -> Self {
        Self {
            other,
            prompt: Prompt::new(String::new()),
            selected: 0,
            choices,
        }
    }

    /// The choices that contain the typed text.
    pub(crate) fn found(&self) -> Vec<&Choice> {
        let typed = self.prompt.text().to_lowercase();
        let fits = |choice: &&Choice| choice.name.to_lowercase().contains(&typed);
        self.choices.iter().filter(fits).collect()
    }

    /// The name that Enter would take.
    pub(super) fn chosen(&self) -> Option<&str> {
        let found = self.found();
        found.get(self.selected).map(|choice| choice.name.as_str())
    }
}

impl Prompt {
    fn new(text: String) -> Self {
        let mut area = TextArea::new(vec![text.clone()]);
        area.move_cursor(tui_textarea::CursorMove::End);
        Self {
            area,
            before: text,
            error: None,
        }
    }

    pub fn text(&self) -> String {
        self.area.lines().concat()
    }

    pub(super) fn key(&mut self, key: &str) {
        if key == "ctrl-u" {
            self.area.delete_line_by_head();
            return;
        }
        // A prompt has one line, so these keys do not edit it.
        if let Some(event) = event(key).filter(|_| !matches!(key, "enter" | "up" | "down")) {
            self.area.input(event);
        }
    }
}

impl Palette {
    fn new(kinds: Vec<TargetKind>, screen: ScreenId, menu: Option<Menu>) -> Self {
        Self {
            prompt: Prompt::new(String::new()),
            selected: 0,
            kinds,
            screen,
            menu,
        }
    }

    pub(crate) fn found(&self) -> Vec<&'static Action> {
        let found = catalogue::search(&self.prompt.text());
        let (mut here, elsewhere): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|action| action.applies(&self.kinds));
        if self.prompt.text().is_empty() {
            here.sort_by_key(|action| action.group.screen() != Some(self.screen));
        }
        let all = here.into_iter().chain(elsewhere);
        if self.menu.is_none() {
            return all.collect();
        }
        let acts = all.filter(|action| matches!(action.does, Does::Plan(_)));
        let (fit, unfit): (Vec<_>, Vec<_>) = acts.partition(|action| self.unfit(action).is_none());
        fit.into_iter().chain(unfit).collect()
    }

    /// Why the row does not allow this action. `None`: the row allows it.
    pub(crate) fn unfit(&self, action: &Action) -> Option<&str> {
        let menu = self.menu.as_ref()?;
        menu.unfit.get(action.name).map(String::as_str)
    }
}

impl Overlay {
    pub(super) fn palette(kinds: Vec<TargetKind>, screen: ScreenId) -> Self {
        Self::Palette(Palette::new(kinds, screen, None))
    }

    /// The menu of actions on a row. `unfit`: the reasons why actions do not apply, by name.
    pub(super) fn menu(
        kinds: Vec<TargetKind>,
        screen: ScreenId,
        title: String,
        unfit: HashMap<&'static str, String>,
    ) -> Self {
        let menu = Menu { title, unfit };
        Self::Palette(Palette::new(kinds, screen, Some(menu)))
    }

    pub(super) fn filter(before: String) -> Self {
        Self::Filter(Prompt::new(before))
    }

    pub(super) fn sort_by() -> Self {
        Self::SortBy(Prompt::new(String::new()))
    }

    pub(super) fn help() -> Self {
        Self::Help(0)
    }

    /// Inserts pasted text without its control characters, so that a line break does not close the prompt.
    pub(super) fn paste(&mut self, text: &str) {
        let line: String = text.chars().filter(|c| !c.is_control()).collect();
        match self {
            Self::Palette(palette) => {
                palette.prompt.area.insert_str(line);
                palette.selected = 0;
            }
            Self::Switch(switching) => {
                switching.prompt.area.insert_str(line);
                switching.selected = 0;
            }
            Self::Filter(prompt) | Self::SortBy(prompt) => {
                prompt.area.insert_str(line);
            }
            Self::Ask(ask) => {
                ask.prompt.area.insert_str(line);
                ask.check();
            }
            Self::Help(_)
            | Self::Page(_)
            | Self::Columns(_)
            | Self::Note(_)
            | Self::Act(_)
            | Self::Running => {}
        }
    }

    pub(super) fn key(&mut self, key: &str, keys: &KeyMap) -> Answer {
        if let Self::Page(explained) = self {
            return match (keys.here(key), key) {
                // On a page, the help key opens the help.
                (Some(Here::Help), _) => {
                    *self = Self::help();
                    Answer::Stay
                }
                (Some(Here::Column(pages)), _) => {
                    explained.step(pages);
                    Answer::Stay
                }
                (here, _) => help_key(&mut explained.top, key, here),
            };
        }
        match self {
            Self::Help(top) => help_key(top, key, keys.here(key)),
            Self::Note(_) => Answer::Close,
            Self::Filter(prompt) => match key {
                "esc" | "ctrl-c" => Answer::Cancel,
                "enter" if prompt.error.is_none() => Answer::Close,
                _ => {
                    prompt.key(key);
                    Answer::Stay
                }
            },
            Self::Palette(palette) => palette_key(palette, key),
            // The app handles the keys of these overlays, because they need the clock, the server or the screen.
            Self::Page(_)
            | Self::Act(_)
            | Self::Running
            | Self::Ask(_)
            | Self::Columns(_)
            | Self::Switch(_)
            | Self::SortBy(_) => Answer::Stay,
        }
    }
}

/// Scrolls the help, or closes it.
fn help_key(top: &mut usize, key: &str, here: Option<Here>) -> Answer {
    let lines = match (here, key) {
        (Some(Here::Step(lines)), _) => lines,
        (Some(Here::Page(pages) | Here::HalfPage(pages)), _) => pages * 10,
        (Some(Here::First), _) | (_, "home") => isize::MIN,
        (Some(Here::Last), _) | (_, "end") => isize::MAX / 2,
        (Some(Here::Back | Here::Help | Here::Quit), _) | (_, "enter") => return Answer::Close,
        (_, "down") => 1,
        (_, "up") => -1,
        (_, "pgdn" | "space") => 10,
        (_, "pgup") => -10,
        _ => 0,
    };
    *top = top.saturating_add_signed(lines);
    Answer::Stay
}

/// Effect of a key in a list under a prompt.
pub(super) enum Picked {
    Stay,
    Close,
    Take,
}

/// Handles a key in a prompt over a list of `found` lines.
pub(super) fn pick(prompt: &mut Prompt, selected: &mut usize, found: usize, key: &str) -> Picked {
    match key {
        "esc" | "ctrl-c" => return Picked::Close,
        "enter" => return Picked::Take,
        "down" | "ctrl-n" | "tab" => *selected = (*selected + 1).min(found.saturating_sub(1)),
        "up" | "ctrl-p" | "shift-tab" => *selected = selected.saturating_sub(1),
        _ => {
            prompt.key(key);
            *selected = 0;
        }
    }
    Picked::Stay
}

fn palette_key(palette: &mut Palette, key: &str) -> Answer {
    let found = palette.found();
    match pick(&mut palette.prompt, &mut palette.selected, found.len(), key) {
        Picked::Stay => Answer::Stay,
        Picked::Close => Answer::Close,
        Picked::Take => found
            .get(palette.selected)
            .map_or(Answer::Stay, |action| Answer::Run(action)),
    }
}
