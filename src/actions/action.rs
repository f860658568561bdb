//! Types that describe the actions in the catalogue.

use crate::actions::act::{Act, MakeForm, MakePlan};
use crate::model::screen_id::ScreenId;
use crate::model::target::TargetKind;
use crate::server::known::Edition;
use crate::server::sql::Query;

/// Something that the console can show instead of its present database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// A database of the same server.
    Database,
    /// A named connection of config.toml.
    Connection,
}

impl Other {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Connection => "connection",
        }
    }
}

/// An action on the console itself. `Rollback` and `ApplyObject` open the preview of a plan. The others never change the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    Quit,
    /// Show another database, or another connection.
    Switch(Other),
    Back,
    Open,
    Step(isize),
    Page(isize),
    HalfPage(isize),
    First,
    Last,
    Column(isize),
    Sort,
    /// Sort by another column: this many columns to the right of the present sort column (negative: to the left).
    SortStep(isize),
    /// Show a dialog to choose the sort column.
    SortBy,
    Reverse,
    SortByVerdict,
    Wide,
    Columns,
    Preview,
    ShowFolded,
    Filter,
    ClearFilter,
    /// The next row (`forward`) or the previous row that matches the filter. Without a filter: a row with a problem.
    Match {
        forward: bool,
    },
    Reload,
    Pause,
    Record,
    Moment(isize),
    Minute(i32),
    Faster,
    Slower,
    NextScreen,
    PreviousScreen,
    Screen(ScreenId),
    CopyCell,
    CopyRow,
    Mark,
    Unmark,
    Actions,
    Fix,
    Acknowledge,
    Snooze,
    ShowHidden,
    Groups,
    Rollback,
    /// Make the selected object the same as in the policy file.
    ApplyObject,
    /// Write the selected object into the policy file.
    WriteObject,
    Progress,
    NextTheme,
    Palette,
    Help,
    Suspend,
}

#[derive(Debug)]
pub struct Action {
    /// Kebab-case name, shown in the palette and in the help.
    pub name: &'static str,
    pub help: &'static str,
    /// Default keys; `[keys]` of config.toml overrides them.
    pub keys: &'static [&'static str],
    /// Section of the help that lists the action.
    pub(crate) group: Group,
    pub does: Does,
}

#[derive(Debug)]
pub enum Does {
    /// Acts on the console. It changes the database only through the preview of a plan.
    Here(Here),
    /// Changes the database, with a preview, the user's consent and a journal entry.
    Plan(Act),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Screens,
    Rows,
    View,
    Console,
    Overview,
    Aggregates,
    Compression,
    Retention,
    Indexes,
    Jobs,
    Hypertables,
    Sessions,
    Journal,
    Policies,
}

impl Group {
    pub(crate) const ALL: [Self; 14] = [
        Self::Screens,
        Self::Rows,
        Self::View,
        Self::Console,
        Self::Overview,
        Self::Aggregates,
        Self::Compression,
        Self::Retention,
        Self::Indexes,
        Self::Jobs,
        Self::Hypertables,
        Self::Sessions,
        Self::Journal,
        Self::Policies,
    ];

    /// The screen that lists the targets of these actions. `None`: the group is not about one screen.
    pub(crate) fn screen(self) -> Option<ScreenId> {
        Some(match self {
            Self::Overview => ScreenId::Overview,
            Self::Aggregates => ScreenId::Aggregates,
            Self::Compression => ScreenId::Compression,
            Self::Retention => ScreenId::Retention,
            Self::Indexes => ScreenId::Indexes,
            Self::Jobs => ScreenId::Jobs,
            Self::Sessions => ScreenId::Activity,
            Self::Journal => ScreenId::Journal,
            Self::Policies => ScreenId::Policies,
            Self::Hypertables => ScreenId::Hypertables,
            Self::Screens | Self::Rows | Self::View | Self::Console => {
                return None;
            }
        })
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Screens => "Screens",
            Self::Rows => "Rows and columns",
            Self::View => "What is shown",
            Self::Console => "Console",
            Self::Overview => "On the Overview",
            Self::Aggregates => "Act: aggregates",
            Self::Compression => "Act: compression",
            Self::Retention => "Act: retention",
            Self::Indexes => "Act: indexes",
            Self::Jobs => "Act: jobs",
            Self::Hypertables => "Act: hypertables",
            Self::Sessions => "Act: sessions",
            Self::Journal => "Act: journal and rollback",
            Self::Policies => "On Policies",
        }
    }
}

/// Fields that several actions on the database have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub group: Group,
    pub on: TargetKind,
    pub facts: Query,
    pub needs: Edition,
}

impl Family {
    /// An action with a form.
    pub(super) const fn asking(
        self,
        name: &'static str,
        keys: &'static [&'static str],
        form: MakeForm,
        plan: MakePlan,
        help: &'static str,
    ) -> Action {
        self.action(name, keys, Some(form), plan, help)
    }

    /// An action without a form.
    pub(super) const fn plain(
        self,
        name: &'static str,
        keys: &'static [&'static str],
        plan: MakePlan,
        help: &'static str,
    ) -> Action {
        self.action(name, keys, None, plan, help)
    }

    const fn action(
        self,
        name: &'static str,
        keys: &'static [&'static str],
        form: Option<MakeForm>,
        plan: MakePlan,
        help: &'static str,
    ) -> Action {
        let act = Act {
            on: self.on,
            facts: self.facts,
            form,
            plan,
            needs: self.needs,
        };
        Action {
            name,
            help,
            keys,
            group: self.group,
            does: Does::Plan(act),
        }
    }
}

impl Action {
    /// True if the action applies to a row of one of these kinds. An action on the console applies to every row.
    pub(crate) fn applies(&self, kinds: &[TargetKind]) -> bool {
        match &self.does {
            Does::Here(_) => true,
            Does::Plan(act) => kinds.contains(&act.on),
        }
    }
}
