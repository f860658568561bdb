//! Requests of the app to the server and the journal: one type for each receiver.

use crate::actions::action::Action;
use crate::actions::execute::{ApprovedPlan, Order};
use crate::journal::serve::Request;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::screens::Rows;
use crate::server::sql::{Param, Query};

/// To the session that reads the lists.
#[derive(Debug)]
pub enum List {
    /// The server's clock, and whether anything changed.
    Pulse { screen: ScreenId, asked: u64 },
    /// A screen's rows.
    Load { screen: ScreenId, asked: u64 },
    /// The screen was left: cancel its query on the server.
    Cancel { screen: ScreenId },
    /// To the journal: read or write acknowledgements.
    Acknowledged(Request),
}

/// To the second connection.
#[derive(Debug)]
pub enum Figures {
    Exact {
        screen: ScreenId,
        /// Index into the screen's exact figures.
        nth: usize,
        round: u64,
        /// Each row's id, and its cost.
        ids: Vec<(i64, usize)>,
    },
    Detail {
        asked: u64,
        index: usize,
        query: &'static Query,
        params: Vec<Param>,
        of: Rows,
        now: Stamp,
    },
    /// The screen was left: the rest of its rounds is dropped.
    Cancel { screen: ScreenId },
}

/// To the task that carries out plans.
#[derive(Debug)]
pub enum Act {
    /// The facts of an action's targets.
    Facts {
        asked: u64,
        action: &'static Action,
        targets: Vec<Target>,
    },
    /// The sessions that hold locks on what a plan touches.
    Look {
        asked: u64,
        approved: Box<ApprovedPlan>,
    },
    /// Plan the rollback of these journal entries.
    Rollback { asked: u64, ids: Vec<u64> },
    /// The user confirmed: run it.
    Do(Box<ApprovedPlan>),
    /// To the running plan: go on, pause or stop.
    Order(Order),
}
