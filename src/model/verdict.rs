//! Severity of a row, and the reasons for it.

use serde::{Deserialize, Deserializer, Serialize};

use crate::model::fix::{self, ActionName};
use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::model::target::{Target, TargetKind};

/// Severity, mildest first. `Unknown` is more severe than a notice because it may hide a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    Notice,
    Unknown,
    Warning,
    Critical,
}

impl Level {
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::Notice,
        Self::Unknown,
        Self::Warning,
        Self::Critical,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Notice => "notice",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Sign that shows the severity without colour.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Ok => " ",
            Self::Notice => "i",
            Self::Unknown => "?",
            Self::Warning => "!",
            Self::Critical => "X",
        }
    }
}

/// One problem (or, at level `Ok`, a remark): the rule, and the reason in one or two short sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub rule: &'static Rule,
    pub level: Level,
    pub reason: String,
    /// The reason if the Overview merges several findings of the rule into one; `None`: it merges none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason_of_several: Option<String>,
    /// Name of the action that fixes the problem, by default the rule's; `None`: no action does.
    #[serde(deserialize_with = "action_name", alias = "mend")]
    pub fix: Option<ActionName>,
    /// Fields of the fix's form to fill in: name and value.
    pub sets: Vec<(String, String)>,
    /// Target of the fix; `None`: the row itself.
    #[serde(default)]
    pub on: Option<Target>,
    /// Id of the job that causes the problem, shown on the Jobs screen; `None`: no job does.
    pub job: Option<i32>,
    /// Start of the problem; `None`: unknown.
    pub since: Option<Stamp>,
}

/// The name as in [`fix::FIXES`]; `None`: this version has no such action.
fn action_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'static str>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    Ok(name
        .and_then(|name| fix::by_name(&name))
        .map(|(name, _)| name))
}

impl Finding {
    pub(crate) fn new(rule: &'static Rule, level: Level, reason: impl Into<String>) -> Self {
        Self {
            rule,
            level,
            reason: reason.into(),
            reason_of_several: None,
            fix: rule.fix,
            sets: Vec::new(),
            on: None,
            job: None,
            since: None,
        }
    }

    /// Replaces the rule's fix; `None`: no action fixes it.
    #[must_use]
    pub(crate) fn fixed_by(mut self, action: Option<&'static str>) -> Self {
        self.fix = action;
        self
    }

    /// Fills in a field of the fix's form.
    #[must_use]
    pub(crate) fn setting(mut self, field: &str, value: impl Into<String>) -> Self {
        self.sets.push((field.to_owned(), value.into()));
        self
    }

    /// Sets a target for the fix other than the row.
    #[must_use]
    pub(crate) fn upon(mut self, target: Target) -> Self {
        self.on = Some(target);
        self
    }

    /// Whether the finding's fix terminates a blocking session, or cancels the session's query.
    pub(crate) fn frees(&self) -> bool {
        matches!(self.fix, Some("terminate-session" | "cancel-query"))
            && self
                .on
                .as_ref()
                .is_some_and(|on| on.kind == TargetKind::Session)
    }

    /// Target of the fix; `row`: the targets of the finding's row. `None`: no fix, or no target of the kind that the fix needs.
    pub fn fix_target(&self, row: Vec<Target>) -> Option<Target> {
        let (_, kind) = self.fix.and_then(fix::by_name)?;
        let targets = match &self.on {
            // The finding names another target than its row.
            Some(on) => on.clone().and_materialization(),
            None => self.job.map(Target::job).into_iter().chain(row).collect(),
        };
        targets.into_iter().find(|target| target.kind == kind)
    }

    /// Replaces a fix on a job by the rule's own fix, because no action on that job helps.
    pub(crate) fn leave_the_job(&mut self) {
        let on = self.on.take_if(|on| on.kind == TargetKind::Job);
        if on.is_some() {
            self.fix = self.rule.fix;
        }
    }

    #[must_use]
    pub(crate) fn of_job(mut self, id: i32) -> Self {
        self.job = Some(id);
        self
    }

