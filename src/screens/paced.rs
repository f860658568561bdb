//! Limits how often the screens are read in the background.

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::screens::catalogue::{Screens, with_table};

impl Screens {
    /// Sets the maximum share of a processor core for reading each screen.
    pub(crate) fn budget(&mut self, share: f64) {
        for id in ScreenId::ALL {
            with_table!(mut self, *id, |table| table.duty = 1.0 / share);
        }
    }

    /// Whether the Overview reads this screen less often than it should, because of the budget set by [`Self::budget`].
    pub(crate) fn is_stretched(&self, id: ScreenId) -> bool {
        with_table!(self, id, |table| table.is_stretched())
    }

    /// The next exact figures to read for the Overview, see [`Table::asks`].
    pub(crate) fn asks(
        &self,
        id: ScreenId,
        later: bool,
        now: Stamp,
    ) -> Option<(usize, Vec<(i64, usize)>)> {
        with_table!(self, id, |table| table.asks(true, later, now))
    }
}
