//! Calculations about the chunks of a hypertable: bytes per chunk interval, growth, locks, and the advised chunk interval.

use super::row::{Limits, Row};
use crate::model::moment::Axis;
use crate::model::thresholds::reaches;
use crate::model::{text, thresholds};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The chunk intervals that may be advised, in microseconds: divisors of a day, or whole days.
const SENSIBLE: [i64; 19] = [
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
];

/// Result of judging the size of chunks. `advised` is a chunk interval, in microseconds or in units of integer time; `None`: no better
/// interval is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Fits,
    /// The chunks of one full interval are larger than the allowed share of memory.
    TooLarge {
        advised: Option<i64>,
    },
    /// There are many chunks, and they are small.
    TooSmall {
        advised: Option<i64>,
    },
    /// There are many chunks, and the chunks of a longer interval would still fit into the allowed share of memory.
    TooMany {
        advised: Option<i64>,
    },
}

impl Limits {
    /// Number of locks in the lock table, by the formula in PostgreSQL's documentation.
    pub(super) fn lock_slots(&self) -> i64 {
        self.locks_each
            .saturating_mul(self.connections + self.prepared)
    }

    /// The part of `effective_cache_size` into which the newest chunks should fit, in bytes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "memory is far less than 2^52"
    )]
    pub(super) fn room(&self, percent: f64) -> i64 {
        (self.memory_bytes as f64 * percent / 100.0) as i64
    }

    /// [`Self::room`] with its calculation, such as `8.00 GB / 4 = 2.00 GB`.
    pub(super) fn room_words(&self, percent: f64) -> String {
        let (memory, room) = (
            text::bytes(self.memory_bytes),
            text::bytes(self.room(percent)),
        );
        if percent.total_cmp(&25.0).is_eq() {
            format!("{memory} / 4 = {room}")
        } else {
            format!("{memory} x {percent} % = {room}")
        }
    }

    /// Value of `max_locks_per_transaction` at which `locks` use at most this percentage of the lock table, rounded up to a multiple of 64.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "locks are far fewer than 2^52"
    )]
    pub(super) fn locks_each_for(&self, locks: i64, percent: f64) -> i64 {
        let sessions = (self.connections + self.prepared).max(1);
        let slots = locks as f64 * 100.0 / percent;
        let each = (slots / sessions as f64).ceil() as i64;
        (each + 63) / 64 * 64
    }
}

/// Text of a percentage: `a quarter`, `30 %`.
pub(super) fn part(percent: f64) -> String {
    if percent.total_cmp(&25.0).is_eq() {
        "a quarter".to_owned()
    } else {
        format!("{percent} %")
    }
}

/// `bytes * part / whole`, computed with 128 bits; `None`: `whole` is not positive, or the result is too large.
fn share(bytes: i64, part: i64, whole: i64) -> Option<i64> {
    let share = i128::from(bytes) * i128::from(part) / i128::from((whole > 0).then_some(whole)?);
    i64::try_from(share).ok()
}

impl Row {
    /// Size of all chunks of one full interval of the present length, with indexes and before compression. `None`: unknown.
    pub(super) fn interval_bytes(&self) -> Option<i64> {
        let window = self.window()?;
        share(
            window.bytes?,
            self.interval?,
            window.end.checked_sub(window.start)?,
        )
    }

    /// Bytes written per day, computed from the newest full intervals; 0 if the last two full intervals have no chunk. `None`: unknown.
    pub(super) fn growth(&self) -> Option<i64> {
        let (window, now) = (self.window()?, self.now?);
        let interval = self.interval?;
        if now.saturating_sub(window.end) >= interval.saturating_mul(2) {
            return Some(0);
        }
        share(window.bytes?, DAY, window.end.checked_sub(window.start)?)
    }

    /// Number of chunks in one chunk interval: the product of the numbers of partitions.
    pub(super) fn partitions(&self) -> i64 {
        let partitions = self.space.iter().map(|(_, many)| (*many).max(1));
        partitions.product::<i64>().max(1)
    }

    /// Maximum number of locks that a statement on all chunks takes: one for each table and index. A compressed chunk adds a table and an
    /// index. `None`: a plain table.
    pub(super) fn locks(&self) -> Option<i64> {
        self.plain.is_none().then(|| {
            let each = 1 + self.indexes;
            each + self.chunks * each + self.compressed * 2
        })
    }

