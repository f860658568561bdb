//! How often the screens are read when nobody looks at them.

use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::screens::catalogue::{Screens, with_table};

impl Screens {
    /// Reading each screen takes at most this share of a server core.
    pub(crate) fn budget(&mut self, share: f64) {
        for id in ScreenId::ALL {
            with_table!(mut self, *id, |table| table.duty = 1.0 / share);
        }
    }

    /// Whether the screen is read less often than it should be, because of the budget that [`Self::budget`] sets; for the Overview.
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
