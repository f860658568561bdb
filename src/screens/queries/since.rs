//! Changes since the console's first load, corrected for resets and dropped statements.

use std::collections::HashMap;

use super::row::{Begun, Figures, First, Row, Tool};
use crate::model::moment::Stamp;

impl Tool {
    /// Time of a reset of all statistics after the first load; `None`: no reset.
    pub(super) fn reset_since(&self) -> Option<Stamp> {
        let begun = self.begun?;
        self.reset
            .filter(|reset| *reset > begun.at && begun.reset != Some(*reset))
    }

    /// Number of times that statements were dropped since the first load; `None`: unknown.
    pub(super) fn dropped_since(&self) -> Option<i64> {
        let (begun, dropped) = (self.begun?, self.dropped?);
        Some(match self.reset_since() {
            Some(_) => dropped,
            None => dropped - begun.dropped?,
        })
    }
}

impl Figures {
    /// Whether a counter has decreased. If so, the statement was reset, or dropped and counted again.
    fn went_back(&self, last: &Self) -> bool {
        let counts = |of: &Self| {
            [
                of.calls,
                of.rows,
                of.hit,
                of.read,
                of.dirtied,
                of.written,
                of.temp_read,
                of.temp_written,
            ]
        };
        let less = counts(self).into_iter().zip(counts(last));
        // The sum over the roles is computed in any order, so the last digits may differ.
        let less_time = self.total < last.total * (1.0 - 1e-9);
        less_time || less.into_iter().any(|(now, then)| now < then)
    }
}

/// Keeps the figures of each statement's first load. After a reset, differences are counted from zero. A statement that was dropped and
/// appeared again is counted from its return on.
pub(super) fn remember(before: &[Row], rows: &mut [Row]) {
    let begun = before.first().and_then(|row| row.tool.begun);
    let known: HashMap<String, (First, &Figures)> = before
        .iter()
        .filter_map(|row| Some((row.key_text(), (row.first?, row.figures.as_ref()?))))
        .collect();
    for row in rows {
        let Some(at) = row.clock else { continue };
        // A replay can jump back to a time before the first load.
        row.tool.begun = begun.filter(|begun| begun.at <= at).or(Some(Begun {
            at,
            reset: row.tool.reset,
            dropped: row.tool.dropped,
        }));
        let Some(figures) = &row.figures else {
            continue;
        };
        let now = First {
            at,
            calls: figures.calls,
            total: figures.total,
        };
        let zero = row.tool.reset_since().map(|at| First {
            at,
            calls: 0,
            total: 0.0,
        });
        let first = known.get(&row.key_text());
        row.first = Some(match (first.filter(|(first, _)| first.at <= at), zero) {
            (Some((first, _)), Some(zero)) if first.at < zero.at => zero,
            (Some((first, last)), _) if !figures.went_back(last) => *first,
            // A new statement is counted from zero, unless it may have been dropped and come back since the reset.
            (None, Some(zero)) if row.tool.dropped_since() == Some(0) => zero,
            _ => now,
        });
    }
}
