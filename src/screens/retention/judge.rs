//! Findings of a hypertable's retention policy.

use super::row::Row;
use crate::model::bucket::Range;
use crate::model::moment::{Point, Stamp};
use crate::model::remade::REMADE;
use crate::model::thresholds::exceeds;
use crate::model::unread::{Clock, Unread};
use crate::model::value::Value;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::{rules, text};
use crate::screens::policy;
use crate::screens::policy::{Policy, Work};
use crate::server::known::At;

const WORK: Work = Work {
    what: "what the next run drops",
    after: "drop_after",
    created: "drop_created_before",
    unknown: &rules::RETENTION_UNKNOWN,
    setting: &rules::RETENTION_SETTING,
};

impl Row {
    pub(super) fn judge(&self, at: &At) -> Verdict {
        let mut findings = Findings::default();
        let limits = at.limits(&self.full_name());
        let Some(policy) = &self.policy else {
            return match self.age(at) {
                Some(age)
                    if age > limits.no_retention_age
                        && exceeds(self.chunks, limits.no_retention_chunks) =>
                {
                    Verdict::of(
                        &rules::RETENTION_NONE,
                        Level::Notice,
                        format!(
                            "no policy: nothing is ever dropped; the oldest of {} begins {} ago. Choose a drop_after for add-retention-policy",
                            text::plural(self.chunks, "chunk"),
                            text::duration(age)
                        ),
                    )
                }
                Some(age) if self.chunks > 0 => Verdict::ok(format!(
                    "no policy: nothing is ever dropped; the oldest chunk begins {} ago",
                    text::duration(age)
                )),
                _ => Verdict::ok("no policy: nothing is ever dropped"),
            };
        };
        // If the configuration makes every run fail, other problems of the job do not matter.
        if self.fails_by_creation(policy, at).is_none() {
            let waits = self.eligible().is_some_and(|eligible| eligible > 0);
            policy.judge(&mut findings, &limits, at.now, waits);
        }
        if let Some(blocked) = &self.blocked {
            let rule = &rules::RETENTION_BLOCKED;
            let waits = blocked.finding(rule, "its policy", at.now, limits.blocked);
            if let Some(finding) = waits {
                findings.push(finding.of_job(policy.job_id));
            }
        }
        self.judge_unread(&mut findings, policy, at);
        self.judge_eligible(&mut findings, policy, at);
        if self.frozen > 0 {
            findings.add(
                &rules::RETENTION_FROZEN,
                Level::Notice,
                format!(
                    "{} past drop_after not dropped, because frozen: no run ever drops {}. {}.unfreeze_chunk() unfreezes a chunk",
                    text::plural(self.frozen, "chunk"),
                    if self.frozen == 1 { "it" } else { "them" },
                    at.server.functions()
                ),
            );
        }
        findings.verdict(format!("nothing is due; {}", policy.when(&limits, at.now)))
    }

    fn judge_eligible(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        if let Some(why) = self.fails_by_creation(policy, at) {
            let finding = Finding::new(&rules::RETENTION_SETTING, Level::Critical, why);
            // A policy whose configuration makes every run fail cannot be altered, so the fix removes the policy.
            findings.push(finding.fixed_by(Some("remove-retention-policy")));
            return;
        }
        let counted = self.clock.get().map(|clock| clock.counted);
        let Some(eligible) = self.eligible() else {
            let not_run = policy.not_run(counted.and_then(|counted| counted.about));
            let error = not_run.as_deref().or(self.eligible_error());
            policy.judge_unknown(findings, &WORK, self.axis, self.has_now(), error);
            return;
        };
        if eligible == 0 {
            return;
        }
        let goes = text::plural(eligible, "chunk");
        let drops = if self.more_by_next_run() {
            format!(
                "the next run drops {goes} that are due now, and all that become due until then"
            )
        } else {
            format!("the next run drops {goes}")
        };
        let limits = at.limits(&self.full_name());
        let patience = policy.schedule_seconds.unwrap_or(86_400.0) + limits.retention_patience;
        let then = policy.then(&limits, at.now);
        let rule = &rules::RETENTION_OVERDUE;
        let due = policy::overdue(
            self.overdue_seconds,
            counted.and_then(|counted| counted.since),
            at.now,
        );
        let overdue = due.as_ref().map(|(overdue, _)| *overdue);
        let changed = overdue
            .and_then(|overdue| policy.waits_since_change(overdue, patience, &limits, at.now));
        if let Some(why) = changed {
            let reason = format!("{drops}; {why}{then}");
            findings.push(Finding::new(rule, Level::Ok, reason));
            return;
        }
        findings.push(match policy.waited(due, &limits, at.now) {
            Some((overdue, long)) if overdue > patience && !policy.is_new(&limits, at.now) => {
                let reason = format!(
                    "{goes} past drop_after not dropped yet, the oldest due for {long}{then}"
                );
                Finding::new(rule, Level::Warning, reason)
                    .since(Some(at.now.plus_seconds(-overdue)))
            }
            due if policy.is_put_off(self.axis, &limits, at.now) => {
                let due = policy::due_for(due);
                let reason = format!("{goes} past drop_after not dropped yet, {due}{then}");
                Finding::new(rule, Level::Warning, reason)
            }
            _ => Finding::new(rule, Level::Ok, format!("{drops}{then}")),
        });
    }

