#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::screens::hypertables::row::Window;
use crate::screens::hypertables::{HypertableKind, Policies};
use crate::screens::later::Later;

const GIB: i64 = 1 << 30;

/// A hypertable with this chunk interval, whose newest full chunk has `bytes`, on a server with 16 GB.
fn row(chunks: i64, interval: i64, bytes: i64) -> Row {
    Row {
        id: 1,
        schema: "mes".to_owned(),
        name: "x".to_owned(),
        kind: HypertableKind::Hypertable,
        axis: Axis::TimestampTz,

        column: Some("ts".to_owned()),
        interval: Some(interval),
        now: Some(1000 * DAY + HOUR),
        space: Vec::new(),
        chunks,
        compressed: 0,
        partial: 0,
        tiered: 0,
        about_bytes: None,
        exact: Later::NotRead,
        largest: 0,
        seen: None,
        window: Some(Window {
            start: 1000 * DAY - interval,
            end: 1000 * DAY,
            ranges: 1,
            bytes: Some(bytes),
            about: false,
        }),
        oldest: Some(0),
        newest: Some(1000 * DAY),
        indexes: 2,
        policies: Policies::default(),
        comment: None,
        readers: Vec::new(),
        plain: None,
        limits: Limits {
            locks_each: 64,
            connections: 100,
            prepared: 0,
            memory_bytes: 16 * GIB,
            memory_default: false,
        },
    }
}

#[test]
fn a_chunk_that_does_not_fit_a_quarter_of_memory_is_advised_a_shorter_interval_that_does() {
    let large = row(10, 7 * DAY, 12 * GIB);
    assert_eq!(
        large.size_of_chunks(&thresholds::Limits::default()),
        Size::TooLarge {
            advised: Some(2 * DAY)
        }
    );
    assert_eq!(
        large.arithmetic(2 * DAY).unwrap(),
        "12.0 GB x 2d / 7d = 3.43 GB"
    );
    assert_eq!(large.interval_sql(2 * DAY), "interval '2 days'");
    // A size of exactly a quarter fits.
    assert_eq!(
        row(10, 7 * DAY, 4 * GIB).size_of_chunks(&thresholds::Limits::default()),
        Size::Fits
    );
    // Once the new interval is set, the advice disappears, although the newest full chunk still has the old size.
    let mut fixed = large;
    fixed.interval = Some(2 * DAY);
    assert_eq!(
        fixed.size_of_chunks(&thresholds::Limits::default()),
        Size::Fits
    );
}

#[test]
fn many_small_chunks_are_advised_a_longer_interval_that_policies_allow() {
    let mut small = row(2000, HOUR, 1 << 20);
    assert_eq!(
        small.size_of_chunks(&thresholds::Limits::default()),
        Size::TooSmall {
            advised: Some(30 * DAY)
        }
    );
    small.policies.drop_after = Some(30 * DAY);
    assert_eq!(
        small.size_of_chunks(&thresholds::Limits::default()),
        Size::TooSmall {
            advised: Some(7 * DAY)
        }
    );
    small.policies.compress_after = Some(5 * HOUR);
    assert_eq!(
        small.size_of_chunks(&thresholds::Limits::default()),
        Size::TooSmall {
            advised: Some(4 * HOUR)
        }
    );
    // A small number of small chunks is no problem.
    small.chunks = 99;
    assert_eq!(
        small.size_of_chunks(&thresholds::Limits::default()),
        Size::Fits
    );
}

#[test]
fn thousands_of_chunks_that_could_be_fewer_are_too_many() {
    let many = row(5000, HOUR, 20 << 20);
    assert_eq!(
        many.size_of_chunks(&thresholds::Limits::default()),
        Size::TooMany {
            advised: Some(2 * DAY)
        }
    );
    assert_eq!(
        row(999, HOUR, 20 << 20).size_of_chunks(&thresholds::Limits::default()),
        Size::Fits
    );
    assert_eq!(
        row(5000, HOUR, GIB).size_of_chunks(&thresholds::Limits::default()),
        Size::Fits
    );
}

