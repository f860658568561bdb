//! What a refresh policy would do: its window now, the lag it promises, what it would lose, and what it runs into.

use super::guard::{self, Window};
use super::place::Place;
use super::{After, Facts, Level, clock};
use crate::interval::Interval;
use crate::plans::Refusal;
use crate::plans::policy::Job;
use crate::text;
use crate::value::Axis;
use crate::verdict::Level as Weight;

const DAY: i64 = 86_400_000_000;

/// What a refresh policy is told; `None`: that side is open.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub start: Option<String>,
    pub end: Option<String>,
    pub every: String,
}

/// Equal as intervals: PostgreSQL and people write them differently.
impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &str, b: &str| {
            a == b || clock::interval(a).is_some_and(|a| clock::interval(b) == Some(a))
        };
        let side = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        };
        side(&self.start, &other.start)
            && side(&self.end, &other.end)
            && same(&self.every, &other.every)
    }
}

impl Setting {
    /// `from 7d to 1h before now, every 1h`.
    pub fn describe(&self, axis: Axis) -> String {
        let side = |side: &Option<String>, open: &str| {
            side.as_deref()
                .map_or_else(|| open.to_owned(), text::interval)
        };
        let unit = if axis == Axis::Integer { " units" } else { "" };
        format!(
            "from {} to {}{unit} before now, every {}",
            side(&self.start, "the beginning"),
            side(&self.end, "the end, so not"),
            text::interval(&self.every)
        )
    }

    fn lengths(&self, axis: Axis) -> (f64, f64) {
        let length = |side: &Option<String>, open: f64| {
            side.as_deref()
                .map_or(Some(open), |text| clock::length(axis, text))
                .unwrap_or(f64::NAN)
        };
        (
            length(&self.start, f64::INFINITY),
            length(&self.end, f64::NEG_INFINITY),
        )
    }

    /// What a run refreshes now; `None`: what is now cannot be told.
    fn window(&self, place: &Place) -> Option<Window> {
        let now = place.now?;
        let side = |side: &Option<String>| match side {
            None => Some(None),
            Some(back) => clock::back(place.axis(), now, back).map(Some),
        };
        let from = match side(&self.start)? {
            None => None,
            Some(at) => Some(place.buckets.ceil(at)?),
        };
        let to = match side(&self.end)? {
            None => None,
            Some(at) => Some(place.buckets.floor(at)?),
        };
        Some(Window { from, to })
    }

    /// How far behind it lets the aggregate fall: end offset, bucket, schedule; units without the schedule.
    fn lag(&self, place: &Place) -> Option<f64> {
        let axis = place.axis();
        let end = self
            .end
            .as_deref()
            .map_or(Some(0.0), |end| clock::length(axis, end))?;
        let every = match axis {
            Axis::Integer => 0.0,
            _ => clock::interval(&self.every)?.seconds(),
        };
        Some(end + place.buckets.length(axis) + every)
    }
}

/// So many widths of a bucket, as a policy takes it.
fn widths(place: &Place, times: i64) -> Option<String> {
    if place.axis() == Axis::Integer {
        return Some(
            place
                .buckets
                .text
                .parse::<i64>()
                .ok()?
                .checked_mul(times)?
                .to_string(),
        );
    }
    let width = clock::interval(&place.buckets.text)?;
    Some(
        Interval {
            months: width.months.checked_mul(times)?,
            days: width.days.checked_mul(times)?,
            micros: width.micros.checked_mul(times)?,
        }
        .to_string(),
    )
}

/// What is put into the form of a new policy: ten buckets that are over, as far as the source has them.
pub(super) fn suggested(place: &Place) -> Setting {
    let every = match place.axis() {
        Axis::Integer => "1 hour".to_owned(),
        _ => clock::interval(&place.buckets.text)
            .filter(|width| width.seconds() <= 86_400.0 && width.seconds() >= 60.0)
            .map_or_else(|| "1 day".to_owned(), |width| width.to_string()),
    };
    let mut setting = Setting {
        start: widths(place, 11),
        end: widths(place, 1),
        every,
    };
    if let Some(safe) = wipe_risk(place, &setting).and_then(|risk| risk.safe) {
        setting.start = Some(safe);
    }
    setting
}

/// What the server would refuse, said before and with the mend.
pub(super) fn check(place: &Place, new: &Setting, own: Option<i64>) -> Result<(), Refusal> {
    let (axis, level) = (place.axis(), place.level);
    let (start, end) = new.lengths(axis);
    let width = place.buckets.length(axis);
    // Open sides make the window as long as can be.
    if start - end < 2.0 * width {
        let back = new.end.clone().unwrap_or_else(|| "0".to_owned());
        let refusal = Refusal::new(format!(
            "from {} to {} before now is no window of two buckets of {}, which a refresh policy must have",
            new.start
                .as_deref()
                .map_or_else(String::new, text::interval),
            text::interval(&back),
            place.buckets.text
        ));
        return Err(match two_buckets(place, new) {
            Some(start) => refusal.offering("The smallest window", vec![("start_offset", start)]),
            None => refusal,
        });
    }
    for job in level.jobs.iter().filter(|job| Some(job.id) != own) {
        let other = Setting::of(job);
        let (other_start, other_end) = other.lengths(axis);
        if start > other_end && other_start > end {
            return Err(format!(
                "its window overlaps that of {} ({}): two policies of one aggregate must not meet",
                job.describe(),
                other.describe(axis)
            )
            .into());
        }
    }
    Ok(())
}

