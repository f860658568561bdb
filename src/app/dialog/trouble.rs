//! Reasons why a form makes no plan.

use crate::actions::act::Refusal;

/// Names of the targets that refuse, and their refusals.
pub(super) type Refused = Vec<(String, Refusal)>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    Fields(Vec<(&'static str, String)>),
    Refusal(Refusal),
    /// Some targets refuse; `left`: number of the targets that do not refuse.
    Some {
        refused: Refused,
        left: usize,
    },
}
