//! The text formats of intervals, ages and other values.

use hypertop::model::moment::Stamp;
use hypertop::model::text::{age, interval, interval_seconds};
use hypertop::model::value::Value;

#[test]
fn an_interval_is_shown_in_one_style_and_nothing_of_it_is_lost() {
    for (postgres, ours) in [
        ("3 days 01:30:00", "3d 1h 30m"),
        ("01:00:00", "1h"),
        ("00:00:20", "20s"),
        ("00:00:00.5", "0.5s"),
        ("36:00:00", "36h"),
        ("1 mon", "1mon"),
        ("1 year 2 mons 5 days", "1y 2mon 5d"),
        ("-00:05:00", "-5m"),
        ("2 weeks", "2w"),
        ("00:00:00", "0s"),
        // Intervals as sessions with another IntervalStyle wrote them.
        ("P1M3DT1H30M", "1mon 3d 1h 30m"),
        ("+0-1 +3 +1:30:00", "1mon 3d 1h 30m"),
        ("7 0:00:00", "7d"),
        ("@ 1 day 12 hours", "1d 12h"),
        ("500000", "500 000"),
        ("1000", "1000"),
        // Unknown texts are shown unchanged.
        ("soon", "soon"),
        ("3 moons", "3 moons"),
    ] {
        assert_eq!(interval(postgres), ours);
    }
}

#[test]
fn an_interval_sorts_by_its_length_and_json_keeps_its_text() {
    let value = Value::interval("3 days 01:30:00");
    assert_eq!(value.show(Stamp(0)), "3d 1h 30m");
    assert_eq!(value.json(), "3 days 01:30:00");
    assert!(interval_seconds("1 mon") > interval_seconds("7 days"));
    assert_eq!(Value::interval("soon"), Value::text("soon"));
}

#[test]
fn what_starts_in_more_than_ten_years_has_no_exact_number_of_years() {
    let now = Stamp(1_800_000_000_000_000);
    let years = |years: f64| age(now.plus_seconds(years * 31_557_600.0), now);
    assert_eq!(years(9.0), "in 9.0y");
    assert_eq!(years(73.1), "in over 10y");
    assert_eq!(years(-73.1), "73.1y ago");
}
