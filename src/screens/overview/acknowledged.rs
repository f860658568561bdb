//! Acknowledged and snoozed findings, and when an acknowledgement ends.

use std::collections::HashMap;

use super::row::Row;
use crate::journal::acknowledge::{Acknowledgement, Identity, Wanted, Why};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::verdict::Finding;

/// Seconds for which a finding must be missing before its acknowledgement ends, because a single load may miss it by chance.
const GONE_SECONDS: f64 = 60.0;

impl Row {
    /// The journal line that acknowledges this finding, or snoozes it until `until`.
    pub(crate) fn wanted(&self, now: Stamp, until: Option<Stamp>, reason: &str) -> Wanted {
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

/// The acknowledgements in effect: the newest acknowledgement of each finding.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    known: HashMap<Identity, Acknowledgement>,
    /// Length of the journal file when it was read (the file only grows); `None`: not read yet.
    pub length: Option<u64>,
    /// Error of the last attempt to read the journal; `None`: the attempt succeeded.
    pub error: Option<String>,
    /// Whether the journal is being read.
    pub waiting: bool,
    pub shown: bool,
    hidden: Hidden,
    /// Acknowledgements (by id of the journal entry) whose finding is missing, with the time of the first load without it.
    missing: HashMap<u64, Stamp>,
    /// Ended acknowledgements that must be written to the journal.
    ends: Vec<(u64, Why)>,
    sent: Vec<u64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hidden {
    acknowledged: usize,
    snoozed: usize,
}

impl Hidden {
    fn of<'a>(all: impl IntoIterator<Item = &'a Wanted>) -> Self {
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

    /// Text such as `3 acknowledged, 1 snoozed`; `None`: no finding is hidden.
    pub(crate) fn words(self) -> Option<String> {
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
    /// Takes the acknowledgements in effect from the journal: the newest acknowledgement of each finding.
    pub(crate) fn take(&mut self, length: u64, all: Vec<Acknowledgement>) {
        self.length = Some(length);
        let known = |one: Acknowledgement| Some((one.what.identity()?, one));
        self.known = all.into_iter().filter_map(known).collect();
        self.missing
            .retain(|id, _| self.known.values().any(|one| one.id == *id));
    }

    /// Causes the journal to be read again, because a reconnect may have reached another server.
    pub(crate) fn doubt(&mut self) {
        self.length = None;
        self.waiting = false;
        self.missing.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(crate) fn hidden(&self) -> Hidden {
        self.hidden
    }

    /// Whether this finding is acknowledged, or reports the fault of a job whose finding on the Jobs screen is acknowledged.
    pub(crate) fn hides(&self, screen: ScreenId, of: &str, finding: &Finding, now: Stamp) -> bool {
        let at = |screen, of: String| {
            let known = self.known.get(&(screen, of, finding.rule.name));
            known.is_some_and(|one| one.what.hides(finding, now))
        };
        let job = || finding.job.map(|job| job.to_string());
        at(screen, of.to_owned()) || job().is_some_and(|job| at(ScreenId::Jobs, job))
    }

    /// Marks the acknowledged findings, and removes them unless the user has chosen to see them.
    pub(crate) fn part(&mut self, mut rows: Vec<Row>, now: Stamp) -> Vec<Row> {
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

    /// Ends the acknowledgements whose finding got worse or disappeared. `found`: the present findings. `certain` returns the time of a
    /// load that proves that a finding is gone. Only a console of the role that acknowledged can prove that: another role may see less.
    pub(crate) fn watch(
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
                // Users snooze findings that come and go, so a snooze ends only at its time. Another role may see less than the role that
                // acknowledged.
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

    /// Takes the ended acknowledgements, to be written to the journal.
    pub(crate) fn ends(&mut self) -> Vec<(u64, Why)> {
        std::mem::take(&mut self.ends)
    }
}
