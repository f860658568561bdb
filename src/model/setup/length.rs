//! Texts for lengths of time.

use crate::model::interval::Interval;
use crate::model::span::Span;

pub(super) fn open(side: Option<Span>) -> String {
    side.map_or_else(|| "open".to_owned(), |span| span.to_string())
}

pub(super) fn spelled(interval: Interval) -> String {
    Span::Interval(interval).to_string()
}
