//! Marks in the drawing of a policy's change.

use super::rule::AgeRule;
use crate::model::picture::Limit;
use crate::model::span::Now;

/// Marks for "now" and for the age before and after the change. An age since the chunk's creation gets no mark, because the drawing shows
/// the time dimension.
pub(crate) fn limits(now: &Now, before: Option<AgeRule>, after: AgeRule) -> Vec<Limit> {
    let limit = |rule: AgeRule, word: &str| match rule {
        AgeRule::After(span) => now.less(span).map(|at| Limit {
            sign: '^',
            label: format!("{word}{span}"),
            at,
        }),
        AgeRule::CreatedBefore(_) => None,
    };
    let clock = now.at.map(|at| Limit {
        sign: 'N',
        label: "now".to_owned(),
        at,
    });
    let changed = before.filter(|before| *before != after);
    let new = if changed.is_some() { "new " } else { "" };
    let old = changed.and_then(|before| limit(before, "old "));
    let all = [clock, old, limit(after, new)];
    all.into_iter().flatten().collect()
}
