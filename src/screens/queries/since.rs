//! The change since the console looked first, and what falsifies it: resets, and statements that are dropped.

use std::collections::HashMap;

use super::row::{Begun, Figures, First, Row, Tool};
use crate::model::moment::Stamp;

impl Tool {
    /// When everything was set to zero under the console's eyes.
    pub fn reset_since(&self) -> Option<Stamp> {
        let begun = self.begun?;
        self.reset
            .filter(|reset| *reset > begun.at && begun.reset != Some(*reset))
    }

    /// How often statements were dropped under the console's eyes.
    pub fn dropped_since(&self) -> Option<i64> {
        let (begun, dropped) = (self.begun?, self.dropped?);
        Some(match self.reset_since() {
            Some(_) => dropped,
            None => dropped - begun.dropped?,
        })
    }
}

impl Figures {
    /// A counter is less than it was: they are not the same counters any more.
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
        // Roles are summed in any order, so that the last digits differ.
        let less_time = self.total < last.total * (1.0 - 1e-9);
        less_time || less.into_iter().any(|(now, then)| now < then)
    }
}

/// Carries each statement's first look on. What was reset begins at zero then; what went back, or was dropped and came
/// back, begins anew.
pub(super) fn remember(before: &[Row], rows: &mut [Row]) {
    let begun = before.first().and_then(|row| row.tool.begun);
    let known: HashMap<String, (First, &Figures)> = before
        .iter()
        .filter_map(|row| Some((row.key_text(), (row.first?, row.figures.as_ref()?))))
        .collect();
    for row in rows {
        let Some(at) = row.clock else { continue };
        // A recording can go back to before what was seen first.
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
            // One that was not seen before may have been dropped since the reset.
            (None, Some(zero)) if row.tool.dropped_since() == Some(0) => zero,
            _ => now,
        });
    }
}
