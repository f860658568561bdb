//! Effects of a refresh policy: its window, and the rows that its runs would delete.

use super::explain::explain;
use super::facts::{AgePolicy, length};
use super::guard;
use super::timeline::Timeline;
use super::window::Window;
use crate::actions::act::Refusal;
use crate::actions::alter_job::Job;
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::span::Span;
use crate::model::{clock, text};

const DAY: i64 = 86_400_000_000;

/// Settings of a refresh policy. Offset `None`: the window is open on that side.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub start: Option<String>,
    pub end: Option<String>,
    pub every: String,
}

/// Settings are compared as intervals, because PostgreSQL and users write the same length in different ways.
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
    /// The settings of an existing policy.
    pub(super) fn of(job: &Job) -> Self {
        Self {
            start: job.setting("start_offset"),
            end: job.setting("end_offset"),
            every: job.schedule_interval.clone(),
        }
    }

    /// Text such as `from 7d to 1h before now, every 1h`.
    pub(super) fn describe(&self, axis: Axis) -> String {
        let unit = if axis == Axis::Integer { " units" } else { "" };
        let start = self.start.as_deref().map(text::interval);
        let end = self.end.as_deref().map(text::interval);
        let window = match (start, end) {
            (Some(start), Some(end)) => format!("from {start} to {end}{unit} before now"),
            (None, Some(end)) => format!("from the beginning to {end}{unit} before now"),
            (Some(start), None) => format!("from {start}{unit} before now on"),
            (None, None) => "everything".to_owned(),
        };
        format!("{window}, every {}", text::interval(&self.every))
    }

    fn lengths(&self, axis: Axis) -> (f64, f64) {
        let side = |side: &Option<String>, open: f64| {
            side.as_deref()
                .map_or(Some(open), |text| length(axis, text))
                .unwrap_or(f64::NAN)
        };
        (
            side(&self.start, f64::INFINITY),
            side(&self.end, f64::NEG_INFINITY),
        )
    }

    /// Window of a run that starts now. `None`: "now" is unknown.
    pub(super) fn window(&self, place: &Timeline) -> Option<Window> {
        place.now.at?;
        let side = |side: &Option<String>| match side {
            None => Some(None),
            Some(back) => place.back(back).map(Some),
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

    /// Expected maximum lag: `end_offset` + bucket + schedule interval, in seconds. For integer time: `end_offset`
    /// + bucket, in units. `None`: a value cannot be parsed.
    pub(super) fn lag(&self, place: &Timeline) -> Option<f64> {
        let axis = place.axis();
        let end = self
            .end
            .as_deref()
            .map_or(Some(0.0), |end| length(axis, end))?;
        let every = match axis {
            Axis::Integer => 0.0,
            _ => clock::interval(&self.every)?.seconds(),
        };
        Some(end + place.buckets.length(axis) + every)
    }
}

/// Length of `times` buckets. `None`: out of range.
fn widths(place: &Timeline, times: i64) -> Option<Span> {
    Span::parse(place.axis(), &place.buckets.text)?.times(times)
}

/// Suggested settings of a new policy: a window of ten finished buckets, or less if the source's retention keeps less.
pub(super) fn suggested(place: &Timeline) -> Setting {
    let every = match place.axis() {
        Axis::Integer => "1 hour".to_owned(),
        _ => clock::interval(&place.buckets.text)
            .filter(|width| width.seconds() <= 86_400.0 && width.seconds() >= 60.0)
            .map_or_else(|| "1 day".to_owned(), |width| width.to_string()),
    };
    let mut setting = Setting {
        start: widths(place, 11).map(Span::typed),
        end: widths(place, 1).map(Span::typed),
        every,
    };
    if let Some(safe) = row_loss_risk(place, &setting).and_then(|risk| risk.safe) {
        setting.start = Some(safe);
    }
    setting
}

/// Refuses settings that the server would refuse. For a window that is too short, the refusal offers the smallest window.
pub(super) fn check(place: &Timeline, new: &Setting, own: Option<i64>) -> Result<(), Refusal> {
    let (axis, level) = (place.axis(), place.level);
    let (start, end) = new.lengths(axis);
    let width = place.buckets.length(axis);
    // A window that is open on one side is never too short.
    if start - end < 2.0 * width {
        let back = new.end.clone().unwrap_or_else(|| "0".to_owned());
        let refusal = Refusal::new(format!(
            "the window from {} to {} before now is shorter than two buckets of {}, the minimum for a refresh policy",
            new.start
                .as_deref()
                .map_or_else(String::new, text::interval),
            text::interval(&back),
            text::interval(&place.buckets.text)
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
                "its window overlaps that of {} ({}): two policies of one aggregate must not overlap",
                job.describe(),
                other.describe(axis)
            )
            .into());
        }
    }
    Ok(())
}

