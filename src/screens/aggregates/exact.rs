//! Figures that the catalogue does not have: the newest row of the source, changes that no policy run reaches, and missing data.

use std::time::Duration;

use super::row::{Gaps, Newest, Row};
use crate::model::moment::{Axis, Stamp};
use crate::model::rules;
use crate::screens::later::Later;
use crate::screens::policy;
use crate::screens::record::Exact;
use crate::server::sql::query;

pub(super) const NEWEST: Exact<Row> = Exact {
    overview: true,
    later: false,
    judges: |_| true,
    every: Duration::from_secs(30),
    query: query!("aggregates_newest"),
    figures: &["newest", "newest_end", "unknown"],
    // A statement locks 35 catalogue relations, and for each aggregate the source's newest chunk and the chunk's indexes. For three
    // aggregates these are at most 64 locks.
    slice: 3,
    want: |row| Some((row.id.into(), 1)),
    take: |row, figures| {
        row.newest = Later::of(figures, |[row, end, unknown]| Newest { row, end, unknown });
    },
};

pub(super) const AGE: Exact<Row> = policy::age(
    |row| row.policy.as_ref()?.waits_for_first(),
    |row, figures| {
        if let (Some(policy), Ok([since])) = (&mut row.policy, figures) {
            policy.known_since = since.map(Stamp);
        }
    },
);

/// For integer time: start of the policies' refresh windows, and changes before that start. Both need the current time, which only
/// `integer_now_func` knows.
pub(super) const REACH: Exact<Row> = Exact {
    overview: true,
    later: false,
    judges: |rule| *rule == rules::AGGREGATE_UNREACHED || *rule == rules::AGGREGATE_HISTORY,
    every: Duration::from_secs(30),
    query: query!("aggregates_integer"),
    figures: &[
        "reach_from",
        "unreached",
        "unreached_to",
        "unread_from",
        "unread_next",
        "cut_to",
    ],
    slice: 100,
    want: |row| {
        let integer = row.axis == Axis::Integer && row.policy.is_some();
        integer.then_some((row.id.into(), 1))
    },
    take: |row, figures| {
        row.reach_error = figures.err().map(str::to_owned);
        row.waits.reach(figures.unwrap_or_default());
    },
};

/// Rows of the source that show whether data is missing; read only if the catalogue cannot show it.
pub(super) const GAPS: Exact<Row> = Exact {
    overview: true,
    later: true,
    judges: |rule| {
        *rule == rules::AGGREGATE_UNREACHED
            || *rule == rules::AGGREGATE_HISTORY
            || *rule == rules::AGGREGATE_REMADE
    },
    every: Duration::from_secs(30),
    query: query!("aggregates_gaps"),
    figures: &[
        "oldest",
        "first_unread",
        "remade_from",
        "remade_to",
        "future_rows",
    ],
    slice: 3,
    want: |row| {
        let cost = if row.waits.ahead { 4 } else { 2 };
        (row.waits.ahead || row.wants_oldest()).then_some((row.id.into(), cost))
    },
    // An error is not reported here, because the query for the newest row fails for the same reason and reports
    // the error.
    take: |row, figures| {
        row.gaps = Later::of(figures, |[oldest, first_unread, from, to, future_rows]| {
            Gaps {
                oldest,
                first_unread,
                remade: from.zip(to),
                future_rows,
            }
        });
    },
};
