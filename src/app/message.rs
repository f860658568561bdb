//! What reaches the app, and what it wants done.

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

/// What happened.
#[derive(Debug)]
pub enum Msg {
    /// A key, as text: `j`, `ctrl-k`, `pgdn`.
    Key(String),
    /// Text that the terminal says was pasted.
    Paste(String),
    /// A click on a line of the body (0 is the first), or the wheel.
    Click {
        line: u16,
    },
    Wheel(isize),
    Resize,
    Tick(Stamp),
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
    Exact {
        screen: ScreenId,
        /// Which of the screen's exact figures.
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
    /// What an action needs to know of its targets.
    Facts {
        asked: u64,
        result: Result<Vec<Facts>, String>,
    },
    /// A plan, with whom it would meet.
    Looked {
        asked: u64,
        approved: Box<ApprovedPlan>,
        preview: Box<Preview>,
    },
    /// The plan of a rollback, or why there is none.
    RollbackPlanned {
        asked: u64,
        result: Box<Result<ApprovedPlan, String>>,
    },
    Progress(Progress),
    /// How a plan ended; an error: nothing was changed.
    Reported(Box<Result<Report, String>>),
    /// What is acknowledged, with the journal's length; `None`: as before.
    Acknowledged(Result<Option<Known>, String>),
    /// A line for the status line.
    Status {
        text: String,
        bad: bool,
    },
}

/// What is to be done about it, outside.
#[derive(Debug)]
pub enum Effect {
    List(ask::List),
    Figures(ask::Figures),
    Act(ask::Act),
    Copy(String),
    Suspend,
    Interval(Duration),
    /// Begin or end a recording of what is read.
    Record,
    Quit,
}

/// The connection, as the header shows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    Connecting,
    Up,
    /// Since when, the reason, and when it is tried again.
    Down {
        since: Stamp,
        error: String,
        again: Stamp,
    },
}

/// What is said in the last line for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub text: String,
    pub bad: bool,
    pub until: Stamp,
}
