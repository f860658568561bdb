//! Acknowledged and snoozed findings, and the end of an acknowledgement.

use std::collections::HashMap;

use super::row::Row;
use crate::journal::acknowledge::{Acknowledgement, Identity, Wanted, Why};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::verdict::Finding;

/// An acknowledgement ends when its finding was missing for this long; a single reading may miss it by chance.
const GONE_SECONDS: f64 = 60.0;

impl Row {
    /// The journal's line that acknowledges this finding, or snoozes it until `until`.
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

/// The acknowledgements in force, one for each finding (the newest).
#[derive(Debug, Default)]
pub struct Acknowledged {
    known: HashMap<Identity, Acknowledgement>,
    /// Length of the journal when it was read; the file only grows. `None`: not read yet.
    pub length: Option<u64>,
    /// Why the journal could not be read.
    pub error: Option<String>,
    /// A request to the journal is under way.
    pub waiting: bool,
    /// Acknowledged findings are shown too.
    pub shown: bool,
    hidden: Hidden,
    /// For each acknowledgement whose finding is missing: the first reading without it.
    missing: HashMap<u64, Stamp>,
    /// Acknowledgements that have ended: those to be written to the journal, and those already sent to it.
    ends: Vec<(u64, Why)>,
    sent: Vec<u64>,
}

/// Number of acknowledged and of snoozed findings.
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
    /// Takes the journal's acknowledgements; `all` holds those in force, the newest of each finding.
    pub fn take(&mut self, length: u64, all: Vec<Acknowledgement>) {
        self.length = Some(length);
        let known = |one: Acknowledgement| Some((one.what.identity()?, one));
        self.known = all.into_iter().filter_map(known).collect();
        self.missing
            .retain(|id, _| self.known.values().any(|one| one.id == *id));
    }

    /// Makes everything be read again, because the new connection may lead to another server.
    pub(crate) fn doubt(&mut self) {
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

    /// Whether this finding of a screen's row is acknowledged, or the fault of a job that it repeats.
    pub(crate) fn hides(&self, screen: ScreenId, of: &str, finding: &Finding, now: Stamp) -> bool {
        let at = |screen, of: String| {
            let known = self.known.get(&(screen, of, finding.rule.name));
            known.is_some_and(|one| one.what.hides(finding, now))
        };
        let job = || finding.job.map(|job| job.to_string());
        at(screen, of.to_owned()) || job().is_some_and(|job| at(ScreenId::Jobs, job))
    }

    /// Marks the acknowledged findings, and leaves them out unless they are to be shown.
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

    /// Ends the acknowledgements whose finding got worse or went away. `found` are the present findings; `certain` returns
    /// the time of a reading that proves that a missing finding is gone. Only a console of the same role can end one for
    /// that reason, because another role may see less.
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
                // A snooze ends with its time only, because findings that come and go are what users snooze.
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

    /// The ended acknowledgements that are to be written to the journal.
    pub fn ends(&mut self) -> Vec<(u64, Why)> {
        std::mem::take(&mut self.ends)
    }
}
