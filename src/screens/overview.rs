//! Overview: the findings of all screens, worst first.

mod acknowledged;
mod consequence;
mod locks;
mod once;
mod row;

pub(crate) use acknowledged::Acknowledged;
pub(crate) use acknowledged::Hidden;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::model::screen_id::ScreenId;
use crate::model::target::{Target, TargetKind};
use crate::model::text;
use crate::model::verdict::{Level, Verdict};
use crate::screens::record::{Column, Record, Section};

use crate::server::known::At;
use crate::server::row::Line;
use crate::server::sql::Query;

/// The screens whose findings the Overview lists. Findings of the same level are listed in this order of screens.
pub const PARTS: &[ScreenId] = &[
    ScreenId::Server,
    ScreenId::Aggregates,
    ScreenId::Jobs,
    ScreenId::Retention,
    ScreenId::Compression,
    ScreenId::Activity,
    ScreenId::Hypertables,
    ScreenId::Indexes,
    ScreenId::Queries,
];

pub use once::merge;

pub use self::row::Row;

/// The worst level, and text with the number of findings per level; acknowledged findings are left out.
pub(crate) fn health(rows: &[Row]) -> (Level, String) {
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.acknowledged.is_none())
        .collect();
    let count = |level| {
        i64::try_from(rows.iter().filter(|row| row.finding.level == level).count())
            .unwrap_or(i64::MAX)
    };
    let worst = rows.iter().map(|row| row.finding.level).max();
    let mut said = Vec::new();
    for (level, one) in [
        (Level::Critical, "critical finding"),
        (Level::Warning, "warning"),
        (Level::Unknown, "unknown"),
        (Level::Notice, "notice"),
    ] {
        match (level, count(level)) {
            (_, 0) => {}
            (Level::Critical | Level::Notice | Level::Warning, many) => {
                said.push(text::plural(many, one));
            }
            (_, many) => said.push(format!("{many} {one}")),
        }
    }
    match worst {
        None => (Level::Ok, "no problem found".to_owned()),
        Some(level) => (level, said.join(", ")),
    }
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Overview;
    const TITLE: &'static str = "Overview";
    const QUERY: Query = Query::NONE;
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_secs(2);
    const GROUPED: bool = true;
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::hidden("subject", |row, _| row.subject.as_str().into()),
        Column::<Self>::hidden("rule", |row, _| row.finding.rule.name.into()),
        Column::<Self>::text("title", "PROBLEM", 30, Self::is)
            .rank(1)
            .shrinks(26)
            .grows(),
        Column::<Self>::text("", "OBJECT", 22, |row, _| row.subject.as_str().into())
            .names()
            .rank(1)
            .grows(),
        Column::<Self>::number("", "SINCE", 5, Self::age),
        Column::<Self>::hidden("since", |row, _| row.finding.since.into()),
        Column::<Self>::text("", "WHY", 36, |row, _| row.finding.reason.as_str().into())
            .rank(1)
            .shrinks(22)
            .grows(),
        Column::<Self>::text("fix", "FIX", 20, |row, _| row.fix())
            .rank(2)
            .grows(),
        // The key that `fix` had up to version 0.1.
        Column::<Self>::hidden("mend", |row, _| row.finding.fix.into()),
        Column::<Self>::hidden("target", |row, _| row.target().into()),
        Column::<Self>::hidden("set", |row, _| row.set()),
        Column::<Self>::text("screen", "SCREEN", 11, |row, _| row.screen.name().into()).rank(3),
        Column::<Self>::hidden("key", |row, _| row.of.as_str().into()),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("PROBLEM", "The title of the rule; a number counts the objects with this problem"),
        ("OBJECT", "The object; in a group, the object with the worst finding (the oldest, if several are as bad)"),
        ("SINCE", "Age of the problem; - if it is unknown"),
        ("WHY", "The reason"),
        ("FIX", "The action that fixes it"),
        ("SCREEN", "The screen that shows it"),
    ];

    fn read(_: Line<'_>) -> Result<Self> {
        bail!("the Overview has no query of its own")
    }

    fn key(&self) -> String {
        let part = if self.is_part { "part of " } else { "" };
        format!(
            "{part}{}/{}/{}",
            self.screen.name(),
            self.finding.rule.name,
            self.of
        )
    }

    fn title(&self) -> String {
        self.subject.clone()
    }

    fn verdict(&self, at: &At) -> Verdict {
        if let Some(acknowledged) = &self.acknowledged {
            let level = self.finding.level.name();
            let reason = format!(
                "{} [{level}] {}",
                acknowledged.words(at.now),
                self.finding.reason
            );
            return Verdict {
                level: Level::Ok,
                reason,
                findings: vec![self.finding.clone()],
            };
        }
        let reason = match self.group_of {
            Some(many) => format!(
                "{many} findings. The worst is {}: {}",
                self.subject, self.finding.reason
            ),
            None => self.finding.reason.clone(),
        };
        Verdict {
            level: self.finding.level,
            reason,
            findings: vec![self.finding.clone()],
        }
    }

    fn facts(&self, _: &At) -> Vec<Section> {
        Vec::new()
    }

    /// Findings of one rule form a group. Acknowledged findings, which are shown only on request, belong to no group.
    fn group(&self) -> Option<&'static str> {
        let counts = self.acknowledged.is_none() && !self.is_part;
        counts.then_some(self.finding.rule.name)
    }

    fn parts(&self) -> Vec<Self> {
        self.merged_parts()
    }

    fn head(rows: &[&Self], _: &At) -> Option<Self> {
        Self::head_of(rows)
    }

    /// The row's targets. The targets of its finding come first: the target of the fix, the finding's own target, and the finding's job.
    fn targets(&self) -> Vec<Target> {
        let mut targets = self.targets.clone();
        if let Some(job) = self.finding.job {
            targets.retain(|target| target.kind != TargetKind::Job);
            targets.insert(0, Target::job(job));
        }
        if let Some(on) = &self.finding.on {
            targets.retain(|target| target.kind != on.kind);
            targets.insert(0, on.clone());
        }
        // The fix's target replaces other targets of the same kind.
        if let Some(fixes) = self.finding.fix_target(self.targets.clone()) {
            targets.retain(|target| target.kind != fixes.kind);
            targets.insert(0, fixes);
        }
        targets
    }
}
