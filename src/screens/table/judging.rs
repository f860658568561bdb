//! The verdicts on a table's rows, and the lines above the rows, which are as old as the verdicts.

use super::{Table, cell_width, shown};
use crate::model::verdict::{Finding, Level, Verdict};
use crate::screens::record::Record;
use crate::server::known::At;

impl<R: Record> Table<R> {
    /// The rows with findings, by their last verdicts.
    pub fn found(&self) -> impl Iterator<Item = (&R, &[Finding])> {
        let all = self.rows.iter().zip(&self.findings);
        all.filter(|(_, findings)| !findings.is_empty())
            .map(|(row, findings)| (row, &**findings))
    }

    /// Computes the verdicts again if they are 10 seconds old, because they depend on the time.
    pub(crate) fn tick(&mut self, at: &At) {
        if at.now.seconds_since(self.judged) >= 10.0 {
            self.judge(at);
        }
    }

    /// Computes the verdicts again, and sorts the rows if a level has changed.
    pub(crate) fn judge(&mut self, at: &At) {
        let before = self.levels.clone();
        self.update_verdicts(at);
        if before != self.levels {
            self.rearrange(at);
        }
    }

    pub(super) fn update_verdicts(&mut self, at: &At) {
        let judged = self.rows.iter().map(|row| {
            let mut verdict = row.verdict(at);
            verdict.findings.retain(|finding| finding.level > Level::Ok);
            (verdict.level, verdict.findings.into_boxed_slice())
        });
        (self.levels, self.findings) = judged.collect();
        self.rank();
        self.headline = R::headline(&self.rows[..self.own], &self.findings, at);
        self.caveats = missing(self.rows(), at);
        self.judged = at.now;
        self.widths = shown::<R>()
            .map(|column| {
                // Only columns that grow need this width. The first 2000 rows are enough to find it.
                let rows = self.rows.iter().take(if column.grows { 2000 } else { 0 });
                rows.map(|row| cell_width(column, row, at))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
    }

    pub(crate) fn verdict(&self, at: &At) -> Option<Verdict> {
        self.selected().map(|row| row.verdict(at))
    }

    /// At most two lines of totals over all rows, filtered or not.
    pub fn headline(&self) -> &[String] {
        &self.headline
    }

    /// Texts about data that cannot be shown. They are as old as the verdicts: reading all rows for each frame takes too long.
    pub(in crate::screens) fn caveats(&self, at: &At) -> Vec<String> {
        if self.is_empty_of_data() {
            missing::<R>(&[], at)
        } else {
            self.caveats.clone()
        }
    }
}

/// Reasons of the findings about hidden data, and the texts about data that cannot be shown.
fn missing<R: Record>(rows: &[R], at: &At) -> Vec<String> {
    let hidden = R::hidden(rows, at).into_iter();
    let reasons = hidden.map(|finding| finding.reason);
    reasons.chain(R::caveats(rows, at)).collect()
}
