//! Findings that somebody has put aside: acknowledged, or snoozed for a while. The journal keeps them.

use std::collections::HashMap;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::{Journal, Place};
use crate::model::interval::Interval;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::value::Stamp;
use crate::model::verdict::Level;
use crate::screens::overview::{Identity, Row};

/// An acknowledged finding is gone when readings so far apart have not shown it: a single one may be a moment's chance.
const GONE_SECONDS: f64 = 60.0;
/// A finding that began so much later than the acknowledgement is another one; evidence is dated by readings that may be minutes old.
const LATER_SECONDS: f64 = 600.0;
/// How long a snooze is where nothing else is asked.
pub const SNOOZE: &str = "8h";
const LONGEST_SNOOZE: f64 = 366.0 * 86_400.0;

/// Why an entry counts no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// A person wants to see the finding again.
    Back,
    /// The finding went away.
    Gone,
    /// The finding got worse.
    Worse,
}

impl Why {
    /// As the Journal's state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Back => "taken back",
            Self::Gone => "gone",
            Self::Worse => "got worse",
        }
    }
}

/// What a person wants put aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// By the server's clock, RFC 3339.
    pub at: String,
    pub screen: String,
    /// The row of that screen.
    pub key: String,
    /// What the row calls itself.
    pub subject: String,
    /// The rule's name.
    pub rule: String,
    /// A worse finding is shown again.
    pub level: Level,
    /// The end of a snooze, by the server's clock; `None`: until the finding goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A line of the journal: who put aside what, where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub id: u64,
    pub role: String,
    pub place: Place,
    #[serde(flatten)]
    pub what: Wanted,
    pub pid: u32,
}

/// Another line: an acknowledgement counts no longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub of: u64,
    pub at: String,
    pub role: String,
    pub why: Why,
}

/// What the console asks of the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// What is put aside, unless the journal is still as long as this.
    Read {
        length: Option<u64>,
    },
    Acknowledge(Vec<Wanted>),
    End {
        at: String,
        ids: Vec<(u64, Why)>,
    },
}

fn moment(text: &str) -> Option<Stamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Stamp(moment.as_microsecond()))
}

impl Wanted {
    pub fn of(row: &Row, now: Stamp, until: Option<Stamp>, reason: &str) -> Self {
        Self {
            at: text::rfc3339(now).unwrap_or_default(),
            screen: row.screen.name().to_owned(),
            key: row.of.clone(),
            subject: row.subject.clone(),
            rule: row.finding.rule.name.to_owned(),
            level: row.finding.level,
            until: until.and_then(text::rfc3339),
            reason: reason.to_owned(),
        }
    }

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

    pub fn is_over(&self, now: Stamp) -> bool {
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
    fn hides(&self, row: &Row, now: Stamp) -> bool {
        let begun = row.finding.since.zip(self.made());
        let later = begun.is_some_and(|(since, made)| since.seconds_since(made) > LATER_SECONDS);
        !self.is_over(now) && row.finding.level <= self.level && (self.until.is_some() || !later)
    }
}

impl Acknowledgement {
    /// Who put it aside and why: the beginning of a sentence that goes on with the finding.
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

/// What a person typed as the length of a snooze, in seconds; the error says how to write it.
pub fn snooze(typed: &str) -> Result<f64, String> {
    let seconds = Interval::parse(typed)?.seconds();
    if (1.0..=LONGEST_SNOOZE).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(format!("{typed:?}: write 8h or 2d, a year at most"))
    }
}

/// What is put aside, with the length of the journal that says so.
pub type Known = (u64, Vec<Acknowledgement>);

/// Writes what is asked into the journal, and reads what is put aside in this place; `None`: as before.
pub fn serve(
    journal: Option<&Journal>,
    place: &Place,
    role: &str,
    request: Request,
) -> Result<Option<Known>> {
    let Some(journal) = journal else {
        if matches!(request, Request::Read { .. }) {
            return Ok(None);
        }
        bail!("there is no place for a journal: set HOME or XDG_STATE_HOME");
    };
    // Before it is read: what is written meanwhile is read next time.
    let mut length = journal.length()?;
    match request {
        Request::Read { length: known } if known == Some(length) => return Ok(None),
        Request::Read { .. } => {}
        Request::Acknowledge(wanted) => {
            let entry = |what| Acknowledgement {
                id: 0,
                role: role.to_owned(),
                place: place.clone(),
                what,
                pid: std::process::id(),
            };
            journal.acknowledge(wanted.into_iter().map(entry).collect())?;
            length = journal.length()?;
        }
        Request::End { at, ids } => {
            let ended = |(of, why): (u64, Why)| Ended {
                of,
                at: at.clone(),
                role: role.to_owned(),
                why,
            };
            journal.end_acknowledged(ids.into_iter().map(ended).collect())?;
            length = journal.length()?;
        }
    }
    Ok(Some((length, journal.entries()?.acknowledgements(place))))
}

/// What is put aside here now; of one finding the newest entry counts.
#[derive(Debug, Default)]
pub struct Aside {
    known: HashMap<Identity, Acknowledgement>,
    /// The length of the journal that it was read from; the file only grows. `None`: not read yet.
    pub length: Option<u64>,
    /// Why it could not be read.
    pub error: Option<String>,
    /// An answer is under way.
    pub waiting: bool,
    /// What is put aside is shown too.
    pub shown: bool,
    hidden: Hidden,
    /// The first of the readings that have not shown the finding of an acknowledgement.
    missing: HashMap<u64, Stamp>,
    /// What is to be written down, and what has been sent to be.
    ends: Vec<(u64, Why)>,
    sent: Vec<u64>,
}

/// How many findings are put aside.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    pub acknowledged: usize,
    pub snoozed: usize,
}