#[test]
fn integer_time_is_advised_round_numbers() {
    let mut small = row(500, 1000, 4096);
    small.axis = Axis::Integer;
    small.newest = Some(500_000);
    assert_eq!(
        small.size_of_chunks(&thresholds::Limits::default()),
        Size::TooSmall {
            advised: Some(20_000)
        }
    );
    assert_eq!(small.interval_sql(20_000), "20000");
    let mut large = row(500, 1000, 64 * GIB);
    large.axis = Axis::Integer;
    assert_eq!(
        large.size_of_chunks(&thresholds::Limits::default()),
        Size::TooLarge { advised: Some(50) }
    );
}

#[test]
fn space_partitions_share_an_interval() {
    let mut four = row(400, DAY, 48 << 20);
    assert_eq!(
        four.size_of_chunks(&thresholds::Limits::default()),
        Size::Fits
    );
    four.space = vec![("dev".to_owned(), 4)];
    four.window.as_mut().unwrap().bytes = Some(32 << 20);
    assert!(matches!(
        four.size_of_chunks(&thresholds::Limits::default()),
        Size::TooSmall { .. }
    ));
}

#[test]
fn growth_is_by_the_day_and_nothing_where_nothing_comes() {
    assert_eq!(row(1, 7 * DAY, 7 * GIB).growth(), Some(GIB));
    assert_eq!(row(1, HOUR, GIB).growth(), Some(24 * GIB));
    let mut stalled = row(1, HOUR, GIB);
    stalled.now = Some(1000 * DAY + 2 * HOUR);
    assert_eq!(stalled.growth(), Some(0));
    assert_eq!(row(1, HOUR, 0).growth(), Some(0));
    let mut counted = row(1, 1000, GIB);
    counted.now = None;
    assert_eq!(counted.growth(), None);
}

#[test]
fn locks_are_counted_with_indexes_and_companions() {
    let mut row = row(1000, DAY, GIB);
    assert_eq!(row.locks(), Some(3003));
    row.compressed = 900;
    assert_eq!(row.locks(), Some(4803));
    assert_eq!(row.limits.lock_slots(), 6400);
    assert_eq!(row.lock_percent().as_deref(), Some("75%"));
    // 2 * 4803 / 100 is 97, rounded up; the next multiple of 64 is 128.
    assert_eq!(row.limits.locks_each_for(4803, 50.0), 128);
}

#[test]
fn too_few_locks_are_told_with_the_arithmetic_and_the_setting_that_fixes_it() {
    use crate::model::verdict::Level;
    use crate::screens::hypertables::judge::verdict;
    let mut row = row(2000, DAY, GIB);
    row.compressed = 900;
    row.policies.drop_after = Some(2000 * DAY);
    let told = verdict(
        &row,
        &crate::model::thresholds::Limits::default(),
        crate::model::version::Version::new(2, 28),
    );
    assert_eq!(told.level, Level::Warning);
    for words in [
        "takes up to 7803 locks (2000 chunks x (1 + 2 indexes) + 2 x 900 compressed)",
        "the lock table has 6400 (max_locks_per_transaction 64 x (100 connections + 0 prepared))",
        "set max_locks_per_transaction to 192 and restart",
    ] {
        assert!(told.reason.contains(words), "{words}: {}", told.reason);
    }
    row.limits.locks_each = 192;
    assert_eq!(
        verdict(
            &row,
            &crate::model::thresholds::Limits::default(),
            crate::model::version::Version::new(2, 28)
        )
        .level,
        Level::Ok
    );
    row.limits.locks_each = 128;
    let told = verdict(
        &row,
        &crate::model::thresholds::Limits::default(),
        crate::model::version::Version::new(2, 28),
    );
    assert_eq!(told.level, Level::Notice);
    assert!(
        told.reason.contains("more than 50 % of the lock table"),
        "{}",
        told.reason
    );
    // The verdict of a hypertable without a problem names the limits, too.
    row.chunks = 10;
    row.compressed = 0;
    let told = verdict(
        &row,
        &crate::model::thresholds::Limits::default(),
        crate::model::version::Version::new(2, 28),
    );
    assert_eq!(told.level, Level::Ok);
    assert!(
        told.reason
            .contains("takes 1.00 GB, within a quarter of memory (4.00 GB)"),
        "{}",
        told.reason
    );
}
