//! The trace of a connection.

use super::stage::{Stage, failed_at};
use crate::connect::conninfo::Settings;
use crate::connect::trace::Attempt;
use crate::model::moment::Stamp;

/// All attempts, and whether the last one succeeded.
pub(super) struct Journey<'a> {
    pub settings: &'a Settings,
    pub attempts: &'a [Attempt],
    pub connected: bool,
    /// Time by this machine's clock.
    pub now: Stamp,
}

impl Journey<'_> {
    /// The step at which the connection failed. `None`: there is a connection, or there was no attempt.
    pub(super) fn end(&self) -> Option<Stage> {
        let last = self.attempts.last().filter(|_| !self.connected)?;
        failed_at(last)
    }
}