    #[must_use]
    pub(crate) fn since(mut self, since: Option<Stamp>) -> Self {
        self.since = since;
        self
    }
}

/// The findings of one row, with the worst level and all reasons joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub level: Level,
    pub reason: String,
    /// Worst first; empty if nothing was found.
    pub findings: Vec<Finding>,
}

impl Verdict {
    pub(crate) fn ok(reason: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            reason: reason.into(),
            findings: Vec::new(),
        }
    }

    pub(crate) fn of(rule: &'static Rule, level: Level, reason: impl Into<String>) -> Self {
        let mut findings = Findings::default();
        findings.add(rule, level, reason);
        findings.verdict("")
    }
}

/// The reason without its final full stop, so that more text can follow.
pub(crate) fn without_stop(reason: &str) -> &str {
    reason.trim_end().trim_end_matches('.')
}

#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn add(&mut self, rule: &'static Rule, level: Level, reason: impl Into<String>) {
        self.push(Finding::new(rule, level, reason));
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    pub(crate) fn has(&self, rule: &'static Rule) -> bool {
        self.0.iter().any(|finding| finding.rule == rule)
    }

    /// Appends to the reason of the finding of this rule; false: no such finding.
    pub(crate) fn append_reason(&mut self, rule: &'static Rule, words: &str) -> bool {
        let found = self.0.iter_mut().find(|finding| finding.rule == rule);
        found.is_some_and(|finding| {
            finding.reason = format!("{}; {words}", without_stop(&finding.reason));
            true
        })
    }

    /// Replaces the fix of every finding whose fix is in `helpless` by `fix`, and appends `why` to its reason.
    pub(crate) fn fix_otherwise(&mut self, helpless: &[&str], fix: ActionName, why: &str) {
        let is_helpless = |fix: ActionName| helpless.contains(&fix);
        for finding in self
            .0
            .iter_mut()
            .filter(|it| it.fix.is_some_and(is_helpless))
        {
            finding.fix = Some(fix);
            finding.sets.clear();
            finding.reason = format!("{}; {why}", without_stop(&finding.reason));
        }
    }

    /// If the job has a problem with a fix, the finding of this rule gets that fix in place of its own. It keeps its own fix if that ends a
    /// blocking session, because the job waits for that session too.
    pub(crate) fn fix_the_job_first(&mut self, rule: &'static Rule) {
        let mut faults = self.0.iter();
        let fault = faults.find_map(|of| Some((of.fix?, of.job?, of.sets.clone())));
        let Some((fix, job, sets)) = fault else {
            return;
        };
        let own = |of: &&mut Finding| of.rule == rule && of.job.is_none() && !of.frees();
        for finding in self.0.iter_mut().filter(own) {
            finding.fix = Some(fix);
            finding.sets.clone_from(&sets);
            finding.on = Some(Target::job(job));
        }
    }

    /// Removes and returns the finding of this rule; `None`: no such finding.
    pub(crate) fn take(&mut self, rule: &'static Rule) -> Option<Finding> {
        let place = self.0.iter().position(|finding| finding.rule == rule)?;
        Some(self.0.remove(place))
    }

    /// Raises the finding of this rule to at least this level.
    pub(crate) fn raise(&mut self, rule: &'static Rule, level: Level) {
        for finding in self.0.iter_mut().filter(|finding| finding.rule == rule) {
            finding.level = finding.level.max(level);
        }
    }

    pub(crate) fn forget(&mut self, rule: &'static Rule) {
        self.0.retain(|finding| finding.rule != rule);
    }

    /// The verdict; `healthy` is its reason if there is no finding.
    pub(crate) fn verdict(mut self, healthy: impl Into<String>) -> Verdict {
        self.0
            .sort_by_key(|finding| std::cmp::Reverse(finding.level));
        let Some(worst) = self.0.first() else {
            return Verdict::ok(healthy);
        };
        let reasons: Vec<_> = self
            .0
            .iter()
            .map(|finding| without_stop(&finding.reason))
            .collect();
        Verdict {
            level: worst.level,
            reason: reasons.join("; "),
            findings: self.0,
        }
    }
}
