use crate::actions::action::{Action, Does};
use crate::actions::catalogue;
use crate::model::text::nearest;

/// The database action with this name. The error suggests similar names, or lists all.
pub(crate) fn find(name: &str) -> Result<&'static Action, String> {
    let acts = || catalogue::all().filter(|action| matches!(action.does, Does::Plan(_)));
    if let Some(action) = acts().find(|action| action.name == name) {
        return Ok(action);
    }
    let near = nearest(name, acts().map(|action| action.name));
    Err(if near.is_empty() {
        let all: Vec<_> = acts().map(|action| action.name).collect();
        format!(
            "there is no such action; the actions are: {}",
            all.join(", ")
        )
    } else {
        format!("there is no such action; similar: {}", near.join(", "))
    })
}
