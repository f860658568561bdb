//! Messages to the app, and its effects.

use std::time::Duration;

use crate::actions::act::Facts;
use crate::actions::execute::{ApprovedPlan, Progress, Report};
use crate::actions::preview::Preview;
use crate::app::ask;
use crate::journal::serve::Known;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::screens::Rows;
use crate::screens::record::Section;
use crate::server::exact::Figures;
use crate::server::known::{Counters, Server};

/// An event.
#[derive(Debug)]
pub enum Msg {
    /// A key, as text: `j`, `ctrl-k`, `pgdn`.
    Key(String),
    /// Pasted text (bracketed paste).
    Paste(String),
    /// A click on a cell of a line (0 are the first), or the wheel.
    Click {
        line: u16,
        cell: u16,
    },
    Wheel(isize),
    Resize,
    Tick(Stamp),
    /// The cursor has rested on its row: see [`App::rests_at`](super::App::rests_at).
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
    /// The next tick asks again.
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
    /// The console itself cancelled this reading or pulse.
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
    /// The facts of an action's targets.
    Facts {
        asked: u64,
        result: Result<Vec<Facts>, String>,
    },
    /// A plan, with the sessions that hold locks on what it touches.
    Looked {
        asked: u64,
        approved: Box<ApprovedPlan>,
        preview: Box<Preview>,
    },
    /// The plan of a rollback, or the refusal.
    RollbackPlanned {
        asked: u64,
        result: Box<Result<ApprovedPlan, String>>,
    },
    Progress(Progress),
    /// The result of a plan; an error: nothing was changed.
    Reported(Box<Result<Report, String>>),
    /// The acknowledged findings, with the journal's length; `None`: unchanged.
    Acknowledged(Result<Option<Known>, String>),
    /// A line for the status line.
    Status {
        text: String,
        bad: bool,
    },
}

/// Work that the app wants done outside: it has no terminal, no database and no clock.
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
    Quit,
}

/// The connection, as the header shows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    Connecting,
    Up,
    /// Since when, why, and the time of the next attempt.
    Down {
        since: Stamp,
        error: String,
        again: Stamp,
    },
}

/// A message in the last line, shown for some seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub text: String,
    pub bad: bool,
    pub until: Stamp,
}
