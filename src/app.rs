//! State of the console, and how messages change it. Uses no terminal, no database and no clock.

mod acknowledging;
mod action_menu;
mod aim;
pub mod ask;
pub(crate) mod choice;
mod choosing;
mod clicking;
pub(crate) mod dialog;
mod dialogs;
mod effect;
mod explaining;
mod fixing;
mod keys;
mod message;
pub mod overlay;
pub mod pages;
mod pane;
mod press;
mod previewing;
mod reading;
mod replay;
mod showing;
mod switching;
pub mod tape;
pub mod theme;

use std::time::Duration;

use ratatui::layout::Rect;

use crate::actions::action::Here;
use crate::actions::key_map::KeyMap;
use crate::app::aim::Watch;
use crate::app::dialog::Running;
use crate::app::overlay::Overlay;
use crate::app::tape::Replay;
use crate::app::theme::Theme;
use crate::model::access::Access;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::screens::details::Details;
use crate::screens::gather;
use crate::screens::history::History;
use crate::screens::overview::Acknowledged;
use crate::screens::record::Section;
use crate::screens::{Screens, with_table};
use crate::server::known::{At, Server};

pub use self::message::{Effect, Link, Msg, Notice};
use self::pane::Pane;

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are independent of each other"
)]
pub struct App {
    pub screen: ScreenId,
    pub screens: Screens,
    pub details: Option<Details>,
    pub overlay: Option<Overlay>,
    pub server: Option<Server>,
    pub link: Link,
    pub notice: Option<Notice>,
    /// Time of this machine's clock at the last tick.
    pub now: Stamp,
    /// Time of the server's last answer, by this machine's clock.
    heard: Stamp,
    /// Server's clock minus this machine's, in microseconds.
    ahead: i64,
    pub interval: Duration,
    pub(crate) paused: bool,
    pub(crate) wide: bool,
    pub pane: Pane,
    /// True: the locale is not UTF-8, so glyphs are replaced by ASCII.
    pub ascii: bool,
    pub keys: KeyMap,
    pub themes: Vec<Theme>,
    /// Index into `themes`.
    pub theme: usize,
    /// The cells of the tabs as last drawn, for clicks.
    pub(crate) tabs: Vec<(ScreenId, Rect)>,
    /// Number of detail lines that fit on the screen. Set when drawn.
    pub(crate) details_page: usize,
    /// Figures of the server since the console was started, for sparklines.
    pub(crate) history: History,
    /// Figures of all screens, for the Overview's gauges.
    pub(crate) standing: gather::Standing,
    found: gather::Found,
    /// Levels of the findings that the Overview lists, by screen.
    open: gather::Open,
    /// Screens loaded since the last time that the findings were collected.
    read: Vec<ScreenId>,
    /// Time when all verdicts were last computed.
    judged: Stamp,
    /// Time when the Overview last looked for exact figures to read.
    looked: Stamp,
    /// The acknowledged and snoozed findings.
    pub(crate) acknowledged: Acknowledged,
    /// The recording that is shown. `None`: a server is shown.
    pub tape: Option<Replay>,
    /// True while a recording is written.
    pub(crate) recording: bool,
    /// The screen to show when the details are closed. `None`: the present screen stays.
    back_to: Option<ScreenId>,
    /// Whether the connection is read-only or protected.
    pub rules: Access,
    /// The running plan. `None`: no plan runs.
    pub running: Option<Running>,
    /// The findings and figures before the last action, until they are read again and compared. `None`: nothing to compare.
    watched: Option<Watch>,
    /// True: quit when the running plan has ended.
    leaving: bool,
    pulse: u64,
    pulse_waiting: bool,
    /// True: load all rows, even if the server's change counters have not changed.
    reload: bool,
    round: u64,
    asked: u64,
}

/// Seconds after which all verdicts are computed again, because some verdicts depend on time alone.
const JUDGED_SECONDS: f64 = 60.0;
/// Seconds between two searches of the Overview for exact figures that are missing or old. A search goes through all rows of its screens, so
/// it is not done at every tick. No figure is old before two minutes.
const LOOKED_SECONDS: f64 = 30.0;
/// If the server does not answer, [`App::server_now`] stops after the refresh interval plus this number of seconds.
const SILENCE_SECONDS: f64 = 15.0;
pub(crate) const FASTEST: Duration = Duration::from_millis(500);
pub(crate) const SLOWEST: Duration = Duration::from_secs(300);

impl App {
    pub fn new(now: Stamp, themes: Vec<Theme>, interval: Duration) -> Self {
        Self {
            screen: ScreenId::Overview,
            screens: Screens::folding(),
            details: None,
            overlay: None,
            server: None,
            link: Link::Connecting,
            notice: None,
            now,
            heard: now,
            ahead: 0,
            interval,
            paused: false,
            wide: false,
            pane: Pane::new(now),
            ascii: false,
            keys: KeyMap::default(),
            themes,
            theme: 0,
            tabs: Vec::new(),
            details_page: 20,
            history: History::default(),
            standing: gather::Standing::default(),
            found: gather::Found::default(),
            open: gather::Open::default(),
            read: Vec::new(),
            judged: now,
            looked: Stamp::BEFORE_ALL,
            acknowledged: Acknowledged::default(),
            tape: None,
            recording: false,
            back_to: None,
            rules: Access::default(),
            running: None,
            watched: None,
            leaving: false,
            pulse: 0,
            pulse_waiting: false,
            reload: false,
            round: 0,
            asked: 0,
        }
    }

    pub fn theme(&self) -> &Theme {
        &self.themes[self.theme]
    }

