//! Results of a key in a dialog.

use crate::actions::execute::ApprovedPlan;

/// Result of a key.
#[derive(Debug)]
pub enum Next {
    Stay,
    Close,
    /// Show the preview.
    Look(Box<ApprovedPlan>),
    Do(Box<ApprovedPlan>),
    Copy(String),
}

/// Scrolls: moves the first line shown.
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
