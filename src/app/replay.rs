//! Replay: shows every screen as it was at the selected moment of a recording.

use std::collections::HashMap;
use std::time::Duration;

use super::App;
use super::message::{Effect, Link, Msg};
use super::pane::Picture;
use crate::actions::act::Facts;
use crate::actions::action::{Action, Does};
use crate::actions::preview::{Blocking, Preview};
use crate::app::ask;
use crate::app::tape::{Kept, Line, Recorded, Replay};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::text;
use crate::screens::history::History;
use crate::screens::record::Section;
use crate::screens::table::{GATHERED_SECONDS, LATER_SECONDS};
use crate::screens::{Rows, Screens, gather, with_table};
use crate::server::exact::Figures;
use crate::server::known::At;

/// Reason why no plan can be run.
const READ_ONLY: &str = "this is a recording: nothing can be changed in it";
const NO_FACTS: &str = "this is a recording: nothing can be changed in it, and it has no data for this preview \
                        (record --details keeps such data)";

/// Seconds for which exact figures stay valid in a replay. Expensive figures were read less often, so they are valid for longer.
fn lasts(screen: ScreenId, nth: usize) -> f64 {
    let exact = (screen.about().exact)();
    exact.get(nth).map_or(0.0, |exact| {
        let gathered = if exact.later {
            LATER_SECONDS
        } else {
            GATHERED_SECONDS
        };
        (4.0 * exact.every.as_secs_f64()).max(2.0 * gathered)
    })
}

/// For each screen, the index of the last line that has its rows.
fn last_of_each(lines: &[Line]) -> HashMap<ScreenId, usize> {
    let rows = |(nth, line): (usize, &Line)| match &line.kept {
        Kept::Rows(rows) => Some((rows.screen(), nth)),
        _ => None,
    };
    lines.iter().enumerate().filter_map(rows).collect()
}

impl App {
    /// Starts the replay of a recording at its beginning. No server is queried.
    pub fn replay(&mut self, replay: Replay) {
        self.rules.read_only = Some(READ_ONLY.to_owned());
        self.paused = true;
        if let Some(note) = &replay.note {
            self.say(note.clone(), true);
        }
        self.tape = Some(replay);
        self.rewind();
    }

    /// Moves to another moment of the recording, and shows it.
    pub(super) fn seek(&mut self, go: impl FnOnce(&mut Replay)) -> Vec<Effect> {
        let Some(replay) = &mut self.tape else {
            self.say(
                "this is not a recording: hypertop replay FILE shows one",
                false,
            );
            return Vec::new();
        };
        go(replay);
        self.rewind();
        self.refresh_details()
    }

    /// Rebuilds the state from the readings up to the selected moment.
    fn rewind(&mut self) {
        let Some(replay) = self.tape.take() else {
            return;
        };
        self.now = replay.now();
        self.heard = self.now;
        self.ahead = 0;
        self.server = None;
        self.history = History::default();
        let lines = replay.so_far();
        let last = last_of_each(lines);
        for id in ScreenId::ALL.iter().filter(|id| !last.contains_key(id)) {
            with_table!(mut self.screens, *id, |table| table.clear());
        }
        for (nth, line) in lines.iter().enumerate() {
            match &line.kept {
                Kept::Server(server) => {
                    self.server = Some((**server).clone());
                    self.link = Link::Up;
                }
                Kept::Down(error) => {
                    self.link = Link::Down {
                        since: line.at,
                        error: error.clone(),
                        again: line.at,
                    };
                }
                Kept::Rows(rows) if last.get(&rows.screen()) == Some(&nth) => {
                    self.put(rows.clone(), line.at);
                }
                Kept::Rows(Rows::Server(rows)) => self.keep_server(rows, line.at),
                Kept::Exact {
                    screen,
                    nth,
                    figures,
                } if self.now.seconds_since(line.at) < lasts(*screen, *nth) => {
                    self.put_exact(*screen, *nth, figures.clone(), line.at);
                }
                Kept::Rows(_) | Kept::Exact { .. } | Kept::Detail { .. } | Kept::Facts { .. } => {}
            }
        }
        self.tape = Some(replay);
        self.found.clear();
        self.find();
        self.pane.renew();
    }

    fn put_exact(&mut self, screen: ScreenId, nth: usize, figures: Vec<(i64, Figures)>, at: Stamp) {
        if let Some(server) = self.server.clone() {
            let at = At {
                now: at,
                server: &server,
            };
            self.screens.take_exact(screen, nth, figures, true, &at);
        }
    }

    fn put(&mut self, rows: Rows, at: Stamp) {
        let Some(server) = self.server.clone() else {
            return;
        };
        let screen = rows.screen();
        let at = At {
            now: at,
            server: &server,
        };
        with_table!(mut self.screens, screen, |table| table.abandon());
        let asked = self.screens.ask(screen).unwrap_or_default();
        self.screens.load(asked, rows, Duration::ZERO, &at);
        self.standing = gather::Standing::of(&self.screens, &at);
        self.keep_figures(screen);
    }

