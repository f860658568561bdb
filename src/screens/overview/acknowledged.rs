//! Which findings are acknowledged or snoozed, and what ends that.

use std::collections::HashMap;

use super::row::Row;
use crate::journal::acknowledge::{Acknowledgement, Identity, Wanted, Why};
use crate::model::moment::Stamp;
use crate::model::text;

/// An acknowledged finding is gone when readings so far apart have not shown it: a single one may be a moment's chance.
const GONE_SECONDS: f64 = 60.0;

impl Row {
    /// What is to be written down where this finding is acknowledged, or snoozed until then.
    pub fn wanted(&self, now: Stamp, until: Option<Stamp>, reason: &str) -> Wanted {
        Wanted {
            at: text::rfc3339(now).unwrap_or_default(),
            screen: self.screen.name().to_owned(),
            key: self.of.clone(),
            subject: self.subject.clone(),
            rule: self.finding.rule.name.to_owned(),
            level: self.finding.level,
            until: until.and_then(text::rfc3339),
            reason: reason.to_owned(),
        }
    }
}

/// What is acknowledged here now; of one finding the newest entry counts.
#[derive(Debug, Default)]
pub struct Acknowledged {
    known: HashMap<Identity, Acknowledgement>,
    /// The length of the journal that it was read from; the file only grows. `None`: not read yet.
    pub length: Option<u64>,
    /// Why it could not be read.
    pub error: Option<String>,
    /// An answer is under way.
    pub waiting: bool,
    /// What is acknowledged is shown too.
    pub shown: bool,
    hidden: Hidden,
    /// The first of the readings that have not shown the finding of an acknowledgement.
    missing: HashMap<u64, Stamp>,
    /// What is to be written down, and what has been sent to be.
    ends: Vec<(u64, Why)>,
    sent: Vec<u64>,
}

/// How many findings are acknowledged.
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

impl Acknowledged {
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

    /// Marks the findings that are acknowledged, and leaves them out where they are not to be shown.
    pub fn part(&mut self, mut rows: Vec<Row>, now: Stamp) -> Vec<Row> {
        for row in &mut rows {
            let entry = self.known.get(&row.identity());
            row.acknowledged = entry
                .filter(|one| one.what.hides(&row.finding, now))
                .cloned();
        }
        self.hidden = Hidden::of(
            rows.iter()
                .filter_map(|row| Some(&row.acknowledged.as_ref()?.what)),
        );
        if !self.shown {
            rows.retain(|row| row.acknowledged.is_none());
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