impl Hidden {
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Wanted>) -> Self {
        let mut hidden = Self::default();
        for wanted in all {
            if wanted.until.is_some() {
                hidden.snoozed += 1;
            } else {
                hidden.acknowledged += 1;
            }
        }
        hidden
    }

    /// `3 acknowledged, 1 snoozed`; `None`: there is none.
    pub fn words(self) -> Option<String> {
        let count = |many: usize, word: &str| (many > 0).then(|| format!("{many} {word}"));
        let said = [
            count(self.acknowledged, "acknowledged"),
            count(self.snoozed, "snoozed"),
        ];
        let said: Vec<_> = said.into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}

impl Aside {
    /// What the journal says of this place; `all` holds what is in force, the newest of each finding.
    pub fn take(&mut self, length: u64, all: Vec<Acknowledgement>) {
        self.length = Some(length);
        let known = |one: Acknowledgement| Some((one.what.identity()?, one));
        self.known = all.into_iter().filter_map(known).collect();
        self.missing
            .retain(|id, _| self.known.values().any(|one| one.id == *id));
    }

    /// A new connection, perhaps to another place: everything is read again.
    pub fn doubt(&mut self) {
        self.length = None;
        self.waiting = false;
        self.missing.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn hidden(&self) -> Hidden {
        self.hidden
    }

    /// Marks the findings that are put aside, and leaves them out where they are not to be shown.
    pub fn part(&mut self, mut rows: Vec<Row>, now: Stamp) -> Vec<Row> {
        for row in &mut rows {
            let entry = self.known.get(&row.identity());
            row.aside = entry.filter(|one| one.what.hides(row, now)).cloned();
        }
        self.hidden = Hidden::of(
            rows.iter()
                .filter_map(|row| Some(&row.aside.as_ref()?.what)),
        );
        if !self.shown {
            rows.retain(|row| row.aside.is_none());
        }
        rows
    }

    /// Looks for what ends an acknowledgement: its finding got worse, or went away. `found` is all that is found now;
    /// `certain` gives the reading by which a finding that is not among it is certainly not there. Only a console of the
    /// same role can say so: another may see less.
    pub fn watch(
        &mut self,
        found: &[Row],
        now: Stamp,
        role: &str,
        certain: impl Fn(&Identity, Stamp) -> Option<Stamp>,
    ) {
        for (identity, one) in &self.known {
            if self.sent.contains(&one.id) || one.what.is_over(now) {
                continue;
            }
            let of = |row: &&Row| row.identity() == *identity;
            let level = found.iter().filter(of).map(|row| row.finding.level).max();
            let made = one.what.made().unwrap_or(now);
            match level {
                Some(level) if level > one.what.level => self.ends.push((one.id, Why::Worse)),
                Some(_) => {
                    self.missing.remove(&one.id);
                    continue;
                }
                // A snooze ends with its time only: what comes and goes is what one snoozes.
                None if one.what.until.is_some() || one.role != role => continue,
                None => {
                    let Some(read) = certain(identity, made) else {
                        self.missing.remove(&one.id);
                        continue;
                    };
                    let first = *self.missing.entry(one.id).or_insert(read);
                    if read.seconds_since(first) < GONE_SECONDS {
                        continue;
                    }
                    self.ends.push((one.id, Why::Gone));
                }
            }
            self.sent.push(one.id);
        }
    }

    /// What is to be written down.
    pub fn ends(&mut self) -> Vec<(u64, Why)> {
        std::mem::take(&mut self.ends)
    }
}
