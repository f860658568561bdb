//! What is known of the exact figures of rows.

use std::collections::HashMap;

use crate::model::moment::Stamp;
use crate::screens::record::Record;
use crate::server::exact::Figures;

/// Behind the Overview what is dear is asked for again after so many seconds.
pub(crate) const LATER_SECONDS: f64 = 300.0;
/// So many seconds exact figures stand that cannot be had again; then only why is told.
const KEPT_SECONDS: f64 = 300.0;

/// What is known, by the place in [`Record::EXACT`] and the row's id.
pub(super) type Known = HashMap<(usize, i64), Had>;

/// Exact figures of one row.
#[derive(Debug)]
pub(super) struct Had {
    /// When they were asked for last.
    pub(super) asked: Stamp,
    /// When they were had.
    pub(super) at: Stamp,
    pub(super) figures: Figures,
    /// Why they could not be had again since.
    pub(super) error: Option<String>,
    /// The row's cost when they were had: with another, they are of other things.
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

    /// Figures that could not be had now do not wipe those that were had a short while ago.
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
