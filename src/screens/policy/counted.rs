//! The chunks that a policy's next run takes on integer time, where only a function knows "now".

use crate::model::moment::Stamp;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// `None`: unknown, because the function was not run or failed.
    pub chunks: Option<i64>,
    /// An estimate, with the end of the newest chunk as "now", if the function was not run.
    pub about: Option<i64>,
    /// A time at which the oldest of them was certainly due.
    pub since: Option<Stamp>,
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