    /// Answers a request for exact figures or details from the recording. `None`: the request needs no answer.
    pub fn figures_from_tape(&self, ask: &ask::Figures) -> Option<Msg> {
        match ask {
            ask::Figures::Detail {
                asked, index, of, ..
            } => {
                let recorded = self.recorded(of.screen(), &of.key()?, *index);
                let missing = || Err("not in the recording".to_owned());
                let sections = recorded.map_or_else(missing, |(at, sections)| {
                    let mut sections = sections.clone()?;
                    if *index == 0 {
                        let read = format!("read once, at {}:", text::moment(*at));
                        sections.insert(0, Section::text("Recorded", read));
                    }
                    Ok(sections)
                });
                Some(Msg::Detail {
                    asked: *asked,
                    index: *index,
                    sections,
                })
            }
            ask::Figures::Exact { .. } | ask::Figures::Cancel { .. } => None,
        }
    }

    fn recorded(
        &self,
        screen: ScreenId,
        key: &str,
        index: usize,
    ) -> Option<&Recorded<Vec<Section>>> {
        self.tape.as_ref()?.answers.detail(screen, key, index)
    }

    /// Fills the preview pane with the recorded answers about the row, without waiting until the cursor rests.
    pub(super) fn preview_from_tape(&mut self) {
        let Some((screen, key)) = self.pane.about.clone().filter(|_| self.pane.unread) else {
            return;
        };
        let wanted = self.screens.pictured(screen, &key);
        let (mut sections, mut error, mut recorded) = (Vec::new(), None, None);
        for index in wanted.map_or(&[][..], |(_, indexes)| indexes) {
            let Some((at, read)) = self.recorded(screen, &key, *index) else {
                // The title of the pane then says "the rest is not in the recording".
                return;
            };
            recorded = Some(*at);
            match read {
                Ok(more) => sections.extend(more.iter().cloned()),
                Err(why) => error = error.or(Some(why.clone())),
            }
        }
        self.pane.unread = false;
        self.pane.shown = Picture {
            sections: Screens::picture(screen, sections),
            error,
            recorded,
        };
    }

    /// Answers requests of actions from the recording, so that the plan and its preview can be shown. Nothing is run. `None`: the request
    /// needs no answer.
    pub fn act_on_tape(&self, ask: &ask::Act) -> Option<Msg> {
        match ask {
            ask::Act::Facts {
                asked,
                action,
                targets,
            } => Some(Msg::Facts {
                asked: *asked,
                result: self.facts_on_tape(action, targets),
            }),
            ask::Act::Look { asked, approved } => Some(Msg::Looked {
                asked: *asked,
                preview: Box::new(Preview {
                    plan: approved.plan.clone(),
                    holders: Err("not in the recording".to_owned()),
                    blocking: Blocking::default(),
                    refused: None,
                }),
                approved: approved.clone(),
            }),
            ask::Act::Rollback { asked, .. } => Some(Msg::Planned {
                asked: *asked,
                result: Box::new(Err(
                    "this is a recording: nothing can be rolled back in it".to_owned()
                )),
            }),
            ask::Act::Object { asked, .. } => Some(Msg::Planned {
                asked: *asked,
                result: Box::new(Err(READ_ONLY.to_owned())),
            }),
            ask::Act::Amend { asked, .. } => Some(Msg::Amended {
                asked: *asked,
                result: Box::new(Err(READ_ONLY.to_owned())),
            }),
            ask::Act::Write { asked, .. } => Some(Msg::Written {
                asked: *asked,
                result: Err(READ_ONLY.to_owned()),
            }),
            // No plan is run in a replay, see `rules.read_only`.
            ask::Act::Do(_) | ask::Act::Order(_) => None,
        }
    }

    fn facts_on_tape(&self, action: &Action, targets: &[Target]) -> Result<Vec<Facts>, String> {
        let Does::Plan(act) = &action.does else {
            return Ok(Vec::new());
        };
        let answers = self.tape.as_ref().map(|tape| &tape.answers);
        let facts = |target: &Target| {
            let recorded = answers.and_then(|answers| answers.facts(act.facts.name, target));
            recorded.map_or_else(|| Err(NO_FACTS.to_owned()), |(_, facts)| facts.clone())
        };
        targets.iter().map(facts).collect()
    }

    /// The present server and rows, which a new recording writes first.
    pub fn known(&self) -> Vec<Kept> {
        let Some(server) = &self.server else {
            return Vec::new();
        };
        let mut known = vec![Kept::Server(Box::new(server.clone()))];
        known.extend(
            self.screens
                .all_rows()
                .into_iter()
                .filter(|rows| !rows.is_empty())
                .map(Kept::Rows),
        );
        known
    }
}
