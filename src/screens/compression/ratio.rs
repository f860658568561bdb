//! Finding for a poor compression ratio, with the most likely cause.

use super::row::{Recorded, Row};
use crate::model::thresholds::{Limits, reaches};
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{rules, text};
use crate::screens::later::Later;

impl Recorded {
    /// Average rows per batch; a batch has room for 1000.
    fn rows_a_batch(&self) -> Option<f64> {
        average(self.rows?, self.batches?)
    }

    fn rows_each(&self) -> Option<f64> {
        average(self.rows?, self.chunks)
    }

    /// Level and text of a poor ratio; `None`: the ratio is good or unknown, or it wastes few bytes.
    pub(super) fn poor(&self, limits: &Limits) -> Option<(Level, String)> {
        let (before, after) = (self.before?, self.after?);
        let ratio = self.ratio().filter(|_| self.chunks > 0)?;
        // The ratio of a small chunk depends on the size of pages, not on the settings.
        let large = reaches(before / self.chunks, limits.poor_chunk_bytes);
        let more = after - before;
        // The bytes that a good ratio would save. A few kB are no reason to change settings.
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "the last digits do not matter for a threshold"
        )]
        let excess = after - (before as f64 / limits.poor_ratio) as i64;
        if ratio < 1.0 && reaches(more, limits.grown_bytes) {
            let more = text::bytes(more);
            let said = format!(
                "compressed chunks are larger than before ({ratio:.1}x, {more} more in all)"
            );
            Some((Level::Warning, said))
        } else if large && ratio < limits.poor_ratio && reaches(excess, limits.grown_bytes) {
            Some((Level::Notice, format!("the ratio of {ratio:.1}x is poor")))
        } else {
            None
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the last digits of an average do not matter"
)]
fn average(all: i64, of: i64) -> Option<f64> {
    (all > 0 && of > 0).then(|| all as f64 / of as f64)
}

impl Row {
    /// The most likely cause of a poor ratio with the present settings, and its fix.
    fn why_poor(&self, of: &Recorded, few: f64) -> (String, Option<&'static str>) {
        let fix = rules::COMPRESSION_RATIO.fix;
        let segments = self.segment_by.as_deref();
        if let Some(rows) = of.rows_each().filter(|rows| *rows < few) {
            let why = format!(
                "chunks have too few rows: {rows:.0} each (up to 1000 fit into a batch). Set a longer interval for new chunks with set-chunk-interval"
            );
            return (why, Some("set-chunk-interval"));
        }
        let why = match (segments, of.rows_a_batch()) {
            (Some(by), Some(rows)) if rows < few => format!(
                "segmentby {by} is too fine for chunks of this size: {rows:.0} rows per batch (up to 1000 fit). Use a column with fewer values"
            ),
            (None, Some(rows)) if rows < few => {
                format!("batches have too few rows: {rows:.0} (up to 1000 fit)")
            }
            (None, _) if self.open => {
                "segmentby and orderby are not set, so TimescaleDB chose them when it compressed the chunks. Set a segmentby"
                    .to_owned()
            }
            (None, _) => {
                "segmentby is not set, so batches mix rows of different series. Set a segmentby"
                    .to_owned()
            }
            (Some(_), _) if self.order_by.is_none() => {
                "orderby is not set, so rows are sorted by time. An orderby that puts similar values together may compress better"
                    .to_owned()
            }
            (Some(by), Some(rows)) => format!(
                "check segmentby {by} and orderby ({rows:.0} rows per batch are enough)"
            ),
            (Some(_), None) => "check segmentby and orderby".to_owned(),
        };
        (why, fix)
    }

    /// Finding for a poor ratio of the chunks that were compressed with the present settings.
    pub(super) fn judge_ratio(&self, findings: &mut Findings, limits: &Limits) {
        let present = match &self.packed {
            // If the settings of each chunk are unknown, all chunks are judged together.
            Later::Failed(_) => self.record(),
            Later::Read(packed) if packed.old.is_some() => self.record().without(packed.old_record),
            _ => return,
        };
        let Some((level, said)) = present.poor(limits) else {
            return;
        };
        let (why, fix) = match self.packed.error() {
            Some(error) => {
                let why = format!("the settings of these chunks are unknown ({error})");
                (why, None)
            }
            None => self.why_poor(&present, limits.batch_rows),
        };
        let reason = format!("{said}: {why}");
        findings.push(Finding::new(&rules::COMPRESSION_RATIO, level, reason).fixed_by(fix));
    }
}