/// The start offset of the smallest window that ends where this one does.
fn two_buckets(place: &Place, new: &Setting) -> Option<String> {
    let two = widths(place, 2)?;
    let Some(end) = &new.end else {
        return Some(two);
    };
    if place.axis() == Axis::Integer {
        return Some((end.parse::<i64>().ok()? + two.parse::<i64>().ok()?).to_string());
    }
    let (end, two) = (clock::interval(end)?, clock::interval(&two)?);
    Some(
        Interval {
            months: end.months + two.months,
            days: end.days + two.days,
            micros: end.micros + two.micros,
        }
        .to_string(),
    )
}

/// Why the runs of a policy would delete rows of the aggregate.
pub(super) struct Risk {
    pub why: String,
    /// The longest start offset that loses nothing; `None`: there is none that leaves two buckets.
    pub safe: Option<String>,
}

impl Risk {
    pub fn refusal(self, place: &Place, new: &Setting) -> Refusal {
        let refusal = Refusal::new(format!(
            "{}. To let it happen, set override_data_loss",
            self.why
        ));
        let (_, end) = new.lengths(place.axis());
        let room = |start: &String| {
            let start = clock::length(place.axis(), start);
            start.is_some_and(|start| start - end >= 2.0 * place.buckets.length(place.axis()))
        };
        match self.safe.filter(room) {
            Some(start) => refusal.offering(
                "Reach back only as far as the source does",
                vec![("start_offset", start)],
            ),
            None => refusal,
        }
    }
}

pub(super) fn wipe_risk(place: &Place, new: &Setting) -> Option<Risk> {
    let (level, axis) = (place.level, place.axis());
    let (start, _) = new.lengths(axis);
    let met = new
        .window(place)
        .map(|window| (window, guard::met(&place.lost, window)))
        .filter(|(_, met)| !met.is_empty());
    let held = met.as_ref().and_then(|(_, met)| {
        let safe = met.iter().map(|lost| lost.to).max()?;
        since_safe(place, safe)
    });
    let dropped = level
        .source_policies
        .retention
        .as_ref()
        .and_then(|retention| {
            let after = retention
                .after
                .as_deref()
                .filter(|_| !retention.by_creation)?;
            (start > clock::length(axis, after)?).then_some((retention, after))
        });
    if met.is_none() && dropped.is_none() {
        return None;
    }
    let shorter = |a: String, b: String| {
        if clock::length(axis, &a) <= clock::length(axis, &b) {
            a
        } else {
            b
        }
    };
    let kept = dropped.map(|(_, after)| after.to_owned());
    let safe = match (kept, held) {
        (Some(a), Some(b)) => Some(shorter(a, b)),
        // What is lost now meets every window of this end.
        (Some(a), None) if met.is_none() => Some(a),
        (None, Some(b)) => Some(b),
        _ => None,
    };
    let now = met
        .as_ref()
        .map(|(window, met)| guard::explain(place, met, *window));
    let why = match (dropped, now) {
        (Some((retention, after)), now) => {
            let now = now.map_or_else(
                || ". Nothing is lost yet: it begins as rows grow that old".to_owned(),
                |now| format!(". Its next run already: {now}"),
            );
            format!(
                "each run would refresh {}, but {} keeps only {} (retention, job {}{}): what is refreshed after it was dropped is deleted from {} for good{now}",
                reach(new, axis),
                level.source,
                text::interval(after),
                retention.id,
                paused(retention),
                level.name
            )
        }
        (None, now) => format!(
            "its first run would delete rows for good: {}",
            now.unwrap_or_default()
        ),
    };
    Some(Risk { why, safe })
}

fn paused(after: &After) -> &'static str {
    if after.scheduled { "" } else { ", paused now" }
}

fn reach(new: &Setting, axis: Axis) -> String {
    let unit = if axis == Axis::Integer { " units" } else { "" };
    new.start.as_deref().map_or_else(
        || "from the beginning on".to_owned(),
        |start| format!("{}{unit} back", text::interval(start)),
    )
}

/// How far back from now a place is, in whole days or hours that do not reach it.
fn since_safe(place: &Place, safe: i64) -> Option<String> {
    let back = place.now?.checked_sub(safe).filter(|back| *back > 0)?;
    if place.axis() == Axis::Integer {
        return Some(back.to_string());
    }
    let (days, micros) = match back / DAY {
        0 | 1 => (0, back - back % 60_000_000),
        days => (days, 0),
    };
    let span = Interval {
        months: 0,
        days,
        micros,
    };
    span.is_positive().then(|| span.to_string())
}

