//! How bad a thing is, and why, in words.

use serde::{Deserialize, Serialize};

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

/// A level with its reason: one or two short sentences that a person at 3 a.m. understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub level: Level,
    pub reason: String,
}

impl Verdict {
    pub fn ok(reason: impl Into<String>) -> Self {
        Self::new(Level::Ok, reason)
    }

    pub fn new(level: Level, reason: impl Into<String>) -> Self {
        Self {
            level,
            reason: reason.into(),
        }
    }
}

/// A server's sentence ends in a full stop, which has no place where a reason goes on.
pub fn without_stop(reason: &str) -> &str {
    reason.trim_end().trim_end_matches('.')
}

/// Collects what is to be said of one thing: the worst finding gives the level, and stands first.
#[derive(Debug, Default)]
pub struct Findings(Vec<Verdict>);

impl Findings {
    pub fn add(&mut self, level: Level, reason: impl Into<String>) {
        self.0.push(Verdict::new(level, reason));
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
        Verdict::new(worst.level, reasons.join("; "))
    }
}
