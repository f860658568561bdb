//! Ranges that no policy of an aggregate will ever refresh, and the action that refreshes exactly these ranges.

use super::row::Row;
use crate::model::bucket::{Buckets, Range, Shape};
use crate::model::moment::Point;
use crate::model::thresholds::{Limits, reaches};
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{clock, remade, rules, text};
use crate::server::known::{At, Edition};

impl Row {
    pub(super) fn buckets(&self) -> Option<Buckets> {
        let shape = Shape {
            axis: self.axis,
            width: self.bucket_width.as_deref(),
            zone: self.bucket_zone.as_deref(),
            offset: self.bucket_offset.as_deref(),
            origin: self.bucket_origin,
        };
        Buckets::of(&self.name, shape).ok()
    }

    /// Start of the first bucket that the aggregate's policies refresh at their next run; `None`: a refresh window has no start, or
    /// unknown.
    fn edge(&self, buckets: &Buckets) -> Option<i64> {
        buckets.ceil(self.waits.reach_from?)
    }

    /// End of the refreshed range; `None`: never refreshed, or unknown.
    fn tail(&self) -> Option<i64> {
        self.waits.tail.filter(|at| self.axis.is_place(*at))
    }

    /// Last point of the history that was never materialized; if nothing was ever refreshed, the last point before the refresh windows.
    fn never(&self) -> Option<i64> {
        let never = self.never_before.filter(|at| self.axis.is_place(*at));
        never.or_else(|| {
            let fresh = self.tail().is_none() && self.waits.tail.is_some();
            let edge = self.edge(&self.buckets()?).filter(|_| fresh)?;
            edge.checked_sub(1)
        })
    }

    /// Whether rows of the source must be read to find out whether data is missing.
    pub(super) fn wants_oldest(&self) -> bool {
        let waits = &self.waits;
        let beyond = |at: i64| self.source_end.is_some_and(|end| end > at);
        let reach = waits.reach_from.zip(self.bucket_longest);
        let reach = reach.map(|(reach, longest)| reach.saturating_add(longest));
        let tail = self.tail().zip(reach);
        let history = self.never().zip(waits.source_start);
        tail.is_some_and(|(tail, reach)| tail < reach && beyond(tail))
            || history.is_some_and(|(never, start)| start <= never)
            // A refresh of chunks that were dropped and created again could lose data. The query for the oldest row finds such chunks.
            || self.unreached().is_some()
    }

    /// Range of the changes that are before the refresh windows, if the source still has their rows; `None`: no such changes, or unknown.
    fn unreached(&self) -> Option<Range> {
        let waits = &self.waits;
        let (buckets, start) = (self.buckets()?, waits.source_start?);
        let edge = self.edge(&buckets)?;
        let inside = |at: &i64| *at < edge;
        let mut all = Vec::new();
        if let Some(from) = waits.unread_from.filter(inside) {
            let more = waits.unread_next.is_some_and(|next| next < edge);
            let to = waits.unreached_to.filter(|_| !more);
            // A range in a log ends with the last point that changed, so 1 is added. The range of a chunk that was dropped and created
            // again ends with the start of the next chunk. That point did not change, so nothing is added.
            let dropped = self.gaps().remade.map(|(_, to)| to);
            let end = |to: i64| {
                if dropped == Some(to) {
                    to
                } else {
                    to.saturating_add(1)
                }
            };
            all.push((from, to.map_or(edge, end)));
        }
        // A drop of chunks logs a range that already ends with a bucket or with the start of the next chunk, so nothing is added.
        let first = buckets.step(buckets.floor(start)?, 1)?;
        let cut = waits.cut_to.filter(|to| first < *to && start < edge);
        all.extend(cut.map(|to| (start, to)));
        let unread = self.gaps().first_unread.filter(inside);
        all.extend(
            unread
                .filter(|_| self.tail().is_some())
                .map(|at| (at, edge)),
        );
        let from = buckets.floor(all.iter().map(|(from, _)| *from).min()?)?;
        let to = buckets.ceil(all.iter().map(|(_, to)| *to).max()?.min(edge))?;
        // A bucket whose rows are partly dropped cannot be computed again.
        let dropped = cut.is_some() || self.around.source_drops.is_some();
        let from = if from < start && dropped {
            buckets.ceil(start)?
        } else {
            from
        };
        (from < to).then_some(Range { from, to })
    }

    fn at(&self, raw: i64) -> String {
        text::point(Point {
            axis: self.axis,
            raw,
        })
    }
}

