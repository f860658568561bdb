//! Exact figures that were read.

use std::collections::HashMap;

use crate::model::moment::Stamp;
use crate::screens::record::Record;
use crate::server::exact::Figures;

/// Seconds after which exact figures are read again for the Overview, which needs the figures of all rows.
pub(crate) const GATHERED_SECONDS: f64 = 120.0;
/// Seconds after which the Overview reads expensive figures (`later`) again.
pub(crate) const LATER_SECONDS: f64 = 300.0;
/// Seconds for which old figures are shown if a new attempt fails; after that only the error is shown.
const KEPT_SECONDS: f64 = 300.0;

/// Exact figures by index in [`Record::EXACT`] and row id.
pub(super) type Known = HashMap<(usize, i64), Had>;

#[derive(Debug)]
pub(super) struct Had {
    /// Time of the last request.
    pub(super) asked: Stamp,
    /// Time when `figures`, or their error, arrived.
    pub(super) at: Stamp,
    pub(super) figures: Figures,
    /// Error of the last attempt, if `figures` are from an earlier attempt; `None`: they are from the last attempt.
    pub(super) error: Option<String>,
    /// Cost of the row when the figures were read. If the row has another cost later, its relations have changed, and the figures are read
    /// again sooner.
    pub(super) cost: usize,
}

impl Had {
    pub(super) fn new(figures: Figures, cost: usize, now: Stamp) -> Self {
        Self {
            asked: now,
            at: now,
            figures,
            error: None,
            cost,
        }
    }

    /// Takes an answer; an error does not replace figures that are less than [`KEPT_SECONDS`] old.
    pub(super) fn take(&mut self, figures: Figures, cost: usize, now: Stamp) {
        match figures {
            Err(error) if self.figures.is_ok() && now.seconds_since(self.at) < KEPT_SECONDS => {
                self.asked = now;
                self.cost = cost;
                self.error = Some(error);
            }
            figures => *self = Self::new(figures, cost, now),
        }
    }
}

pub(super) fn apply<R: Record>(row: &mut R, known: &Known) {
    for (nth, exact) in R::EXACT.iter().enumerate() {
        if let Some((id, _)) = (exact.want)(row)
            && let Some(had) = known.get(&(nth, id))
        {
            let figures = had.figures.as_ref();
            (exact.take)(row, figures.map(Vec::as_slice).map_err(String::as_str));
        }
    }
}