/// The `start_offset` with which the window is exactly two buckets long.
fn two_buckets(place: &Timeline, new: &Setting) -> Option<String> {
    let two = widths(place, 2)?;
    let start = match &new.end {
        None => two,
        Some(end) => Span::parse(place.axis(), end)?.plus(two)?,
    };
    Some(start.typed())
}

/// The reason why the runs of a policy would delete rows of the aggregate.
pub(super) struct Risk {
    pub why: String,
    /// The longest `start_offset` with which no run deletes rows of the aggregate. `None`: there is no such offset, or it is unknown.
    safe: Option<String>,
}

impl Risk {
    pub(super) fn refusal(self, place: &Timeline, new: &Setting) -> Refusal {
        let refusal = Refusal::new(format!("{}. To allow it, set override_data_loss", self.why));
        let (_, end) = new.lengths(place.axis());
        let room = |start: &String| {
            let start = length(place.axis(), start);
            start.is_some_and(|start| start - end >= 2.0 * place.buckets.length(place.axis()))
        };
        match self.safe.filter(room) {
            Some(start) => refusal.offering(
                "Limit start_offset to the source's retention",
                vec![("start_offset", start)],
            ),
            None => refusal,
        }
    }
}

pub(super) fn row_loss_risk(place: &Timeline, new: &Setting) -> Option<Risk> {
    let (level, axis) = (place.level, place.axis());
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
            let reads = place.reads_dropped(new.start.as_deref(), retention);
            Some((retention, retention.after.as_deref()?)).filter(|_| reads)
        });
    if met.is_none() && dropped.is_none() {
        return None;
    }
    let shorter = |a: String, b: String| {
        let spans = Span::parse(axis, &a).zip(Span::parse(axis, &b));
        if spans.is_some_and(|(a, b)| place.now.exceeds(a, b)) {
            b
        } else {
            a
        }
    };
    let kept = dropped.map(|(_, after)| after.to_owned());
    let safe = match (kept, held) {
        (Some(a), Some(b)) => Some(shorter(a, b)),
        // Nothing is lost yet, because the window contains no dropped rows. So the age in the retention policy is the limit.
        (Some(a), None) if met.is_none() => Some(a),
        (None, Some(b)) => Some(b),
        _ => None,
    };
    let now = met
        .as_ref()
        .map(|(window, met)| explain(place, met, *window));
    let why = why(place, new, dropped, now);
    Some(Risk { why, safe })
}

/// Text on the rows that the source's retention policy drops, and on the buckets that the next run would delete.
fn why(
    place: &Timeline,
    new: &Setting,
    dropped: Option<(&AgePolicy, &str)>,
    now: Option<String>,
) -> String {
    let (level, axis) = (place.level, place.axis());
    match (dropped, now) {
        (Some((retention, after)), now) => {
            let now = now.map_or_else(
                || ". Nothing is lost yet: the loss begins when rows reach that age".to_owned(),
                |now| format!(". The next run already deletes rows: {now}"),
            );
            format!(
                "each run would refresh {}, but {} keeps only {} (retention, job {}{}): refreshing older ranges deletes rows of {} for good{now}",
                reach(new, axis),
                level.source,
                text::interval(after),
                retention.id,
                paused(retention),
                level.name
            )
        }
        (None, now) => format!(
            "the next run would delete rows for good: {}",
            now.unwrap_or_default()
        ),
    }
}

fn paused(after: &AgePolicy) -> &'static str {
    if after.scheduled { "" } else { ", paused now" }
}

fn reach(new: &Setting, axis: Axis) -> String {
    let unit = if axis == Axis::Integer { " units" } else { "" };
    new.start.as_deref().map_or_else(
        || "everything from the beginning on".to_owned(),
        |start| format!("the last {}{unit}", text::interval(start)),
    )
}

/// Age of a position as an offset: whole days, or whole minutes if it is less than two days. The offset is rounded down, so that the window
/// does not reach the position. `None`: "now" is unknown, or the position is not in the past.
fn since_safe(place: &Timeline, safe: i64) -> Option<String> {
    let back = place.now.at?.checked_sub(safe).filter(|back| *back > 0)?;
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