/// Findings for ranges that no policy run will ever refresh.
pub(super) fn judge(row: &Row, findings: &mut Findings, limits: &Limits, at: &At) {
    if at.server.edition == Edition::Apache {
        return;
    }
    if let Some((gap, buckets)) = row.unreached().zip(row.buckets()) {
        let (remade, rest) = remade::apart(&buckets, gap, row.gaps().remade);
        findings.extend(rest.into_iter().map(|gap| unreached(row, gap)));
        findings.extend(remade.map(|gap| made_again(row, gap)));
    }
    let closed = row.start_offset.is_some() && row.pending > 0;
    if let Some(error) = row.reach_error.as_ref().filter(|_| closed) {
        let reason = format!(
            "it is unknown whether some of the waiting changes are before every refresh window: {error}"
        );
        if !findings.append_reason(&rules::AGGREGATE_UNKNOWN, &reason) {
            findings.add(&rules::AGGREGATE_UNKNOWN, Level::Unknown, reason);
        }
    }
    let behind = row.pending - row.waits.unreached;
    if reaches(behind, limits.pending_ranges) {
        findings.add(
            &rules::AGGREGATE_PENDING,
            Level::Notice,
            format!(
                "{} changed ranges wait for a refresh, and each range makes the refresh take longer",
                text::count(behind)
            ),
        );
    }
    findings.extend(history(row));
}

/// Finding for late rows in chunks that may have been dropped and created again. It has no fix, because a refresh could lose data.
fn made_again(row: &Row, gap: Range) -> Finding {
    let [from, to] = [gap.from, gap.to].map(|at| clock::typed(row.axis, at));
    let reason = format!(
        "DATA LOSS by a refresh: {} has late rows from {} to {} that no policy refreshes, and {}. Leave them, or run refresh-aggregate with from='{}' to='{}': its preview shows the rows that a refresh deletes",
        row.source(),
        row.at(gap.from),
        row.at(gap.to),
        remade::REMADE,
        from.unwrap_or_default(),
        to.unwrap_or_default()
    );
    Finding::new(&rules::AGGREGATE_REMADE, Level::Warning, reason)
}

fn unreached(row: &Row, gap: Range) -> Finding {
    let ranges = match row.waits.unreached {
        0 => String::new(),
        many => format!("{} of ", text::plural(many, "changed range")),
    };
    let reach = match row.policies {
        ..2 => row.start_offset.as_deref().map_or_else(
            || "?".to_owned(),
            |start| format!("start_offset {}", text::interval(start)),
        ),
        many => format!("{many} policies"),
    };
    let reason = format!(
        "{ranges}{} from {} to {} will not be refreshed, because every refresh window begins later ({reach}): results there stay old or missing until a manual refresh",
        row.source(),
        row.at(gap.from),
        row.at(gap.to)
    );
    let finding = Finding::new(&rules::AGGREGATE_UNREACHED, Level::Warning, reason);
    let place = |at| clock::typed(row.axis, at).unwrap_or_default();
    finding
        .setting("from", place(gap.from))
        .setting("to", place(gap.to))
}

/// Finding for history that was never materialized although the source has rows of that time.
fn history(row: &Row) -> Option<Finding> {
    let (never, start) = (row.never()?, row.waits.source_start?);
    let whole = row
        .waits
        .first_chunk_end
        .is_some_and(|end| end <= never + 1);
    let rows = row.gaps().oldest.map(|oldest| oldest <= never);
    if !rows.unwrap_or(whole) {
        return None;
    }
    let to = never.saturating_add(1);
    let was = if row.never_before.is_some_and(|at| row.axis.is_place(at)) {
        "was never materialized"
    } else {
        "is older than its policy's refresh window"
    };
    let reason = format!(
        "history before {} {was}, and {} has rows from {} on",
        row.at(to),
        row.source(),
        row.at(row.gaps().oldest.unwrap_or(start))
    );
    let mut finding = Finding::new(&rules::AGGREGATE_HISTORY, Level::Notice, reason);
    if let Some(to) = clock::typed(row.axis, to) {
        // A refresh from an earlier start would delete rows of the aggregate whose source chunks were dropped.
        let from = match row.around.source_drops {
            Some(_) => clock::typed(row.axis, start).unwrap_or_default(),
            None => String::new(),
        };
        finding = finding.setting("from", from).setting("to", to);
    }
    Some(finding)
}
