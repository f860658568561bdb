//! Why a form makes no plan.

use crate::actions::act::Refusal;

/// Who refuses, and why.
pub type Refused = Vec<(String, Refusal)>;

/// Why there is no plan (yet).
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    Fields(Vec<(&'static str, String)>),
    Refusal(Refusal),
    /// Some targets refuse, so many do not.
    Some {
        refused: Refused,
        left: usize,
    },
}
