//! What several screens say of a policy's job, in the same words.

mod job;
mod judge;
mod state;

use std::time::Duration;

use crate::screens::record::Exact;
use crate::server::sql::query;

pub(crate) use self::job::Due;
pub use self::job::Policy;
pub(crate) use self::judge::{Work, due_for, estimated, in_local_time, overdue};
pub use self::state::State;
pub(crate) use self::state::{is_old, strangely_far};

/// How run-job-now starts a job whose next start is wrong: in the foreground that would stay as it is.
pub(crate) const BY: (&str, &str) = ("how", "scheduler");

/// Since when a job that never finished a run has been there: what [`is_old`] goes by.
/// `want` says which rows' jobs are asked for, `take` keeps the one figure, microseconds since 1970.
pub const fn age<R>(
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
