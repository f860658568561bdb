//! Acknowledged and snoozed findings, as the journal keeps them.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::model::interval::Interval;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::verdict::{Finding, Level};
use crate::model::{rules, text};

/// A finding that began more than this after the acknowledgement is a new one. A shorter time proves nothing, because
/// readings may be minutes old.
const LATER_SECONDS: f64 = 600.0;
/// Default length of a snooze.
pub(crate) const SNOOZE: &str = "8h";
const LONGEST_SNOOZE: f64 = 366.0 * 86_400.0;

/// The reason why an acknowledgement has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The user undid it.
    Back,
    /// The finding went away.
    Gone,
    /// The finding got worse.
    Worse,
}

impl Why {
    /// State shown in the Journal.
    pub fn name(self) -> &'static str {
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
    /// Time by the server's clock, RFC 3339.
    pub at: String,
    pub screen: String,
    /// The row of that screen.
    pub key: String,
    /// The row's title.
    pub subject: String,
    /// The rule's name.
    pub rule: String,
    /// Level when acknowledged; a worse one is shown again.
    pub level: Level,
    /// The end of a snooze, by the server's clock; `None`: until the finding goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The journal's line of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub id: u64,
    pub role: String,
    pub place: Place,
    #[serde(flatten)]
    pub what: Wanted,
    pub pid: u32,
}

/// The journal's line that ends an acknowledgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub of: u64,
    pub at: String,
    pub role: String,
    pub why: Why,
}

/// Identity of a finding: screen, row's key, rule's name.
pub(crate) type Identity = (ScreenId, String, &'static str);

fn moment(text: &str) -> Option<Stamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Stamp(moment.as_microsecond()))
}

impl Wanted {
    /// `None`: this hypertop knows no such rule or screen.
    pub fn identity(&self) -> Option<Identity> {
        let (screen, rule) = (
            ScreenId::by_name(&self.screen)?,
            rules::by_name(&self.rule)?,
        );
        Some((screen, self.key.clone(), rule.name))
    }

    pub fn made(&self) -> Option<Stamp> {
        moment(&self.at)
    }

    pub fn until(&self) -> Option<Stamp> {
        moment(self.until.as_ref()?)
    }

    pub fn word(&self) -> &'static str {
        if self.until.is_some() {
            "snoozed"
        } else {
            "acknowledged"
        }
    }

    pub(crate) fn is_over(&self, now: Stamp) -> bool {
        self.until.is_some() && self.until().is_none_or(|until| until <= now)
    }

    /// `acknowledged mes.metrics: chunks wait for compression; after the move`.
    pub fn title(&self) -> String {
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

    /// Whether it hides this finding.
    pub(crate) fn hides(&self, finding: &Finding, now: Stamp) -> bool {
        let begun = finding.since.zip(self.made());
        let later = begun.is_some_and(|(since, made)| since.seconds_since(made) > LATER_SECONDS);
        !self.is_over(now) && finding.level <= self.level && (self.until.is_some() || !later)
    }
}

impl Acknowledgement {
    /// Who acknowledged it and why; the finding's text follows.
    pub fn words(&self, now: Stamp) -> String {
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

/// Parses the length of a snooze, in seconds; the error shows the format.
pub(crate) fn snooze(typed: &str) -> Result<f64, String> {
    let seconds = Interval::parse(typed)?.seconds();
    if (1.0..=LONGEST_SNOOZE).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(format!("{typed:?}: write 8h or 2d, a year at most"))
    }
}
