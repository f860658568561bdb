//! Findings of a hypertable's compression.

use super::row::Row;
use crate::model::moment::Stamp;
use crate::model::target::Target;
use crate::model::thresholds::{Limits, exceeds};
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::version::Version;
use crate::model::{rules, text};
use crate::screens::policy;
use crate::screens::policy::{Policy, Work};
use crate::server::known::At;

const END: &str = "terminate-session";

const WORK: Work = Work {
    what: "its backlog",
    after: "compress_after",
    created: "compress_created_before",
    unknown: &rules::COMPRESSION_UNKNOWN,
    setting: &rules::COMPRESSION_SETTING,
};

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
                    "compression is not enabled for its {}",
                    text::plural(self.chunks, "chunk")
                ),
            );
        }
        match &self.policy {
            Some(policy) => {
                let waits = self.backlog().is_some_and(|backlog| backlog > 0);
                policy.judge(&mut findings, &limits, at.now, waits);
                self.judge_blocked(&mut findings, policy, at);
                self.judge_backlog(&mut findings, policy, at);
            }
            None if exceeds(self.uncompressed, limits.unscheduled_chunks) => {
                findings.add(&rules::COMPRESSION_NO_POLICY, Level::Notice, format!("compression is enabled, but without a policy: {} uncompressed. add-compression-policy compresses chunks above an age that you choose (compress_after)", text::plural(self.uncompressed, "chunk")));
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
                Some(_) => "on schedule",
                None => "without a policy",
            }
        ))
    }

    /// Finding for late rows in compressed chunks.
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
                "its policy does not recompress them (recompress=false in its configuration)"
            }
            Some(policy) if policy.scheduled => "the policy's next run recompresses them",
            Some(_) => "the policy that would recompress them is paused",
            None => "there is no policy to recompress them",
        };
        let reason = format!(
            "late rows made {} partially compressed; {then}",
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
            "{} frozen: policies skip frozen chunks. SELECT {schema}.unfreeze_chunk(chunk) unfreezes a chunk (the details have the names)",
            text::plural(self.frozen, "chunk")
        );
        findings.add(&rules::COMPRESSION_FROZEN, Level::Notice, reason);
    }

    /// Seconds after which a chunk that is due is overdue: the schedule interval (a day if unknown) plus `compression_patience`.
    fn patience(&self, limits: &Limits) -> f64 {
        let schedule = self
            .policy
            .as_ref()
            .and_then(|policy| policy.schedule_seconds);
        schedule.unwrap_or(86_400.0) + limits.compression_patience
    }

    /// Finding for chunks that are dropped before they are compressed.
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
                "its policy compresses after {after}, but retention drops after {}: nothing is ever compressed. Set compress_after well below drop_after",
                text::interval(drop)
            ),
        );
    }

    fn judge_backlog(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        let counted = self.counted.get();
        let Some(backlog) = self.backlog() else {
            let not_run = policy.not_run(counted.and_then(|counted| counted.about));
            let error = not_run.as_deref().or(self.backlog_error());
            policy.judge_unknown(findings, &WORK, self.axis, self.has_now, error);
            return;
        };
        if self.recompress.as_deref() == Some("false")
            && (Version::new(2, 22)..Version::new(2, 27)).contains(&at.server.sql_version())
        {
            let reason = "with recompress=false in its configuration, the policy compresses nothing on TimescaleDB 2.22 to 2.26, and reports no error. Remove this setting";
            findings.push(
                Finding::new(&rules::COMPRESSION_SETTING, Level::Critical, reason)
                    .setting("recompress", "yes"),
            );
        }
        if backlog == 0 {
            return;
        }
        let since = counted.and_then(|counted| counted.since);
        findings.push(self.waiting(backlog, since, policy, at));
    }

    /// Finding for chunks that are due. They are a problem only if they stay due for longer than the time between two runs.
    fn waiting(&self, backlog: i64, since: Option<Stamp>, policy: &Policy, at: &At) -> Finding {
        let waits = text::plural(backlog, "chunk");
        let limits = at.limits(&self.full_name());
        let then = policy.then(&limits, at.now);
        let created = policy.created.as_ref().filter(|_| policy.after.is_none());
        let past = created.map_or("compress_after", |_| WORK.created);
        let due = policy::overdue(self.overdue_seconds, since, at.now);
        let patience = self.patience(&limits);
        // If the next run cannot compress all these chunks, waiting for it does not explain the backlog.
        let all = self.most().is_none_or(|most| backlog <= most);
        let changed = due
            .as_ref()
            .filter(|_| all)
            .and_then(|(long, _)| policy.waits_since_change(*long, patience, &limits, at.now));
        if let Some(why) = changed {
            let reason = format!("{waits} due; {why}{then}");
            return Finding::new(&rules::COMPRESSION_BACKLOG, Level::Ok, reason);
        }
        let due = policy.waited(due, &limits, at.now);
        let (level, reason) = match due {
            _ if policy.is_new(&limits, at.now) => {
                let trend = self.trend(backlog, policy, at);
                (Level::Ok, format!("{waits} due{trend}{then}"))
            }
            Some((overdue, long)) if overdue > patience => {
                let trend = self.trend(backlog, policy, at);
                let reason = format!(
                    "{waits} past {past} not compressed, the oldest due for {long}{trend}{then}"
                );
                return Finding::new(&rules::COMPRESSION_BACKLOG, Level::Warning, reason)
                    .since(Some(at.now.plus_seconds(-overdue)));
            }
            due if policy.is_put_off(self.axis, &limits, at.now) => {
                let due = policy::due_for(due);
                let reason = format!("{waits} past {past} not compressed, {due}{then}");
                (Level::Warning, reason)
            }
            None => (
                Level::Ok,
                format!("{waits} due, unknown for how long{then}"),
            ),
            Some(_) if then.is_empty() || policy.starts_far(&limits, at.now) => {
                (Level::Ok, format!("{waits} due"))
            }
            Some(_) => (
                Level::Ok,
                format!("{waits} due, as usual between two runs{then}"),
            ),
        };
        Finding::new(&rules::COMPRESSION_BACKLOG, level, reason)
    }

    /// Finding for a policy that waits for a lock, or whose last run left out a chunk that was due.
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
            (true, None) => ("fails", "the Jobs screen shows the error".to_owned()),
            (false, None) => (
                "ran successfully",
                "it was locked at the time, or it has been decompressed since".to_owned(),
            ),
            (true, Some(why)) => ("fails", why),
            (false, Some(why)) => ("ran successfully", why),
        };
        let level = if failing || stuck.holder.is_some() {
            Level::Warning
        } else {
            Level::Notice
        };
        let reason = format!(
            "its policy {run}, and chunk {} stays uncompressed although later chunks are compressed: {why}",
            stuck.chunk
        );
        let finding = Finding::new(&rules::COMPRESSION_BLOCKED, level, reason);
        findings.push(match stuck.holder {
            Some(pid @ 1..) => finding.fixed_by(Some(END)).upon(Target::session(pid)),
            // A prepared transaction has no session that could be terminated.
            Some(_) => finding.fixed_by(None),
            None => finding.setting("chunks", stuck.chunk.as_str()),
        });
    }

    /// Finding for chunks that were compressed before the settings were changed.
    fn judge_settings(&self, findings: &mut Findings, limits: &Limits) {
        let packed = self.packed.get().copied().unwrap_or_default();
        let Some(old) = packed.old.filter(|old| *old > 0) else {
            return;
        };
        let of = text::plural(self.compressed + self.partial, "compressed chunk");
        let (level, theirs) = packed.old_record.poor(limits).map_or_else(
            || (Level::Notice, String::new()),
            |(level, said)| (level, format!(" ({said})")),
        );
        let reason = format!(
            "on {} of {of} the settings are older than the table's{theirs}: rewrite-chunks applies the new settings",
            text::count(old)
        );
        findings.add(&rules::COMPRESSION_OLD, level, reason);
    }

    /// Finding for chunks whose size differs much from the size that was recorded at their compression.
    fn judge_record(&self, findings: &mut Findings) {
        let Some(drift) = self.packed.get().and_then(|packed| packed.drift) else {
            return;
        };
        let take = if drift.chunks == 1 { "takes" } else { "take" };
        let reason = format!(
            "{} {take} {}, but {} is recorded: the ratio uses the recorded sizes (the details show both for each chunk)",
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
