//! The chunks that a policy's next run affects, for integer time: only `integer_now_func` knows the current time.

use crate::model::moment::Stamp;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Number of chunks that the next run affects; `None`: the function was not called, or failed.
    pub(crate) chunks: Option<i64>,
    /// Estimated number of chunks, with the end of the newest chunk as current time; `None`: the function was called, or the policy's
    /// setting is not a number of integer time.
    pub(crate) about: Option<i64>,
    /// A time at which one of the chunks was already due; `None`: unknown.
    pub(crate) since: Option<Stamp>,
}

impl Counted {
    pub(crate) fn new(chunks: Option<i64>, about: Option<i64>, since: Option<i64>) -> Self {
        Self {
            chunks,
            about,
            since: since.map(Stamp),
        }
    }
}