    /// [`Self::locks`] as a percentage of the lock table, as text.
    pub(super) fn lock_percent(&self) -> Option<String> {
        let percent = share(self.locks()?, 100, self.limits.lock_slots())?;
        Some(match percent {
            0 => "<1%".to_owned(),
            percent => format!("{percent}%"),
        })
    }

    pub(super) fn size_of_chunks(&self, limits: &thresholds::Limits) -> Size {
        let (Some(bytes), Some(interval)) = (
            self.interval_bytes().filter(|bytes| *bytes > 0),
            self.interval,
        ) else {
            return Size::Fits;
        };
        let room = self.limits.room(limits.memory_percent);
        if bytes > room {
            let most = share(interval, room, bytes);
            let advised = most.and_then(|most| self.sensible(most));
            return Size::TooLarge {
                advised: advised.filter(|advised| *advised < interval),
            };
        }
        let small = !reaches(bytes / self.partitions(), limits.small_chunk_bytes);
        let many = reaches(self.chunks, limits.many_chunks);
        if !many && (!small || !reaches(self.chunks, limits.small_chunks)) {
            return Size::Fits;
        }
        // Aims at a quarter of `room`, which leaves memory for other hypertables.
        let most = share(interval, room / 4, bytes).map(|most| self.capped(most));
        let advised = most
            .and_then(|most| self.sensible(most))
            .filter(|advised| *advised >= interval.saturating_mul(2));
        if small {
            Size::TooSmall { advised }
        } else if advised.is_some() {
            Size::TooMany { advised }
        } else {
            Size::Fits
        }
    }

    /// Limits an advised interval. An interval above a quarter of `drop_after` would keep data much too long. An interval above
    /// `compress_after` would delay compression. An interval above a twentieth of the stored time range would leave fewer than twenty
    /// chunks.
    fn capped(&self, most: i64) -> i64 {
        let span = self.newest.zip(self.oldest);
        let span = span.map(|(newest, oldest)| newest.saturating_sub(oldest) / 20);
        let drop = self.policies.drop_after.map(|after| after / 4);
        let caps = [span, drop, self.policies.compress_after];
        caps.into_iter().flatten().fold(most, i64::min)
    }

    /// The longest interval up to `most` that may be advised; for integer time 1, 2 or 5 followed by zeros.
    fn sensible(&self, most: i64) -> Option<i64> {
        if self.axis != Axis::Integer {
            return SENSIBLE.into_iter().rev().find(|step| *step <= most);
        }
        let ten = 10_i64.checked_pow(most.checked_ilog10()?)?;
        [5, 2, 1]
            .into_iter()
            .filter_map(|many| ten.checked_mul(many))
            .find(|step| *step <= most)
    }

    /// An interval as an argument of `set_chunk_time_interval`, such as `interval '3 days'`.
    pub(super) fn interval_sql(&self, raw: i64) -> String {
        if self.axis == Axis::Integer {
            return raw.to_string();
        }
        format!("interval '{}'", self.interval_typed(raw))
    }

    /// An interval as a user types it, such as `3 days` or `500000`.
    pub(super) fn interval_typed(&self, raw: i64) -> String {
        let unit = |many: i64, one: &str| text::plural(many, one);
        match raw {
            _ if self.axis == Axis::Integer => raw.to_string(),
            _ if raw % DAY == 0 => unit(raw / DAY, "day"),
            _ if raw % HOUR == 0 => unit(raw / HOUR, "hour"),
            _ => unit(raw / MINUTE, "minute"),
        }
    }

    /// Short text of an interval, such as `1d` or `500 000`.
    pub(super) fn interval_text(&self, raw: i64) -> String {
        self.length(raw).show(crate::model::moment::Stamp(0))
    }

    /// Calculation of the size of a chunk interval of the advised length, such as `12.0 GB x 1d / 7d = 1.71 GB`.
    pub(super) fn arithmetic(&self, advised: i64) -> Option<String> {
        let (bytes, interval) = (self.interval_bytes()?, self.interval?);
        Some(format!(
            "{} x {} / {} = {}",
            text::bytes(bytes),
            self.interval_text(advised),
            self.interval_text(interval),
            text::bytes(share(bytes, advised, interval)?)
        ))
    }
}

#[cfg(test)]
mod tests;
