//! Messages to the app, and the effects that it asks for.

use std::time::Duration;

use crate::actions::act::Facts;
use crate::actions::action::Other;
use crate::actions::execute::{ApprovedPlan, Progress, Report};
use crate::actions::preview::Preview;
use crate::app::ask;
use crate::app::choice::Choice;
use crate::journal::serve::Known;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::setup::amend::Amendment;
use crate::screens::Rows;
use crate::screens::record::Section;
use crate::server::exact::Figures;
use crate::server::known::{Counters, Server};

#[derive(Debug)]
pub enum Msg {
    /// A key, as text: `j`, `ctrl-k`, `pgdn`.
    Key(String),
    /// Pasted text (bracketed paste).
    Paste(String),
    /// A click; `line` and `cell` count from 0.
    Click {
        line: u16,
        cell: u16,
    },
    Wheel(isize),
    Resize,
    Tick(Stamp),
    /// The cursor has stayed on a row long enough: see [`App::rests_at`](super::App::rests_at).
    Rested,
    Up(Box<Server>),
    Down {
        error: String,
        retry: Duration,
    },
    Pulse {
        screen: ScreenId,
        asked: u64,
        clock: Stamp,
        counters: Counters,
    },
    /// Reading the clock and the change counters (a pulse) failed; the next tick tries again.
    PulseFailed {
        asked: u64,
        error: String,
    },
    Loaded {
        asked: u64,
        rows: Rows,
        took: Duration,
    },
    Failed {
        screen: ScreenId,
        asked: u64,
        error: String,
    },
    /// The console itself has cancelled this load.
    Cancelled {
        screen: ScreenId,
        asked: u64,
    },
    PulseCancelled {
        asked: u64,
    },
    Exact {
        screen: ScreenId,
        /// Index into the screen's exact figures.
        nth: usize,
        round: u64,
        figures: Vec<(i64, Figures)>,
        last: bool,
    },
    Detail {
        asked: u64,
        index: usize,
        sections: Result<Vec<Section>, String>,
    },
    /// Facts of an action's targets.
    Facts {
        asked: u64,
        result: Result<Vec<Facts>, String>,
    },
    /// A plan, and the sessions that hold locks on its relations.
    Looked {
        asked: u64,
        approved: Box<ApprovedPlan>,
        preview: Box<Preview>,
    },
    /// The plan of a rollback, or of an object of the policy files. The error is the reason why there is no plan.
    Planned {
        asked: u64,
        result: Box<Result<ApprovedPlan, String>>,
    },
    /// The policy file's new text. The error says why there is no new text.
    Amended {
        asked: u64,
        result: Box<Result<Amendment, String>>,
    },
    /// Result of writing the policy file. On an error nothing was written.
    Written {
        asked: u64,
        result: Result<String, String>,
    },
    /// The databases or connections to choose from. The error says why the user cannot choose.
    Offered {
        other: Other,
        choices: Result<Vec<Choice>, String>,
    },
    Progress(Progress),
    /// Result of a plan. On an error nothing was changed.
    Reported(Box<Result<Report, String>>),
    /// The acknowledged findings, with the journal's length in bytes. `None`: the journal has not changed.
    Acknowledged(Result<Option<Known>, String>),
    /// Text for the status line; `bad`: an error.
    Status {
        text: String,
        bad: bool,
    },
}

/// Work that the app's caller does, because the app itself has no terminal, no database and no clock.
#[derive(Debug)]
pub enum Effect {
    List(ask::List),
    Figures(ask::Figures),
    Act(ask::Act),
    Copy(String),
    Suspend,
    Interval(Duration),
    /// Start or stop a recording.
    Record,
    /// List the databases or connections to switch to.
    Offer(Other),
    /// Connect to the database or connection of this name, and show it.
    Switch(Other, String),
    Quit,
}

/// State of the connection, shown in the header.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    Connecting,
    Up,
    /// The connection was lost at the time `since`. The next attempt to connect is at the time `again`.
    Down {
        since: Stamp,
        error: String,
        again: Stamp,
    },
}

/// A message in the last line of the screen, until the time `until`.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub text: String,
    pub(crate) bad: bool,
    /// Whether the message stays after a switch to another screen.
    pub(super) stays: bool,
    pub(super) until: Stamp,
}
