//! Overview: what is wrong, worst first, over all screens; its rows are the findings of theirs.

mod acknowledged;
mod locks;
mod once;

pub use acknowledged::{Aside, Hidden};

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::acknowledge::{Acknowledgement, Identity};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Kind, Target};
use crate::model::value::Value;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::model::{rules, text};
use crate::screens::record::{Column, Record, Section};
use crate::screens::table::{Freshness, Table};
use crate::screens::{Screens, with_table};
use crate::server::known::At;
use crate::server::sql::Query;

/// The screens whose findings are gathered, in the order in which equal findings stand.
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

pub use once::told_once;

/// One finding, and where it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub screen: ScreenId,
    /// The row of that screen.
    pub of: String,
    /// What the row calls itself.
    pub subject: String,
    pub finding: Finding,
    pub targets: Vec<Target>,
    /// When this console saw it first; `None`: by the headless twin, which looks once.
    pub first_seen: Option<Stamp>,
    /// Why it is shown only to those who ask for what is put aside.
    #[serde(default)]
    pub aside: Option<Acknowledgement>,
}

impl Row {
    pub fn identity(&self) -> Identity {
        (self.screen, self.of.clone(), self.finding.rule.name)
    }

    fn is(&self, _: &At) -> Value {
        let title = self.finding.rule.title;
        match &self.aside {
            Some(aside) => Value::Text(format!("({}) {title}", aside.what.word())),
            None => title.into(),
        }
    }

    /// What its mend acts on, as it is typed.
    fn target(&self) -> Option<String> {
        let target = self.finding.mends(self.targets.clone())?;
        Some(target.name)
    }

    /// The fields of the mend's form, as they are typed.
    fn set(&self) -> Value {
        match self.target() {
            Some(_) => Value::Fields(self.finding.sets.clone()),
            None => Value::Null,
        }
    }

    fn age(&self, at: &At) -> Value {
        match (self.finding.since, self.first_seen) {
            (Some(since), _) => {
                Value::Text(text::duration(at.now.seconds_since(since).max(0.0).floor()))
            }
            (None, Some(seen)) => Value::Text(format!(
                "> {}",
                text::duration(at.now.seconds_since(seen).max(0.0).floor())
            )),
            (None, None) => Value::Null,
        }
    }
}

/// What was found in each screen's rows.
pub type Found = BTreeMap<ScreenId, Vec<Row>>;

/// The findings of one screen, as it was judged last.
pub fn found_on(screens: &Screens, part: ScreenId) -> Vec<Row> {
    with_table!(screens, part, |table| collect(part, table))
}

/// Those of them that the Overview lists: statements that nobody shows are no fault, [`caveats`] says it.
pub fn found(screens: &Screens, part: ScreenId) -> Vec<Row> {
    let mut rows = found_on(screens, part);
    rows.retain(|row| {
        ![&rules::QUERIES_MISSING, &rules::QUERIES_HIDDEN].contains(&row.finding.rule)
    });
    rows
}

/// What the findings cannot rest on, or not yet.
pub fn caveats(screens: &Screens, at: &At) -> Vec<String> {
    let mut said = Vec::new();
    for part in PARTS {
        let (missing, all) = with_table!(screens, *part, |table| table.ungathered());
        if missing > 0 {
            let what = match part {
                ScreenId::Indexes => "sizes and bloat",
                _ => "sizes",
            };
            let title = part.title();
            said.push(format!(
                "{title}: {what} of {missing} of {all} rows are not read yet, so what is found by them is not below"
            ));
        }
        let unread = with_table!(screens, *part, |table| table.unread(at.now));
        said.extend(
            unread
                .into_iter()
                .map(|words| format!("{}: {words}", part.title())),
        );
    }
    let missing = screens.queries.rows().iter().any(|row| {
        let verdict = row.verdict(at);
        let mut findings = verdict.findings.iter();
        findings.any(|of| [&rules::QUERIES_MISSING, &rules::QUERIES_HIDDEN].contains(&of.rule))
    });
    if missing {
        let first = screens.caveats(ScreenId::Queries, at).into_iter().next();
        said.extend(first.map(|words| format!("Queries: {words}")));
    }
    said
}

/// Every finding of these screens, those that say the same thing told once.
pub fn all(screens: &Screens) -> Vec<Row> {
    let parts = PARTS.iter();
    let found = parts.map(|part| (*part, found(screens, *part))).collect();
    findings(&found)
}

/// Every finding of the screens that were read, those that say the same thing told once.
pub fn findings(found: &Found) -> Vec<Row> {
    told_once(collected(found))
}

/// Every finding of the screens that were read, as each tells it.
pub fn collected(found: &Found) -> Vec<Row> {
    let parts = PARTS.iter().filter_map(|part| found.get(part));
    parts.flatten().cloned().collect()
}

/// What the screens tell together, for the head of the Overview.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// How many jobs failed in their last run, and how many there are; `None`: not read yet.
    pub failing: Option<(usize, usize)>,
    /// The longest lag as a multiple of what its policy promises, and what is to be said of that aggregate.
    pub worst_lag: Option<(f64, Level)>,
    /// Bytes that compression saved, as recorded; `None`: not read yet.
    pub saved: Option<i64>,
}

impl Standing {
    pub fn of(screens: &Screens, at: &At) -> Self {
        let read = |fresh: &Freshness| !matches!(fresh, Freshness::Never);
        let saves =
            |row: &crate::screens::compression::Row| Some(row.before_bytes? - row.after_bytes?);
        Self {
            failing: read(&screens.jobs.fresh).then(|| failing(screens)),
            worst_lag: worst_lag(screens, at),
            saved: read(&screens.compression.fresh)
                .then(|| screens.compression.rows().iter().filter_map(saves).sum()),
        }
    }
}

