//! The findings of all screens.

use std::collections::BTreeMap;

use crate::model::moment::Stamp;
use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::model::verdict::{Finding, Level};
use crate::screens::catalogue::{Screens, with_table};
use crate::screens::overview::{Acknowledged, PARTS, Row, merge};
use crate::screens::record::Record;
use crate::screens::table::{Freshness, Table};
use crate::server::known::At;

pub(crate) type Found = BTreeMap<ScreenId, Vec<Row>>;

/// Findings of one screen's rows, from the last verdicts of these rows.
pub fn found_on(screens: &Screens, part: ScreenId) -> Vec<Row> {
    with_table!(screens, part, |table| collect(part, table))
}

/// Findings of one screen that the Overview lists, including findings about data that is hidden from this role.
pub fn found(screens: &Screens, part: ScreenId, at: &At) -> Vec<Row> {
    let mut rows = found_on(screens, part);
    rows.retain(|row| is_listed(&row.finding));
    let hidden = screens.hidden(part, at).into_iter();
    rows.extend(hidden.map(|finding| Row::of_role(part, at.server, finding)));
    rows
}

/// Texts about data that a screen cannot show, or has not read yet.
pub fn caveats(screens: &Screens, id: ScreenId, at: &At) -> Vec<String> {
    let mut caveats = screens.own_caveats(id, at);
    if id == ScreenId::Overview {
        caveats.extend(ungathered(screens, at));
    }
    caveats
}

/// Texts about findings that may be missing on the Overview.
fn ungathered(screens: &Screens, at: &At) -> Vec<String> {
    let mut said = unread(screens, at);
    let mut found = screens.queries.found();
    let missing = found.any(|(_, findings)| {
        let mut findings = findings.iter();
        findings.any(|of| of.rule == &rules::QUERIES_MISSING)
    });
    if missing {
        let first = screens
            .own_caveats(ScreenId::Queries, at)
            .into_iter()
            .next();
        said.extend(first.map(|words| format!("Queries: {words}")));
    }
    said
}

/// Texts about figures that the screens of the Overview have not read yet.
pub(crate) fn unread(screens: &Screens, at: &At) -> Vec<String> {
    let mut said = Vec::new();
    for part in PARTS {
        let (missing, all) = with_table!(screens, *part, |table| table.ungathered());
        if missing > 0 {
            let what = match part {
                ScreenId::Indexes => "sizes and bloat",
                ScreenId::Aggregates => "ranges without data",
                _ => "sizes",
            };
            let title = part.title();
            said.push(format!(
                "{title}: {what} are not read yet for {missing} of {all} rows, so findings that need them are missing"
            ));
        }
        let unread = with_table!(screens, *part, |table| table.unread(at.now));
        said.extend(
            unread
                .into_iter()
                .map(|words| format!("{}: {words}", part.title())),
        );
    }
    said
}

/// The findings of the Overview's screens, including duplicates and findings that are consequences of other findings.
pub(crate) fn every(screens: &Screens, at: &At) -> Vec<Row> {
    let parts = PARTS.iter();
    parts.flat_map(|part| found(screens, *part, at)).collect()
}

/// The findings of the Overview's screens, without duplicates.
pub(crate) fn all(screens: &Screens, at: &At) -> Vec<Row> {
    let parts = PARTS.iter();
    let found = parts
        .map(|part| (*part, found(screens, *part, at)))
        .collect();
    findings(&found)
}

/// The findings in `found`, without duplicates.
pub fn findings(found: &Found) -> Vec<Row> {
    merge(collected(found))
}

/// The findings in `found`, including duplicates.
pub(crate) fn collected(found: &Found) -> Vec<Row> {
    let parts = PARTS.iter().filter_map(|part| found.get(part));
    parts.flatten().cloned().collect()
}

/// A screen's worst level, and its number of findings of that level, for the screen's tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    pub(crate) level: Level,
    count: usize,
    /// The rows are more than 10 minutes old.
    old: bool,
}

impl Badge {
    /// Sign of the level and number of findings: `X3`, or `~X3` if the rows are old.
    pub fn text(&self) -> String {
        let about = if self.old { "~" } else { "" };
        format!("{about}{}{}", self.level.sign(), self.count)
    }

    /// [`Self::text`] in at most `cells` terminal cells. A number that does not fit becomes `9+`. If `9+` does not fit, only the sign
    /// is shown (`~` if old).
    pub(crate) fn text_in(&self, cells: usize) -> String {
        let whole = self.text();
        if text::width(&whole) <= cells {
            return whole;
        }
        let sign = self.level.sign();
        let start = if self.old {
            format!("~{sign}")
        } else {
            sign.to_owned()
        };
        match cells.checked_sub(start.len() + 1) {
            Some(digits @ 1..) => format!("{start}{}+", "9".repeat(digits)),
            _ => start.chars().take(cells).collect(),
        }
    }
}

