//! A policy's job, for the screens that show policies.

mod changed;
mod counted;
mod job;
mod judge;
mod state;
mod waiting;

use std::time::Duration;

use crate::screens::record::Exact;
use crate::server::sql::query;

pub(super) use self::counted::Counted;
pub(super) use self::job::Due;
pub use self::job::Policy;
pub(super) use self::job::{ended_well, next_run};
pub(super) use self::judge::{BY, Work, due_for, estimated, in_local_time, overdue};
pub(super) use self::state::State;
pub(super) use self::state::{is_old, strangely_far};

pub(super) const fn kind(aggregate: bool) -> &'static str {
    if aggregate {
        "aggregate (its materialization)"
    } else {
        "hypertable"
    }
}

/// The query for the known age of jobs that never finished a run, for [`is_old`]. `want` selects the rows. `take` gets a time at which the
/// job already existed, in microseconds since 1970.
pub(super) const fn age<R>(
    want: fn(&R) -> Option<(i64, usize)>,
    take: fn(&mut R, Result<&[Option<i64>], &str>),
) -> Exact<R> {
    Exact {
        overview: true,
        later: false,
        judges: |_| true,
        every: Duration::from_secs(30),
        query: query!("jobs_age"),
        figures: &["since"],
        slice: 1000,
        want,
        take,
    }
}