    /// Finding for rows that the next run drops before an aggregate has materialized them. The aggregate will never contain them.
    fn judge_unread(&self, findings: &mut Findings, policy: &Policy, at: &At) {
        // A run that fails drops nothing.
        let runs = policy.scheduled && self.fails_by_creation(policy, at).is_none();
        let Some(edge) = self.drop_edge().filter(|_| runs) else {
            return;
        };
        let next = policy.next_start.and_then(Stamp::finite);
        let runs = next.filter(|next| *next > at.now).unwrap_or(at.now);
        let left = runs.seconds_since(at.now).floor();
        let when = match left {
            0.0 => "at once".to_owned(),
            left => text::ahead(left),
        };
        let far = left > at.limits(&self.full_name()).retention_unread_far;
        let level = if far { Level::Notice } else { Level::Critical };
        let drops = if self.more_by_next_run() {
            let edge = Value::from(Point {
                axis: self.axis,
                raw: edge,
            });
            format!("then drops all chunks up to {}, with", edge.show(at.now))
        } else {
            "drops".to_owned()
        };
        let when = NextRun { level, when, drops };
        let clock = Clock {
            now: at.now,
            local_shift: self.local_shift,
            integer: self.clock.get().and_then(|clock| clock.now),
        };
        for reader in &self.readers {
            let late = at.limits(&reader.name).job_late;
            let missed = |range: &Range| !reader.is_read_by(*range, runs, &clock, late);
            for (remade, rest) in reader
                .dropped(edge, &self.going)
                .into_iter()
                .filter(missed)
                .map(|range| reader.apart(range))
            {
                findings.extend(remade.map(|range| drops_remade(policy, reader, range, &when)));
                findings.extend(
                    rest.into_iter()
                        .map(|range| drops_unread(policy, reader, range, &when)),
                );
            }
        }
    }

    /// Reason why every run of a policy with `drop_created_before` fails in this version; `None`: another policy, or the policy works.
    fn fails_by_creation(&self, policy: &Policy, at: &At) -> Option<String> {
        let created = policy.created.as_ref()?;
        let fails = self.creation?.always_fails(at.server.sql_version())?;
        Some(format!("drop_created_before ({created}) {fails}"))
    }
}

/// The run that drops rows which an aggregate has not read: its time as text, and the level of the finding.
struct NextRun {
    level: Level,
    when: String,
    /// The verb of the sentence: `drops`. If more chunks become due until the run: `then drops all chunks up to …, with`.
    drops: String,
}

/// Finding for rows that are dropped before an aggregate has materialized them.
fn drops_unread(policy: &Policy, reader: &Unread, range: Range, run: &NextRun) -> Finding {
    let NextRun { level, when, drops } = run;
    let reason = format!(
        "DATA LOSS {when}: its next run (job {}) {drops} rows that {} has not read, {}. These rows will be missing there for good: {}. Refresh exactly that range first",
        policy.job_id,
        reader.name,
        reader.show(range),
        reader.why()
    );
    let finding = Finding::new(&rules::RETENTION_UNREAD, *level, reason).upon(reader.target());
    let settings = reader.settings(range).into_iter();
    settings.fold(finding, |finding, (field, value)| {
        finding.setting(field, value)
    })
}

/// Finding for late rows in chunks that may have been recreated. Dropping them loses data, and so does a refresh before the drop.
fn drops_remade(policy: &Policy, reader: &Unread, range: Range, run: &NextRun) -> Finding {
    let NextRun { level, when, drops } = run;
    let reason = format!(
        "DATA LOSS {when}: its next run (job {}) {drops} late rows that {} has not read, {}; but {}. Leave them unread, or run {}, whose preview shows the rows that it deletes",
        policy.job_id,
        reader.name,
        reader.show(range),
        REMADE,
        reader.by_hand(range)
    );
    Finding::new(&rules::RETENTION_UNREAD, *level, reason)
        .upon(reader.target())
        .fixed_by(None)
}