/// What the setting would mean, beside what it replaces.
pub(super) fn notes(
    place: &Place,
    facts: &Facts,
    new: &Setting,
    old: Option<(&Job, &Setting)>,
) -> Vec<(Weight, String)> {
    let mut notes = Vec::new();
    let mut note = |weight, words: String| notes.push((weight, words));
    match new.window(place) {
        Some(window) => note(
            Weight::Notice,
            format!("a run now would refresh {}, {}", place.show(window), place.amount(window)),
        ),
        None => note(
            Weight::Unknown,
            "which window a run now would refresh cannot be told: what is now on its integer time may not be asked".to_owned(),
        ),
    }
    note(
        Weight::Notice,
        lag_note(place, facts, new, old.map(|(_, old)| old)),
    );
    if let Some((job, old)) = old
        && new.every != old.every
        && let Some(next) = job
            .next_start
            .as_deref()
            .filter(|next| !next.contains("infinity"))
    {
        note(
            Weight::Notice,
            format!("the next run stays where it is ({next}), the new beat begins after it"),
        );
    }
    if new.end.is_none() {
        note(
            Weight::Notice,
            "to the end: the bucket that is not over is materialized as it is, and rows that come into it later show after the next run only".to_owned(),
        );
    }
    conflicts(place, new, &mut notes);
    notes
}

fn lag_note(place: &Place, facts: &Facts, new: &Setting, old: Option<&Setting>) -> String {
    let axis = place.axis();
    let say =
        |lag: Option<f64>| lag.map_or_else(|| "unknown".to_owned(), |lag| clock::say(axis, lag));
    let (mut below, mut without) = (Some(0.0), Vec::new());
    for level in facts
        .levels
        .iter()
        .take(facts.levels.len().saturating_sub(1))
    {
        match level.newest_policy() {
            Some(job) => below = below.zip(lag_of(level, job)).map(|(all, one)| all + one),
            None => without.push(level.name.as_str()),
        }
    }
    let whole = |setting: &Setting| {
        setting
            .lag(place)
            .zip(below)
            .map(|(own, below)| own + below)
    };
    let mut words = format!("expected lag: up to {}", say(whole(new)));
    if let Some(old) = old.map(whole).filter(|old| *old != whole(new)) {
        words = format!("{words} (it was {})", say(old));
    }
    if axis == Axis::Integer {
        words = format!(
            "{words} units and what comes in {}",
            text::interval(&new.every)
        );
    }
    if below.is_none_or(|below| below > 0.0) {
        words = format!("{words}, that of what it is built on included");
    }
    if !without.is_empty() {
        words = format!(
            "{words}; {} has no policy and promises nothing",
            without.join(", ")
        );
    }
    words
}

fn lag_of(level: &Level, job: &Job) -> Option<f64> {
    let axis = level.axis();
    let setting = Setting::of(job);
    let end = setting
        .end
        .as_deref()
        .map_or(Some(0.0), |end| clock::length(axis, end))?;
    let bucket = clock::length(axis, level.bucket.as_deref()?)?;
    let every = match axis {
        Axis::Integer => 0.0,
        _ => clock::interval(&setting.every)?.seconds(),
    };
    Some(end + bucket + every)
}

/// Where the three policies of an aggregate work against each other.
fn conflicts(place: &Place, new: &Setting, notes: &mut Vec<(Weight, String)>) {
    let (level, axis) = (place.level, place.axis());
    let (start, _) = new.lengths(axis);
    let length = |after: &Option<After>| {
        let after = after.as_ref().filter(|after| !after.by_creation)?;
        let text = after.after.clone()?;
        let length = clock::length(axis, &text)?;
        Some((after.id, text::interval(&text), length))
    };
    let compression = length(&level.own_policies.compression);
    let retention = length(&level.own_policies.retention);
    if let Some((id, after, at)) = &compression
        && *at < start
    {
        notes.push((
            Weight::Warning,
            format!("compress inside the refresh window: job {id} compresses chunks of {} after {after}, and refreshes that reach back {} write into them again", level.name, reach(new, axis)),
        ));
    }
    if let Some((id, after, at)) = &retention
        && *at < start
    {
        notes.push((
            Weight::Warning,
            format!("retention shorter than the refresh window: job {id} drops rows of {} after {after}, and refreshes may bring them back", level.name),
        ));
    }
    if let (Some((id, after, drop)), Some((_, compress, at))) = (&retention, &compression)
        && drop <= at
    {
        notes.push((
            Weight::Warning,
            format!("drop before compress: job {id} drops chunks of {} after {after}, before they are compressed after {compress}", level.name),
        ));
    }
    if level
        .source_policies
        .retention
        .as_ref()
        .is_some_and(|retention| retention.by_creation)
    {
        notes.push((
            Weight::Warning,
            format!("{} drops chunks by when they were made: whether this window reaches over dropped rows later cannot be told", level.source),
        ));
    } else if new.start.is_none() {
        notes.push((
            Weight::Warning,
            format!("from the beginning on: should chunks of {} ever be dropped, a run deletes their rows from {} for good", level.source, level.name),
        ));
    }
}
