//! Requests of the app, one type for each receiver.

use crate::actions::action::Action;
use crate::actions::execute::{ApprovedPlan, Order};
use crate::journal::serve::Request;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::setup::amend::Amendment;
use crate::model::target::Target;
use crate::screens::Rows;
use crate::server::sql::{Param, Query};

/// Requests to the session that loads the screens.
#[derive(Debug)]
pub enum List {
    /// Read the server's clock and the counters that show whether anything changed.
    Pulse { screen: ScreenId, asked: u64 },
    /// Load a screen's rows.
    Load { screen: ScreenId, asked: u64 },
    /// Cancel the screen's query, because the screen is no longer shown.
    Cancel { screen: ScreenId },
    /// Read or write acknowledgements in the journal.
    Acknowledged(Request),
}

/// Requests to the second connection. It reads exact figures (such as present sizes, which need separate queries) and the
/// details of rows.
#[derive(Debug)]
pub enum Figures {
    Exact {
        screen: ScreenId,
        /// Index into the screen's exact figures.
        nth: usize,
        round: u64,
        /// Id of each row, and the cost of reading its figure (number of relations that the server opens).
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
    /// Cancel the screen's requests, because the screen is no longer shown.
    Cancel { screen: ScreenId },
}

/// Requests to the task that runs plans.
#[derive(Debug)]
pub enum Act {
    /// Read the facts of an action's targets.
    Facts {
        asked: u64,
        action: &'static Action,
        targets: Vec<Target>,
    },
    /// Read the sessions that hold locks on the plan's relations.
    Look {
        asked: u64,
        approved: Box<ApprovedPlan>,
    },
    /// Make the plan that rolls back these journal entries.
    Rollback { asked: u64, ids: Vec<u64> },
    /// Make the plan that changes an object to what the policy files say.
    Object { asked: u64, object: String },
    /// Make a new text of the policy file, with the present settings of this object.
    Amend { asked: u64, object: String },
    /// Write the policy file, which the user has confirmed.
    Write {
        asked: u64,
        amendment: Box<Amendment>,
    },
    /// Run the plan, which the user has confirmed.
    Do(Box<ApprovedPlan>),
    /// Continue, hold or stop the running plan.
    Order(Order),
}
