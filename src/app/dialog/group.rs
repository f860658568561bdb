//! Makes one plan of an action on several targets. Targets that refuse are named, and the user can leave them out.

use std::fmt::Write;

use super::trouble::{Refused, Trouble};
use crate::actions::act::Refusal;
use crate::actions::plans;
use crate::model::plan::{Note, Plan};
use crate::model::text;
use crate::model::verdict::Level;

/// Joins the plans of the targets that do not refuse. An error if a target that refuses is not in `left_out`, or if all
/// refuse.
pub(crate) fn together(
    action: &str,
    made: Vec<Plan>,
    refused: Refused,
    left_out: &[String],
) -> Result<Plan, Trouble> {
    let left = made.len();
    if left == 0 {
        return Err(Trouble::Refusal(refusal_of_all(refused)));
    }
    if refused.iter().any(|(name, _)| !left_out.contains(name)) {
        return Err(Trouble::Some { refused, left });
    }
    let title = match made.as_slice() {
        [one] => one.title.clone(),
        many => format!("{action} on {} targets", many.len()),
    };
    let plan = plans::together(title, made);
    let mut plan = plan.ok_or_else(|| Trouble::Refusal("there is no target".into()))?;
    let notes = refused.iter().map(|(name, refusal)| Note {
        level: Level::Warning,
        text: format!("{name} is left out: {}", refusal.why),
    });
    plan.notes.splice(0..0, notes);
    Ok(plan)
}

/// The refusal to show if all targets refuse. If all refusals are equal, or if the action would change none of the targets: the first
/// refusal. Otherwise: one line per target.
fn refusal_of_all(mut refused: Refused) -> Refusal {
    let alike = |refusal: &Refusal| refused.iter().all(|(_, other)| other == refusal);
    let opened = refused.iter().all(|(_, refusal)| refusal.stands.is_some());
    match refused.first() {
        None => "there is no target".into(),
        Some((_, first)) if refused.len() == 1 || opened || alike(first) => refused.remove(0).1,
        Some(_) => Refusal::new(words(&refused, refused.len())),
    }
}

/// The targets that refuse, one per line.
pub(crate) fn words(refused: &Refused, of: usize) -> String {
    let refuse = if refused.len() == 1 {
        "refuses"
    } else {
        "refuse"
    };
    let all = text::plural_of(of, "target");
    let mut said = format!("{} of {all} {refuse}:", refused.len());
    for (name, refusal) in refused {
        let _ = write!(said, "\n{name}: {}", refusal.why);
    }
    said
}

/// Text of the key that leaves out the targets that refuse; `left`: number of the targets that do not refuse.
pub(crate) fn offer(left: usize) -> String {
    match left {
        1 => "continue with the other target only".to_owned(),
        many => format!("continue with the other {many} targets"),
    }
}