    /// The server's time for verdicts. It stops when the server does not answer, because the figures no longer change.
    pub fn server_now(&self) -> Stamp {
        let most = self
            .heard
            .plus_seconds(self.interval.as_secs_f64() + SILENCE_SECONDS);
        Stamp(self.now.min(most).0.saturating_add(self.ahead))
    }

    /// The server's time, for the age of figures.
    pub(crate) fn server_clock(&self) -> Stamp {
        Stamp(self.now.0.saturating_add(self.ahead))
    }

    pub fn at(&self) -> Option<At<'_>> {
        Some(At {
            now: self.server_now(),
            server: self.server.as_ref()?,
        })
    }

    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = self.hear(msg);
        self.settle();
        effects
    }

    /// Collects the findings of the screens that were loaded. Called once per frame, not once per answer.
    pub(crate) fn settle(&mut self) {
        let read = std::mem::take(&mut self.read);
        if !read.is_empty() {
            self.collect(&read, false);
        }
    }

    /// Applies a message. [`App::settle`] must follow before the next frame.
    pub(crate) fn hear(&mut self, msg: Msg) -> Vec<Effect> {
        if matches!(msg, Msg::Up(_) | Msg::Pulse { .. } | Msg::Loaded { .. }) {
            self.heard = self.now;
        }
        match msg {
            Msg::Key(key) => return self.key(&key),
            Msg::Paste(text) => self.paste(&text),
            Msg::Click { line, cell } => return self.click(line, cell),
            Msg::Wheel(lines) => return self.here(Here::Step(lines)),
            Msg::Resize => {}
            Msg::Offered { other, choices } => self.offered(other, choices),
            Msg::Tick(now) => return self.tick(now),
            Msg::Rested => return self.rested(),
            Msg::Up(server) => return self.up(*server),
            Msg::Down { error, retry } => self.down(error, retry),
            Msg::Pulse {
                screen,
                asked,
                clock,
                counters,
            } => return self.pulsed(screen, asked, clock, counters),
            Msg::Loaded { asked, rows, took } => return self.loaded(asked, rows, took),
            Msg::PulseFailed { asked, error } => self.pulse_failed(asked, &error),
            Msg::Failed {
                screen,
                asked,
                error,
            } => self.screens.fail(screen, asked, error),
            Msg::Cancelled { screen, asked } => self.screens.cancelled(screen, asked),
            Msg::PulseCancelled { asked } => self.pulse_waiting &= asked != self.pulse,
            Msg::Exact {
                screen,
                nth,
                round,
                figures,
                last,
            } => return self.exact(screen, nth, round, figures, last),
            Msg::Detail {
                asked,
                index,
                sections,
            } => self.detail_came(asked, index, sections),
            Msg::Facts { asked, result } => return self.facts_came(asked, result),
            Msg::Looked {
                asked,
                approved,
                preview,
            } => self.looked(asked, *approved, &preview),
            Msg::Planned { asked, result } => return self.planned(asked, *result),
            Msg::Amended { asked, result } => self.amended(asked, *result),
            Msg::Written { asked, result } => return self.written(asked, result),
            Msg::Progress(progress) => {
                if let Some(running) = &mut self.running {
                    running.take(progress);
                }
            }
            Msg::Reported(result) => return self.reported(&result),
            Msg::Acknowledged(result) => self.acknowledged_came(result),
            Msg::Status { text, bad } => self.say_everywhere(text, bad),
        }
        Vec::new()
    }

    fn pulse_failed(&mut self, asked: u64, error: &str) {
        if asked == self.pulse {
            self.pulse_waiting = false;
            self.say(format!("query failed: {error}"), true);
        }
    }

    fn detail_came(&mut self, asked: u64, index: usize, sections: Result<Vec<Section>, String>) {
        if self.pane.asked(asked) {
            self.pane.take(index, sections, self.now);
        } else if let Some(details) = &mut self.details {
            details.take(asked, index, sections);
        }
    }

    /// Shows a message about this screen. It disappears when the user switches to another screen.
    pub fn say(&mut self, text: impl Into<String>, bad: bool) {
        let seconds = if bad { 10.0 } else { 4.0 };
        self.notice = Some(Notice {
            text: text.into(),
            bad,
            stays: false,
            until: self.now.plus_seconds(seconds),
        });
    }

    /// Shows a message that stays on every screen, such as the result of an action.
    pub fn say_everywhere(&mut self, text: impl Into<String>, bad: bool) {
        self.say(text, bad);
        if let Some(notice) = &mut self.notice {
            notice.stays = true;
        }
    }

    fn tick(&mut self, now: Stamp) -> Vec<Effect> {
        if let Some(replay) = &self.tape {
            // In a recording, `self.now` is the time of the selected moment, so the clock's time is not used.
            return if replay.plays {
                self.seek(|replay| replay.step(1))
            } else {
                Vec::new()
            };
        }
        self.now = now;
        if self
            .notice
            .as_ref()
            .is_some_and(|notice| notice.until <= now)
        {
            self.notice = None;
        }
        if let Some(server) = &self.server {
            let at = At {
                now: self.server_now(),
                server,
            };
            with_table!(mut self.screens, self.screen, |table| table.tick(&at));
        }
        self.say_effect();
        // Some verdicts depend on the clock alone.
        if self.now.seconds_since(self.judged) >= JUDGED_SECONDS {
            self.judged = self.now;
            self.find();
        }
        if self.paused || self.link != Link::Up {
            return Vec::new();
        }
        let mut effects = self.ask_pulse();
        let looked = self.now.seconds_since(self.looked);
        if self.screen != ScreenId::Overview || looked >= LOOKED_SECONDS {
            self.looked = self.now;
            effects.extend(self.ask_exact());
        }
        effects.extend(self.ask_acknowledged());
        effects.extend(self.end_acknowledged());
        effects
    }
}