fn collect<R: Record>(screen: ScreenId, table: &Table<R>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (record, findings) in table.found() {
        let (of, subject, targets) = (record.key(), record.title(), record.targets());
        rows.extend(findings.iter().map(|finding| Row {
            screen,
            of: of.clone(),
            subject: subject.clone(),
            targets: targets.clone(),
            finding: finding.clone(),
            first_seen: None,
            aside: None,
        }));
    }
    rows
}

fn failing(screens: &Screens) -> (usize, usize) {
    let jobs = screens.jobs.rows();
    let fails = |row: &&crate::screens::jobs::Row| {
        row.last_run_status() == Some("Failed") && !row.is_portal_fault()
    };
    (jobs.iter().filter(fails).count(), jobs.len())
}

fn worst_lag(screens: &Screens, at: &At) -> Option<(f64, Level)> {
    let rows = screens.aggregates.rows().iter();
    let behind = rows.filter_map(|row| Some((row.behind(at)?, row)));
    let (times, row) = behind.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let level = if times > 1.0 {
        row.verdict(at).level
    } else {
        Level::Ok
    };
    Some((times, level))
}

/// The level of the worst finding, and how many there are of each, in words; what is put aside does not count.
pub fn health(rows: &[Row]) -> (Level, String) {
    let rows: Vec<_> = rows.iter().filter(|row| row.aside.is_none()).collect();
    let count = |level| {
        i64::try_from(rows.iter().filter(|row| row.finding.level == level).count())
            .unwrap_or(i64::MAX)
    };
    let worst = rows.iter().map(|row| row.finding.level).max();
    let mut said = Vec::new();
    for (level, one) in [
        (Level::Critical, "critical finding"),
        (Level::Warning, "warning"),
        (Level::Unknown, "thing that cannot be told"),
        (Level::Notice, "notice"),
    ] {
        match (level, count(level)) {
            (_, 0) => {}
            (Level::Critical | Level::Notice | Level::Warning, many) => {
                said.push(text::plural(many, one));
            }
            (_, 1) => said.push(format!("1 {one}")),
            (_, many) => said.push(format!("{many} things that cannot be told")),
        }
    }
    match worst {
        None => (Level::Ok, "all is well".to_owned()),
        Some(level) => (level, said.join(", ")),
    }
}

/// When each finding was seen first.
#[derive(Debug, Default)]
pub struct Seen(HashMap<Identity, Stamp>);

impl Seen {
    /// Dates the findings; those that are gone are forgotten.
    pub fn date(&mut self, rows: &mut [Row], now: Stamp) {
        let mut seen = HashMap::new();
        for row in rows {
            let identity = row.identity();
            let first = self.0.get(&identity).copied().unwrap_or(now);
            row.first_seen = Some(first);
            seen.insert(identity, first);
        }
        self.0 = seen;
    }
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Overview;
    const TITLE: &'static str = "Overview";
    const QUERY: Query = Query::NONE;
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_secs(2);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("subject", "WHAT", 24, |row, _| row.subject.as_str().into()),
        Column::<Self>::hidden("rule", |row, _| row.finding.rule.name.into()),
        Column::<Self>::text("title", "IS", 32, Self::is).grows(),
        Column::<Self>::number("", "FOR", 9, Self::age),
        Column::<Self>::hidden("since", |row, _| row.finding.since.into()),
        Column::<Self>::text("mend", "MEND", 24, |row, _| row.finding.mend.into()).rank(1),
        Column::<Self>::hidden("target", |row, _| row.target().into()),
        Column::<Self>::hidden("set", |row, _| row.set()),
        Column::<Self>::text("screen", "SCREEN", 11, |row, _| row.screen.name().into()).rank(2),
        Column::<Self>::text("", "WHY", 40, |row, _| row.finding.reason.as_str().into())
            .rank(3)
            .grows(),
        Column::<Self>::hidden("key", |row, _| row.of.as_str().into()),
    ];

    fn read(_: &tokio_postgres::Row) -> Result<Self> {
        bail!("the overview is made of the other screens")
    }

    fn key(&self) -> String {
        format!(
            "{}/{}/{}",
            self.screen.name(),
            self.finding.rule.name,
            self.of
        )
    }

    fn title(&self) -> String {
        self.subject.clone()
    }

    fn verdict(&self, at: &At) -> Verdict {
        if let Some(aside) = &self.aside {
            let level = self.finding.level.name();
            let reason = format!("{} [{level}] {}", aside.words(at.now), self.finding.reason);
            return Verdict {
                level: Level::Ok,
                reason,
                findings: vec![self.finding.clone()],
            };
        }
        Verdict {
            level: self.finding.level,
            reason: self.finding.reason.clone(),
            findings: vec![self.finding.clone()],
        }
    }

    fn facts(&self, _: &At) -> Vec<Section> {
        Vec::new()
    }

    /// A finding that is a job's fault acts on the job first.
    fn targets(&self) -> Vec<Target> {
        let mut targets = self.targets.clone();
        if let Some(job) = self.finding.job {
            targets.retain(|target| target.kind != Kind::Job);
            targets.insert(0, Target::job(job));
        }
        if let Some(on) = &self.finding.on {
            targets.retain(|target| target.kind != on.kind);
            targets.insert(0, on.clone());
        }
        // What the mend acts on, whatever else of its kind the row stands for.
        if let Some(mends) = self.finding.mends(self.targets.clone()) {
            targets.retain(|target| target.kind != mends.kind);
            targets.insert(0, mends);
        }
        targets
    }
}