/// Age in seconds from which a badge is marked as old.
const OLD_SECONDS: f64 = 600.0;

/// Whether the screen was read so long ago that its findings may have changed. `clock`: the server's time, which goes on while the server
/// does not answer.
pub(crate) fn is_old(screens: &Screens, id: ScreenId, clock: Stamp) -> bool {
    let read = screens.fresh(id).read();
    read.is_some_and(|read| clock.seconds_since(read) > OLD_SECONDS)
}

/// Number of findings that are not acknowledged, by screen and level.
pub(crate) type Open = BTreeMap<ScreenId, BTreeMap<Level, usize>>;

/// Counts the findings in `rows` that are not acknowledged.
pub(crate) fn open(rows: &[Row], acknowledged: &Acknowledged, now: Stamp) -> Open {
    let mut open = Open::new();
    for row in rows {
        let hidden = row.acknowledged.is_some()
            || acknowledged.hides(row.screen, &row.of, &row.finding, now);
        if !hidden {
            let levels = open.entry(row.screen).or_default();
            *levels.entry(row.finding.level).or_default() += 1;
        }
    }
    open
}

/// The badge of a screen; it needs no query. It counts the findings that the Overview lists, but neither duplicates nor acknowledged
/// findings. `None`: no finding, or nothing read yet.
pub(crate) fn badge(screens: &Screens, id: ScreenId, open: &Open, clock: Stamp) -> Option<Badge> {
    screens.fresh(id).read()?;
    let counted = |screen: &ScreenId| match id {
        // The Overview lists only findings of the screens in `PARTS`.
        ScreenId::Overview => PARTS.contains(screen),
        _ => *screen == id,
    };
    let mut levels = BTreeMap::new();
    for (_, counts) in open.iter().filter(|(screen, _)| counted(screen)) {
        for (level, count) in counts {
            *levels.entry(*level).or_insert(0) += count;
        }
    }
    let (level, count) = levels.pop_last()?;
    Some(Badge {
        level,
        count,
        old: is_old(screens, id, clock),
    })
}

/// False for findings that are reported elsewhere: missing statistics by [`caveats`], hidden statements by one finding of the whole screen.
fn is_listed(finding: &Finding) -> bool {
    ![&rules::QUERIES_MISSING, &rules::QUERIES_HIDDEN].contains(&finding.rule)
}

/// Figures from several screens, for the top of the Overview.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// Number of jobs whose last run failed, and number of all jobs; `None`: not read yet.
    pub failing: Option<(usize, usize)>,
    /// The largest ratio of a lag to its expected maximum, and the level of the aggregate with this lag (`Ok` if the lag is not late).
    /// `None`: no such ratio is known.
    pub(crate) worst_lag: Option<(f64, Level)>,
    /// Bytes that compression saved, and bytes before compression, as recorded; `None`: not read yet.
    pub(crate) saved: Option<(i64, i64)>,
}

impl Standing {
    pub(crate) fn of(screens: &Screens, at: &At) -> Self {
        let read = |fresh: &Freshness| !matches!(fresh, Freshness::Never);
        Self {
            failing: read(&screens.jobs.fresh).then(|| failing(screens)),
            worst_lag: worst_lag(screens, at),
            saved: read(&screens.compression.fresh).then(|| saved(screens)),
        }
    }
}

fn collect<R: Record>(screen: ScreenId, table: &Table<R>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (record, findings) in table.found() {
        let (of, subject, targets) = (record.key(), record.title(), record.targets());
        rows.extend(findings.iter().map(|finding| Row {
            targets: targets.clone(),
            ..Row::new(screen, of.clone(), subject.clone(), finding.clone())
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

fn saved(screens: &Screens) -> (i64, i64) {
    let rows = screens.compression.rows().iter();
    let sizes = rows.filter_map(|row| Some((row.before_bytes?, row.after_bytes?)));
    sizes.fold((0, 0), |(saved, all), (before, after)| {
        (saved + before - after, all + before)
    })
}

fn worst_lag(screens: &Screens, at: &At) -> Option<(f64, Level)> {
    let rows = screens.aggregates.rows().iter();
    let behind = rows.filter_map(|row| Some((row.behind(at)?, row)));
    let (times, row) = behind.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let level = if times > at.limits(&row.full_name()).aggregate_lag_factor {
        row.verdict(at).level
    } else {
        Level::Ok
    };
    Some((times, level))
}
