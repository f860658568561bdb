//! Acknowledged and snoozed findings in the journal.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::model::interval::Interval;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level};
use crate::model::{rules, text};

/// A finding that began more than this many seconds after the acknowledgement is a new finding. The known start of a finding may be minutes
/// off, so a smaller difference proves nothing.
const LATER_SECONDS: f64 = 600.0;
/// Default length of a snooze.
pub(crate) const SNOOZE: &str = "8h";
/// Maximum length of a snooze, in seconds.
const LONGEST_SNOOZE: f64 = 366.0 * 86_400.0;

/// The reason why an acknowledgement has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The user ended the acknowledgement.
    Back,
    /// The finding went away.
    Gone,
    /// The finding got worse.
    Worse,
}

impl Why {
    /// The state shown in the Journal.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Back => "undone",
            Self::Gone => "gone",
            Self::Worse => "got worse",
        }
    }
}

/// A finding to acknowledge or snooze.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// Time of the acknowledgement: server time, RFC 3339.
    pub(crate) at: String,
    pub(crate) screen: String,
    /// Key of the finding's row on that screen.
    pub(crate) key: String,
    /// Title of the row.
    pub(crate) subject: String,
    /// Name of the rule.
    pub rule: String,
    /// Level at the time of the acknowledgement. If the finding gets worse, it is shown again.
    pub(crate) level: Level,
    /// End of a snooze, server time, RFC 3339. `None`: acknowledged until the finding goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// An acknowledgement, as a line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub(crate) id: u64,
    pub(crate) role: String,
    pub(super) place: Place,
    #[serde(flatten)]
    pub(crate) what: Wanted,
    pub(super) pid: u32,
}

/// The end of an acknowledgement, as a line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Id of the acknowledgement's entry.
    pub of: u64,
    pub at: String,
    pub role: String,
    pub why: Why,
}

/// Identity of a finding: screen, key of the row, name of the rule.
pub(crate) type Identity = (ScreenId, String, &'static str);

fn moment(text: &str) -> Option<Stamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Stamp(moment.as_microsecond()))
}

impl Wanted {
    /// Identity of the finding. `None`: this version of hypertop has no such screen or rule.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let (screen, rule) = (
            ScreenId::by_name(&self.screen)?,
            rules::by_name(&self.rule)?,
        );
        Some((screen, self.key.clone(), rule.name))
    }

    pub(crate) fn made(&self) -> Option<Stamp> {
        moment(&self.at)
    }

    pub(crate) fn until(&self) -> Option<Stamp> {
        moment(self.until.as_ref()?)
    }

    pub(crate) fn word(&self) -> &'static str {
        if self.until.is_some() {
            "snoozed"
        } else {
            "acknowledged"
        }
    }

    pub(crate) fn is_over(&self, now: Stamp) -> bool {
        self.until.is_some() && self.until().is_none_or(|until| until <= now)
    }

    /// Title such as `acknowledged mes.metrics: chunks wait for compression; after the move`.
    pub(super) fn title(&self) -> String {
        let about = rules::by_name(&self.rule).map_or(self.rule.as_str(), |rule| rule.title);
        let until = self.until().map_or_else(String::new, |until| {
            format!(" until {}", text::moment(until))
        });
        let reason = if self.reason.is_empty() {
            String::new()
        } else {
            format!("; {}", self.reason)
        };
        format!("{} {}{until}: {about}{reason}", self.word(), self.subject)
    }

    /// True if the acknowledgement hides this finding. A finding that got worse is not hidden. A finding that began again is hidden only by
    /// a snooze.
    pub(crate) fn hides(&self, finding: &Finding, now: Stamp) -> bool {
        let begun = finding.since.zip(self.made());
        let later = begun.is_some_and(|(since, made)| since.seconds_since(made) > LATER_SECONDS);
        !self.is_over(now) && finding.level <= self.level && (self.until.is_some() || !later)
    }
}

impl Acknowledgement {
    /// The introduction to a finding's text: who acknowledged the finding, when and why.
    pub(crate) fn words(&self, now: Stamp) -> String {
        let (what, role) = (&self.what, &self.role);
        let age = what.made().map_or_else(String::new, |made| {
            format!(" {}", text::age(made.min(now), now))
        });
        let until = what.until().map_or_else(String::new, |until| {
            format!(", until {}", text::moment(until))
        });
        let reason = if what.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", what.reason)
        };
        format!("{} by {role}{age}{until}{reason};", what.word())
    }
}

/// Parses the duration of a snooze; returns seconds. The error shows the format.
pub(crate) fn snooze(typed: &str) -> Result<f64, String> {
    let seconds = Interval::parse(typed)?.seconds();
    if (1.0..=LONGEST_SNOOZE).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(format!(
            "{typed:?}: write a duration such as 8h or 2d, at most a year"
        ))
    }
}
