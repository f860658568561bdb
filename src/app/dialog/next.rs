use crate::actions::execute::ApprovedPlan;
use crate::model::setup::amend::Amendment;

/// Effect of a key in a dialog.
#[derive(Debug)]
pub(crate) enum Next {
    Stay,
    Close,
    /// Show the preview of this plan.
    Look(Box<ApprovedPlan>),
    Do(Box<ApprovedPlan>),
    Copy(String),
    /// Write the policy file.
    Write(Box<Amendment>),
}

/// Moves the first line shown; `page`: number of lines that fit.
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
