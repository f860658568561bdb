//! How bad a thing is, and why, in words.

use serde::{Deserialize, Deserializer, Serialize};

use crate::model::fix::{self, ActionName};
use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::model::target::{Kind, Target};

/// From well to worst; `Unknown` is worse than a notice, because it may hide anything.
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

    /// The sign that stands beside the colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Ok => " ",
            Self::Notice => "i",
            Self::Unknown => "?",
            Self::Warning => "!",
            Self::Critical => "X",
        }
    }
}

/// One thing that is wrong (or, at level `Ok`, worth saying): which rule found it, and why, in one or two short
/// sentences that a person at 3 a.m. understands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub rule: &'static Rule,
    pub level: Level,
    pub reason: String,
    /// The action that fixes it here; at first the rule's own.
    #[serde(deserialize_with = "action_name", alias = "mend")]
    pub fix: Option<ActionName>,
    /// Fields of that action's form that the evidence fills in: names and values.
    pub sets: Vec<(String, String)>,
    /// What its fix acts on, where that is not the row itself.
    #[serde(default)]
    pub on: Option<Target>,
    /// It is the fault of this job, of which the Jobs screen knows more.
    pub job: Option<i32>,
    /// Since when it has been so, where the evidence tells.
    pub since: Option<Stamp>,
}

/// The catalogue's own name of an action; `None`: this hypertop has no such action.
fn action_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'static str>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    Ok(name
        .and_then(|name| fix::by_name(&name))
        .map(|(name, _)| name))
}

impl Finding {
    pub fn new(rule: &'static Rule, level: Level, reason: impl Into<String>) -> Self {
        Self {
            rule,
            level,
            reason: reason.into(),
            fix: rule.fix,
            sets: Vec::new(),
            on: None,
            job: None,
            since: None,
        }
    }

    /// Mended otherwise than the rule says; `None`: by nothing in the catalogue.
    #[must_use]
    pub fn fixed_by(mut self, action: Option<&'static str>) -> Self {
        self.fix = action;
        self
    }

    /// The fix's form is opened with this value in this field.
    #[must_use]
    pub fn setting(mut self, field: &str, value: impl Into<String>) -> Self {
        self.sets.push((field.to_owned(), value.into()));
        self
    }

    /// Mended by acting on another thing than the row.
    #[must_use]
    pub fn upon(mut self, target: Target) -> Self {
        self.on = Some(target);
        self
    }

    /// Its fix ends, or interrupts, the session that stands in the way.
    pub fn frees(&self) -> bool {
        matches!(self.fix, Some("terminate-session" | "cancel-query"))
            && self.on.as_ref().is_some_and(|on| on.kind == Kind::Session)
    }

    /// What its fix acts on, where the row that was judged stands for these things; `None`: there is no fix, or nothing
    /// for it to act on.
    pub fn fix_target(&self, row: Vec<Target>) -> Option<Target> {
        let (_, kind) = self.fix.and_then(fix::by_name)?;
        let targets = match &self.on {
            // Where the fault lies elsewhere, that thing alone.
            Some(on) => on.clone().and_materialization(),
            None => self.job.map(Target::job).into_iter().chain(row).collect(),
        };
        targets.into_iter().find(|target| target.kind == kind)
    }

    #[must_use]
    pub fn of_job(mut self, id: i32) -> Self {
        self.job = Some(id);
        self
    }

    #[must_use]
    pub fn since(mut self, since: Option<Stamp>) -> Self {
        self.since = since;
        self
    }
}

/// What is to be said of one thing: the level of the worst finding, all reasons in words, and the findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub level: Level,
    pub reason: String,
    /// Worst first; empty where all is well.
    pub findings: Vec<Finding>,
}

impl Verdict {
    pub fn ok(reason: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            reason: reason.into(),
            findings: Vec::new(),
        }
    }

    /// One finding is all there is to say.
    pub fn of(rule: &'static Rule, level: Level, reason: impl Into<String>) -> Self {
        let mut findings = Findings::default();
        findings.add(rule, level, reason);
        findings.verdict("")
    }
}

/// A server's sentence ends in a full stop, which has no place where a reason goes on.
pub(crate) fn without_stop(reason: &str) -> &str {
    reason.trim_end().trim_end_matches('.')
}

/// Collects what is to be said of one thing: the worst finding gives the level, and stands first.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn add(&mut self, rule: &'static Rule, level: Level, reason: impl Into<String>) {
        self.push(Finding::new(rule, level, reason));
    }

    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    pub fn has(&self, rule: &'static Rule) -> bool {
        self.0.iter().any(|finding| finding.rule == rule)
    }

    /// Has the finding of this rule say more; false: there is none.
    pub fn tell_more(&mut self, rule: &'static Rule, words: &str) -> bool {
        let found = self.0.iter_mut().find(|finding| finding.rule == rule);
        found.is_some_and(|finding| {
            finding.reason = format!("{}; {words}", without_stop(&finding.reason));
            true
        })
    }

    /// Where one of these actions would be the fix and cannot help, names another and says why.
    pub fn fix_otherwise(&mut self, helpless: &[&str], fix: ActionName, why: &str) {
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

    /// Takes the finding of this rule out.
    pub fn take(&mut self, rule: &'static Rule) -> Option<Finding> {
        let place = self.0.iter().position(|finding| finding.rule == rule)?;
        Some(self.0.remove(place))
    }

    /// Makes the finding of this rule as bad as another at least.
    pub fn raise(&mut self, rule: &'static Rule, level: Level) {
        for finding in self.0.iter_mut().filter(|finding| finding.rule == rule) {
            finding.level = finding.level.max(level);
        }
    }

    /// Takes back what another finding says too.
    pub fn forget(&mut self, rule: &'static Rule) {
        self.0.retain(|finding| finding.rule != rule);
    }

    /// The verdict; `healthy` is the reason where nothing was found.
    pub fn verdict(mut self, healthy: impl Into<String>) -> Verdict {
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
