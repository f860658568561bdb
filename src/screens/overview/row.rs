//! A finding with its screen and row.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::journal::acknowledge::{Acknowledgement, Identity};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::text::shell_word;
use crate::model::value::Value;
use crate::model::verdict::Finding;
use crate::server::known::{At, Server};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub screen: ScreenId,
    /// Key of the row on its screen.
    pub of: String,
    pub subject: String,
    pub finding: Finding,
    pub targets: Vec<Target>,
    /// The acknowledgement of this finding; `None`: not acknowledged.
    #[serde(default, alias = "aside")]
    pub(crate) acknowledged: Option<Acknowledgement>,
    /// Number of findings in a group, if this is a group's line; `None`: this is a finding.
    #[serde(skip)]
    pub(crate) group_of: Option<usize>,
    /// Whether the findings of the group have different fixes.
    #[serde(skip)]
    pub(crate) several_fixes: bool,
    /// Findings that are not listed because they are consequences of this finding, or the same fault.
    #[serde(skip)]
    pub(crate) merged: Vec<Row>,
    /// Whether this finding is in the field `merged` of another finding.
    #[serde(skip)]
    pub(crate) is_part: bool,
}

impl Row {
    pub(crate) fn new(screen: ScreenId, of: String, subject: String, finding: Finding) -> Self {
        Self {
            screen,
            of,
            subject,
            finding,
            targets: Vec::new(),
            acknowledged: None,
            group_of: None,
            several_fixes: false,
            merged: Vec::new(),
            is_part: false,
        }
    }

    /// A finding about data that this session's role may not see.
    pub(crate) fn of_role(screen: ScreenId, server: &Server, finding: Finding) -> Self {
        let subject = format!("role {}", server.role);
        Self::new(screen, subject.clone(), subject, finding)
    }

    pub(super) fn identity(&self) -> Identity {
        (self.screen, self.of.clone(), self.finding.rule.name)
    }

    /// Merges the finding `other` into this one.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.merged.append(&mut other.merged);
        self.merged.push(other);
    }

    /// The merged findings. Each has this finding's fix, and refers to this finding in its reason.
    pub(super) fn merged_parts(&self) -> Vec<Self> {
        let part = |part: &Self| {
            let mut part = part.clone();
            let finding = &mut part.finding;
            finding.reason = format!(
                "Part of another finding ({}: {}). {}",
                self.subject, self.finding.rule.title, finding.reason
            );
            finding.fix = self.finding.fix;
            finding.sets.clone_from(&self.finding.sets);
            finding.on = self.finding.fix_target(self.targets.clone());
            finding.job = None;
            part.is_part = true;
            part
        };
        self.merged.iter().map(part).collect()
    }

    pub(super) fn is(&self, _: &At) -> Value {
        let title = self.finding.rule.title;
        match (&self.acknowledged, self.group_of) {
            (Some(acknowledged), _) => {
                Value::Text(format!("({}) {title}", acknowledged.what.word()))
            }
            (None, Some(many)) => Value::Text(format!("{many}× {title}")),
            (None, None) => title.into(),
        }
    }

    /// Target of the fix, as a user types it; `None`: no target.
    pub(super) fn target(&self) -> Option<String> {
        let target = self.finding.fix_target(self.targets.clone())?;
        Some(target.name)
    }

    pub(super) fn fix(&self) -> Value {
        if self.several_fixes {
            "several".into()
        } else {
            self.finding.fix.into()
        }
    }

    /// Fields of the fix's form, as a user types them; `Null`: no target.
    pub(super) fn set(&self) -> Value {
        match self.target() {
            Some(_) => Value::Fields(self.finding.sets.clone()),
            None => Value::Null,
        }
    }

    /// Shell command that runs the fix; `None`: no action fixes it, or there is no target.
    pub(crate) fn command(&self) -> Option<String> {
        let (fix, target) = self.finding.fix.zip(self.target())?;
        let mut command = format!("hypertop run {fix} {}", shell_word(&target));
        for (field, value) in &self.finding.sets {
            let set = shell_word(&format!("{field}={value}"));
            let _ = write!(command, " --set {set}");
        }
        Some(command)
    }

    /// Age of the problem in its largest unit, so that the text seldom changes; `Null`: unknown.
    pub(super) fn age(&self, at: &At) -> Value {
        let Some(since) = self.finding.since else {
            return Value::Null;
        };
        let seconds = at.now.seconds_since(since).max(0.0).floor();
        let unit = [86_400.0, 3600.0, 60.0]
            .into_iter()
            .find(|unit| seconds >= *unit);
        Value::Seconds(unit.map_or(seconds, |unit| (seconds / unit).floor() * unit))
    }

    /// The line of a group. It shows the worst finding; of several equally severe findings, the oldest. It also shows the start of the
    /// group's oldest finding, and the fix if all findings have the same fix.
    pub(super) fn head_of(rows: &[&Self]) -> Option<Self> {
        let oldest = |row: &Self| row.finding.since.unwrap_or(Stamp::AFTER_ALL);
        let worst = rows
            .iter()
            .rev()
            .max_by_key(|row| (row.finding.level, std::cmp::Reverse(oldest(row))))?;
        let mut head = (*worst).clone();
        let fix = head.finding.fix;
        if rows.iter().any(|row| row.finding.fix != fix) {
            head.finding.fix = None;
            head.several_fixes = true;
        }
        head.finding.since = rows.iter().filter_map(|row| row.finding.since).min();
        head.group_of = Some(rows.len());
        Some(head)
    }
}
