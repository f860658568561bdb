//! What a stage of a dialog does with a key.

use crate::actions::execute::ApprovedPlan;

/// What a key led to.
#[derive(Debug)]
pub enum Next {
    Stay,
    Close,
    /// The preview is wanted.
    Look(Box<ApprovedPlan>),
    Do(Box<ApprovedPlan>),
    Copy(String),
}

/// Moves the first line that is shown.
pub(super) fn scroll(top: &mut usize, key: &str, page: usize) {
    match key {
        "j" | "down" => *top += 1,
        "k" | "up" => *top = top.saturating_sub(1),
        "pgdn" | "ctrl-f" | "ctrl-d" | "space" => *top += page,
        "pgup" | "ctrl-b" | "ctrl-u" => *top = top.saturating_sub(page),
        "g" | "home" => *top = 0,
        "G" | "end" => *top = usize::MAX / 2,
        _ => {}
    }
}
