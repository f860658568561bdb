//! Actions on the console itself, with their default keys.

use std::sync::LazyLock;

use crate::actions::action::Group::{Console, Rows, Screens, View};
use crate::actions::action::{Action, Does, Group, Here, Other};
use crate::model::screen_id::{Opened, ScreenId};

const fn row(
    name: &'static str,
    keys: &'static [&'static str],
    group: Group,
    does: Here,
    help: &'static str,
) -> Action {
    Action {
        name,
        help,
        keys,
        group,
        does: Does::Here(does),
    }
}

/// The actions that show a screen.
pub(super) static SCREENS: LazyLock<Vec<Action>> = LazyLock::new(|| {
    let action =
        |of: &'static Opened| row(of.action, &of.key, Screens, Here::Screen(of.id), of.help);
    ScreenId::OPENED.iter().map(action).collect()
});

#[rustfmt::skip]
pub(super) static HERE: &[Action] = &[
    row("next-screen", &["tab"], Screens, Here::NextScreen, "Next screen (or click its tab)"),
    row("previous-screen", &["shift-tab"], Screens, Here::PreviousScreen, "Previous screen"),
    row("open-details", &["enter"], Rows, Here::Open, "Details of the selected row; on a group: open or close it"),
    row("go-back", &["esc"], Rows, Here::Back, "Back to the list; in the list: clear the filter"),
    row("next-row", &["j", "down"], Rows, Here::Step(1), "Next row"),
    row("previous-row", &["k", "up"], Rows, Here::Step(-1), "Previous row"),
    row("page-down", &["pgdn", "ctrl-f"], Rows, Here::Page(1), "A page down"),
    row("page-up", &["pgup", "ctrl-b"], Rows, Here::Page(-1), "A page up"),
    row("half-page-down", &["ctrl-d"], Rows, Here::HalfPage(1), "Half a page down"),
    row("half-page-up", &["ctrl-u"], Rows, Here::HalfPage(-1), "Half a page up"),
    row("first-row", &["g", "home"], Rows, Here::First, "First row"),
    row("last-row", &["G", "end"], Rows, Here::Last, "Last row"),
    row("next-column", &["l", "right"], Rows, Here::Column(1), "Select the next column on the screen"),
    row("previous-column", &["h", "left"], Rows, Here::Column(-1), "Select the previous column on the screen"),
    row("next-match", &["n"], Rows, Here::Match { forward: true },
        "Next match of the last filter, even after it is cleared; without a filter: next row with a problem"),
    row("previous-match", &["N"], Rows, Here::Match { forward: false }, "Previous match, or previous row with a problem"),
    row("sort-column", &["s"], View, Here::Sort, "Sort by the selected column (or click its heading); again: reverse"),
    row("sort-next", &[">"], View, Here::SortStep(1), "Sort by the next column on the screen"),
    row("sort-previous", &["<"], View, Here::SortStep(-1), "Sort by the previous column on the screen"),
    row("sort-by", &["O"], View, Here::SortBy, "Sort by a column chosen by the first letters of its heading"),
    row("reverse-order", &["S"], View, Here::Reverse, "Reverse the order"),
    row("sort-verdict", &["v"], View, Here::SortByVerdict, "Sort by verdict, most severe first"),
    row("filter-rows", &["/"], View, Here::Filter, "Filter: words, field=value (also != < > <= >=), ~regular expression, ! for the inverse"),
    row("clear-filter", &[], View, Here::ClearFilter, "Show all rows again"),
    row("toggle-wide", &["w"], View, Here::Wide, "Show all columns and scroll sideways, or only the columns that fit"),
    row("choose-columns", &["W"], View, Here::Columns, "Show or hide columns of this screen"),
    row("toggle-preview", &["V"], View, Here::Preview, "Show or hide the preview of the selected row (screens of 30 lines or more)"),
    row("toggle-folded", &["."], View, Here::ShowFolded, "Show or fold the rows that need no attention (no policy, nothing compressed, same as in the policy file)"),
    row("copy-cell", &["y"], View, Here::CopyCell, "Copy the selected cell (OSC 52)"),
    row("copy-row", &["Y"], View, Here::CopyRow, "Copy the selected row (OSC 52)"),
    row("mark-row", &["x"], Rows, Here::Mark, "Mark or unmark the row: actions apply to all marked rows"),
    row("unmark-rows", &["X"], Rows, Here::Unmark, "Unmark all rows"),
    row("act-on-row", &["a"], Console, Here::Actions, "Actions on the selected row"),
    row("fix", &["m"], Console, Here::Fix, "Fix the row's most severe problem"),
    // The actions from here to `write-object` belong to one screen each. On that screen they take precedence over actions of all screens
    // with the same key.
    row("toggle-groups", &["g"], Group::Overview, Here::Groups, "Group findings by problem, or list each one (the home key still selects the first row)"),
    row("acknowledge", &["A"], Group::Overview, Here::Acknowledge,
        "Hide a finding until it goes away or gets worse; show a hidden finding again"),
    row("snooze", &["z"], Group::Overview, Here::Snooze, "Hide a finding for some time, or until it gets worse"),
    row("show-acknowledged", &["Z"], Group::Overview, Here::ShowHidden, "Show or hide acknowledged and snoozed findings"),
    row("rollback", &["u"], Group::Journal, Here::Rollback, "Roll back the selected (or marked) entries of the journal"),
    row("apply-object", &["m"], Group::Policies, Here::ApplyObject, "Change the selected object to what the policy file says"),
    row("write-object", &["E"], Group::Policies, Here::WriteObject, "Write the selected object's present settings into the policy file"),
    row("show-progress", &["o"], Console, Here::Progress, "Show the running action"),
    row("next-theme", &["t"], View, Here::NextTheme, "Next theme"),
    row("reload", &["r", "ctrl-r"], Console, Here::Reload, "Refresh this screen now"),
    row("pause", &["space"], Console, Here::Pause, "Pause or resume refreshing"),
    row("switch-database", &[], Console, Here::Switch(Other::Database), "Show another database of this server"),
    row("switch-connection", &[], Console, Here::Switch(Other::Connection), "Show another connection: a [[connection]] with a name in config.toml"),
    row("record", &[], Console, Here::Record, "Start or stop a recording of the screens' data; hypertop replay shows it"),
    row("next-moment", &["]"], Console, Here::Moment(1), "In a recording: the next moment (the pause key plays it)"),
    row("previous-moment", &["["], Console, Here::Moment(-1), "In a recording: the previous moment"),
    row("next-minute", &["}"], Console, Here::Minute(1), "In a recording: a minute forward"),
    row("previous-minute", &["{"], Console, Here::Minute(-1), "In a recording: a minute back"),
    row("refresh-faster", &["+"], Console, Here::Faster, "Halve the refresh interval"),
    row("refresh-slower", &["-"], Console, Here::Slower, "Double the refresh interval"),
    row("open-palette", &[":", "ctrl-p"], Console, Here::Palette, "Find any action by its name"),
    row("show-help", &["?", "f1"], Console, Here::Help, "Explain the row's problem (as hypertop explain does); again: this help"),
    row("suspend", &["ctrl-z"], Console, Here::Suspend, "Suspend the console and return to the shell; fg resumes"),
    row("quit", &["q", "ctrl-c"], Console, Here::Quit, "Leave the console; in details and overlays: go back"),
];
