//! Reasons why a form makes no plan.

use crate::actions::act::Refusal;

/// Names of the targets that refuse, with their refusals.
pub type Refused = Vec<(String, Refusal)>;

/// Why there is no plan yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    Fields(Vec<(&'static str, String)>),
    Refusal(Refusal),
    /// Some targets refuse; `left` do not.
    Some {
        refused: Refused,
        left: usize,
    },
}
