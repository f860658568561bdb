//! What is to be said of a hypertable's compression, in words.

use super::row::{Recorded, Row};
use crate::model::target::Target;
use crate::model::thresholds::{Limits, exceeds, reaches};
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::version::Version;
use crate::model::{rules, text};
use crate::screens::policy;
use crate::screens::policy::{Policy, Work};
use crate::server::known::At;

/// Ends the session that is in the way.
const END: &str = "terminate-session";

const WORK: Work = Work {
    what: "its backlog",
    after: "compress_after",
    created: "compress_created_before",
    unknown: &rules::COMPRESSION_UNKNOWN,
    setting: &rules::COMPRESSION_SETTING,
};

impl Recorded {
    /// How many rows a batch holds; up to 1000 fit.
    fn rows_a_batch(&self) -> Option<f64> {
        average(self.rows?, self.batches?)
    }

    /// How many rows a chunk holds.
    fn rows_each(&self) -> Option<f64> {
        average(self.rows?, self.chunks)
    }

    /// How bad their ratio is, in words; `None`: good, or not worth judging.
    fn poor(&self, limits: &Limits) -> Option<(Level, String)> {
        let (before, after) = (self.before?, self.after?);
        let ratio = self.ratio().filter(|_| self.chunks > 0)?;
        // Of a smaller chunk the fixed size of pages decides the ratio, not the settings.
        let large = reaches(before / self.chunks, limits.poor_chunk_bytes);
        let more = after - before;
        if ratio < 1.0 && (large || reaches(more, limits.grown_bytes)) {
            let more = text::bytes(more);
            let said = format!(
                "compressed chunks are larger than before ({ratio:.1}x, {more} more in all)"
            );
            Some((Level::Warning, said))
        } else if large && ratio < limits.poor_ratio {
            Some((Level::Notice, format!("the ratio of {ratio:.1}x is poor")))
        } else {
            None
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an average is rounded")]
fn average(all: i64, of: i64) -> Option<f64> {
    (all > 0 && of > 0).then(|| all as f64 / of as f64)
}

impl Row {
    pub(super) fn judge(&self, at: &At) -> Verdict {
        let mut findings = Findings::default();
        let limits = at.limits(&self.full_name());
        if !self.enabled {
            let old = if exceeds(self.chunks, limits.uncompressed_chunks) {
                Level::Notice
            } else {
                Level::Ok
            };
            return Verdict::of(
                &rules::COMPRESSION_OFF,
                old,
                format!(
                    "compression is not enabled; {}",
                    text::plural(self.chunks, "chunk")
                ),
            );
        }
        match &self.policy {
            Some(policy) => {
                let waits = self.backlog.is_some_and(|backlog| backlog > 0);
                policy.judge(&mut findings, &limits, at.now, waits);
                self.judge_blocked(&mut findings, policy, at);
                self.judge_backlog(&mut findings, policy, at);
            }
            None if exceeds(self.uncompressed, limits.unscheduled_chunks) => {
                findings.add(&rules::COMPRESSION_NO_POLICY, Level::Notice, format!("enabled, but without a policy: {} uncompressed until somebody compresses by hand; add-compression-policy wants to be told from which age on (compress_after)", text::plural(self.uncompressed, "chunk")));
            }
            None => {}
        }
        self.judge_ratio(&mut findings, &limits);
        self.judge_settings(&mut findings, &limits);
        self.judge_record(&mut findings);
        self.judge_pointless(&mut findings);
        self.judge_partial(&mut findings);
        self.judge_frozen(&mut findings, at);
        findings.verdict(format!(
            "{} of {} compressed, {}",
            text::count(self.compressed + self.partial),
            text::plural(self.chunks, "chunk"),
            match self.policy {
                Some(_) => "as the policy promises",
                None => "without a policy",
            }
        ))
    }

    /// Late rows in compressed chunks.
    fn judge_partial(&self, findings: &mut Findings) {
        let due = match &self.policy {
            Some(_) => self.partial_due.unwrap_or(0),
            None => self.partial,
        };
        if due == 0 {
            return;
        }
        let then = match &self.policy {
            Some(_) if self.recompress.as_deref() == Some("false") => {
                "its policy leaves them so (recompress=false in its configuration)"
            }
            Some(policy) if policy.scheduled => "the policy's next run recompresses",
            Some(_) => "its policy, which would recompress, is paused",
            None => "there is no policy that would recompress",
        };
        let reason = format!(
            "{} partially compressed: late rows came in, {then}",
            text::plural(due, "chunk")
        );
        findings.add(&rules::COMPRESSION_PARTIAL, Level::Notice, reason);
    }

    fn judge_frozen(&self, findings: &mut Findings, at: &At) {
        if self.frozen == 0 {
            return;
        }
        let schema = if at.server.sql_version() < Version::new(2, 12) {
            "_timescaledb_internal"
        } else {
            "_timescaledb_functions"
        };
        let reason = format!(
            "{} frozen: policies pass over it; SELECT {schema}.unfreeze_chunk(chunk) thaws it (the details name it)",
            text::plural(self.frozen, "chunk")
        );
        findings.add(&rules::COMPRESSION_FROZEN, Level::Notice, reason);
    }

    /// How long a chunk may wait for the policy's next run and still be as promised.
    fn patience(&self, limits: &Limits) -> f64 {
        let schedule = self
            .policy
            .as_ref()
            .and_then(|policy| policy.schedule_seconds);
        schedule.unwrap_or(86_400.0) + limits.compression_patience
    }

    /// The likeliest reason of a poor ratio of chunks that are under the table's present settings, and what fixes it.
    fn why_poor(&self, of: &Recorded, few: f64) -> (String, Option<&'static str>) {
        let fix = rules::COMPRESSION_RATIO.fix;
        let segments = self.segment_by.as_deref();
        if let Some(rows) = of.rows_each().filter(|rows| *rows < few) {
            let why = format!(
                "chunks hold too few rows: {rows:.0} each, where 1000 fit into a batch; set-chunk-interval wants to be told a longer interval, for new chunks"
            );
            return (why, Some("set-chunk-interval"));
        }
        let why = match (segments, of.rows_a_batch()) {
            (Some(by), Some(rows)) if rows < few => format!(
                "segment-by {by} is too fine for chunks of this size: {rows:.0} rows a batch, where 1000 fit"
            ),
            (None, Some(rows)) if rows < few => {
                format!("batches hold too few rows: {rows:.0}, where 1000 fit")
            }
            (None, _) if self.open => {
                "segment-by and order-by are left to TimescaleDB, which chose when the chunks were compressed: name a segment-by"
                    .to_owned()
            }
            (None, _) => {
                "there is no segment-by, so that rows of different things lie in one batch"
                    .to_owned()
            }
            (Some(_), _) if self.order_by.is_none() => {
                "the order-by is left to TimescaleDB, which orders by time: another may put like values side by side"
                    .to_owned()
            }
            (Some(by), Some(rows)) => format!(
                "look at segment-by {by} and the order-by ({rows:.0} rows a batch are enough)"
            ),
            (Some(_), None) => "look at segment-by and order-by".to_owned(),
        };
        (why, fix)
    }

    /// Of the chunks that are under the table's present settings: nothing else can be blamed on these.
    fn judge_ratio(&self, findings: &mut Findings, limits: &Limits) {
        let present = match (&self.packed_error, self.old_settings) {
            // Then it may be that of others.
            (Some(_), _) => self.record(),
            (None, Some(_)) => self.record().without(self.old_record),
            (None, None) => return,
        };
        let Some((level, said)) = present.poor(limits) else {
            return;
        };
        let (why, fix) = match &self.packed_error {
            Some(error) => {
                let why =
                    format!("under which settings they were compressed is not known ({error})");
                (why, None)
            }
            None => self.why_poor(&present, limits.batch_rows),
        };
        let reason = format!("{said}: {why}");
        findings.push(Finding::new(&rules::COMPRESSION_RATIO, level, reason).fixed_by(fix));
    }

    /// Retention that is faster than compression.
    fn judge_pointless(&self, findings: &mut Findings) {
        let (Some(true), Some(drop), Some(policy)) =
            (self.drops_first, &self.drop_after, &self.policy)
        else {
            return;
        };
        let after = policy
            .after
            .as_deref()
            .map_or("?".to_owned(), text::interval);
        findings.add(
            &rules::COMPRESSION_POINTLESS,
            Level::Warning,
            format!(
                "its policy compresses after {after}, and retention drops after {} already: nothing is ever compressed; set compress_after well below drop_after",
                text::interval(drop)
            ),
        );
    }

    fn judge_backlog(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        let Some(backlog) = self.backlog else {
            let not_run = policy.not_run(self.about_backlog);
            let error = not_run.as_deref().or(self.backlog_error.as_deref());
            policy.judge_unknown(findings, &WORK, self.axis, self.has_now, error);
            return;
        };
        if self.recompress.as_deref() == Some("false")
            && (Version::new(2, 22)..Version::new(2, 27)).contains(&at.server.sql_version())
        {
            let reason = "recompress=false in the policy's configuration makes it compress nothing on TimescaleDB 2.22 to 2.26, in silence: remove it";
            findings.push(
                Finding::new(&rules::COMPRESSION_SETTING, Level::Critical, reason)
                    .setting("recompress", "yes"),
            );
        }
        if backlog == 0 {
            return;
        }
        let waits = text::plural(backlog, "chunk");
        let limits = at.limits(&self.full_name());
        let then = policy.then(&limits, at.now);
        let rule = &rules::COMPRESSION_BACKLOG;
        let created = policy.created.as_ref().filter(|_| policy.after.is_none());
        let past = created.map_or("compress-after", |_| WORK.created);
        findings.push(
            match policy::overdue(self.overdue_seconds, self.due_since, at.now) {
                _ if policy.is_new(&limits, at.now) => {
                    let trend = self.trend(backlog, policy, at);
                    Finding::new(rule, Level::Ok, format!("{waits} due{trend}{then}"))
                }
                Some((overdue, long)) if overdue > self.patience(&limits) => {
                    let reason = format!(
                        "{waits} past {past} not compressed, the oldest due for {long}{}{then}",
                        self.trend(backlog, policy, at),
                    );
                    Finding::new(rule, Level::Warning, reason)
                        .since(Some(at.now.plus_seconds(-overdue)))
                }
                due if policy.is_put_off(self.axis, &limits, at.now) => {
                    let due = policy::due_for(due);
                    let reason = format!("{waits} past {past} not compressed, {due}{then}");
                    Finding::new(rule, Level::Warning, reason)
                }
                None => Finding::new(
                    rule,
                    Level::Ok,
                    format!("{waits} due, for how long is not known{then}"),
                ),
                Some(_) if then.is_empty() || policy.starts_far(&limits, at.now) => {
                    Finding::new(rule, Level::Ok, format!("{waits} due"))
                }
                Some(_) => Finding::new(
                    rule,
                    Level::Ok,
                    format!("{waits} due, as usual between two runs{then}"),
                ),
            },
        );
    }

    /// What keeps the policy from its work: a lock that it waits for, or one chunk at which run after run fails.
    fn judge_blocked(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        let patience = at.limits(&self.full_name()).blocked;
        let rule = &rules::COMPRESSION_BLOCKED;
        let blocked = self.blocked.as_ref();
        let waits = blocked.and_then(|of| of.finding(rule, "its policy", at.now, patience));
        if let Some(finding) = waits {
            findings.push(finding.of_job(policy.job_id));
            return;
        }
        let Some(stuck) = self.stuck.as_ref().filter(|_| policy.scheduled) else {
            return;
        };
        let failing = policy.is_failing();
        let (run, why) = match (failing, stuck.why(at.now)) {
            (true, None) => ("fails", "the Jobs screen has the error".to_owned()),
            (false, None) => (
                "ran with success",
                "its lock was not to be had then, or somebody decompressed it since".to_owned(),
            ),
            (true, Some(why)) => ("fails", why),
            (false, Some(why)) => ("ran with success", why),
        };
        let level = if failing || stuck.holder.is_some() {
            Level::Warning
        } else {
            Level::Notice
        };
        let reason = format!(
            "its policy {run}, and chunk {} stays uncompressed though later ones are compressed: {why}",
            stuck.chunk
        );
        let finding = Finding::new(&rules::COMPRESSION_BLOCKED, level, reason);
        findings.push(match stuck.holder {
            Some(pid @ 1..) => finding.fixed_by(Some(END)).upon(Target::session(pid)),
            // No session can be ended; the transaction must be.
            Some(_) => finding.fixed_by(None),
            None => finding.setting("chunks", stuck.chunk.as_str()),
        });
    }

    /// Chunks that were compressed before the settings were changed.
    fn judge_settings(&self, findings: &mut Findings, limits: &Limits) {
        let Some(old) = self.old_settings.filter(|old| *old > 0) else {
            return;
        };
        let of = text::plural(self.compressed + self.partial, "compressed chunk");
        let (level, theirs) = self.old_record.poor(limits).map_or_else(
            || (Level::Notice, String::new()),
            |(level, said)| (level, format!(" ({said})")),
        );
        let reason = format!(
            "{} of {of} under other settings than the table's now{theirs}: what was changed does not count for them until they are rewritten",
            text::count(old)
        );
        findings.add(&rules::COMPRESSION_OLD, level, reason);
    }

    /// Chunks whose size is far from what was recorded when they were compressed.
    fn judge_record(&self, findings: &mut Findings) {
        let Some(drift) = self.drift else {
            return;
        };
        let take = if drift.chunks == 1 { "takes" } else { "take" };
        let reason = format!(
            "{} {take} {} where {} is on record: the ratio is that of the record (the details have both, chunk by chunk)",
            text::plural(drift.chunks, "compressed chunk"),
            text::bytes(drift.bytes),
            text::bytes(drift.recorded)
        );
        let finding = Finding::new(&rules::COMPRESSION_RECORD, Level::Notice, reason);
        findings.push(if self.partial + self.unordered > 0 {
            finding
        } else {
            finding.fixed_by(None)
        });
    }
}
