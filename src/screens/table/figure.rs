//! The value that a finding is about, and whether it was read again after an action.

use super::Table;
use super::again::Again;
use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::screens::record::{Exact, Record};
use crate::server::known::At;

impl<R: Record> Table<R> {
    /// Number of the newest request for rows.
    pub(crate) fn newest_request(&self) -> u64 {
        self.asked
    }

    /// Name and text of the value that findings of this rule are about, for the row with this key.
    pub(crate) fn figure(
        &self,
        key: &str,
        rule: &'static Rule,
        at: &At,
    ) -> Option<(String, String)> {
        self.find(key)?.figure(rule, at)
    }

    /// The row and the value after an action; `None`: an exact figure that they depend on was not read since [`Table::forget_exact`].
    pub(crate) fn again(&self, key: &str, rule: &'static Rule, at: &At) -> Option<Again> {
        let Some(place) = self.rows.iter().position(|row| row.key() == key) else {
            return Some(Again {
                listed: false,
                figure: None,
                reason: None,
                verdict: String::new(),
            });
        };
        let row = &self.rows[place];
        let mut deciding = R::EXACT.iter().enumerate();
        let was_read = deciding.all(|(nth, exact)| {
            let Some((id, _)) = (exact.want)(row).filter(|_| decides(exact, row, rule, at)) else {
                return true;
            };
            let had = self.exact.get(&(nth, id));
            had.is_some_and(|had| had.asked > Stamp::BEFORE_ALL && had.error.is_none())
        });
        let finding = self.findings[place]
            .iter()
            .find(|finding| finding.rule == rule);
        was_read.then(|| Again {
            listed: true,
            figure: row.figure(rule, at),
            reason: finding.map(|finding| finding.reason.clone()),
            verdict: row.verdict(at).reason,
        })
    }
}

/// Whether the value or the finding depends on this exact figure.
fn decides<R: Record>(exact: &Exact<R>, row: &R, rule: &'static Rule, at: &At) -> bool {
    if (exact.judges)(rule) {
        return true;
    }
    let mut without = row.clone();
    (exact.take)(&mut without, Err("not read"));
    without.figure(rule, at) != row.figure(rule, at)
}
