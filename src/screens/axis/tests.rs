#![allow(clippy::unwrap_used, reason = "a test may fail")]

use super::*;
use crate::model::verdict::Level;

const DAY: i64 = 86_400_000_000;
/// 2026-11-01 00:00 UTC, in microseconds since 1970.
const START: i64 = 20_758 * DAY;

fn cell(sign: char) -> MapCell {
    let level = match sign {
        'B' => Level::Warning,
        'P' => Level::Notice,
        'F' => Level::Unknown,
        _ => Level::Ok,
    };
    MapCell { sign, level }
}

/// One chunk per day from day `first` on. `signs` has the state of each day's chunk; a space is a day without a chunk.
fn days(first: i64, signs: &str) -> Vec<Slice> {
    let day = |(at, sign)| {
        let start = START + (first + i64::try_from(at).unwrap()) * DAY;
        let bytes = matches!(sign, '#' | 'P').then_some(8 << 20);
        (sign != ' ').then(|| Slice {
            start,
            end: start + DAY,
            cell: cell(sign),
            bytes: Some(bytes.unwrap_or(16 << 20)),
        })
    };
    signs.chars().enumerate().filter_map(day).collect()
}

fn mark(sign: char, label: &str, place: Place) -> Mark {
    Mark {
        sign,
        label: label.to_owned(),
        level: Level::Ok,
        place,
    }
}

fn axis(slices: Vec<Slice>, marks: Vec<Mark>) -> TimeAxis {
    TimeAxis {
        title: "Chunks on the time axis".to_owned(),
        unit: Axis::TimestampTz,
        slices,
        marks,
        legend: vec![
            (cell('#'), "compressed 12".to_owned()),
            (cell('.'), "uncompressed 7".to_owned()),
            (cell('B'), "backlog: past compress_after 2".to_owned()),
        ],
    }
}

fn day(at: i64) -> i64 {
    START + at * DAY
}

fn drawn(axis: &TimeAxis, width: usize) -> String {
    let (title, lines) = axis.draw(width);
    let mut all = vec![title];
    for line in lines {
        let text: String = line.into_iter().map(|(_, text)| text).collect();
        assert!(
            text::width(&text) <= width.max(NARROWEST),
            "{width}: {text:?}"
        );
        all.push(text.trim_end().to_owned());
    }
    all.join("\n")
}

/// Compression after 7 days, retention after 18, refresh from 5 days to half a day ago.
fn policies() -> Vec<Mark> {
    let noon = DAY / 2;
    vec![
        mark('N', "now 2026-11-20 12:00", Place::At(day(19) + noon)),
        mark(
            'C',
            "compress after 7d: 2026-11-13 12:00",
            Place::At(day(12) + noon),
        ),
        mark(
            'D',
            "drop after 18d: 2026-11-02 12:00",
            Place::At(day(1) + noon),
        ),
        mark(
            'W',
            "refresh mes.hourly 5d to 12h ago, watermark W 2026-11-20 00:00",
            Place::Window {
                from: Some(day(14) + noon),
                to: day(19),
                letter: Some(day(19)),
            },
        ),
    ]
}

#[test]
fn the_policies_are_explained_at_eighty_columns() {
    insta::assert_snapshot!(drawn(
        &axis(days(0, "##########PBB......."), policies()),
        78
    ));
}

#[test]
fn the_policies_are_explained_at_a_hundred_and_eighty_columns() {
    insta::assert_snapshot!(drawn(
        &axis(days(0, "##########PBB......."), policies()),
        178
    ));
}

#[test]
fn a_chunk_of_1970_and_one_of_2099_do_not_squeeze_the_others() {
    let mut slices = days(-20_000, "#");
    slices.extend(days(0, "######      BB......"));
    slices.extend(days(27_000, "."));
    let drawn = drawn(&axis(slices, policies()), 78);
    assert!(drawn.matches('#').count() > 15, "{drawn}");
    insta::assert_snapshot!(drawn);
}

#[test]
fn what_has_no_place_says_why_and_what_lies_beyond_points_there() {
    let marks = vec![
        mark('D', "drop after 90d: 2026-08-22", Place::At(day(-70))),
        mark(
            'W',
            "mes.monthly: no refresh policy, watermark W 2026-12-01",
            Place::At(day(30)),
        ),
        mark(
            'C',
            "compress what was created 10 days ago or before, whatever its time",
            Place::Nowhere,
        ),
        mark(
            'W',
            "refresh mes.all all to 1h ago",
            Place::Window {
                from: None,
                to: day(10),
                letter: Some(day(3)),
            },
        ),
    ];
    insta::assert_snapshot!(drawn(&axis(days(0, "..................."), marks), 60));
}

#[test]
fn of_many_chunks_in_a_column_the_worst_is_shown_and_the_column_says_what_it_is() {
    let mut signs = "#".repeat(3000);
    signs.replace_range(1500..1501, "F");
    signs.replace_range(2990..3000, "..........");
    let drawn = drawn(&axis(days(-3000, &signs), Vec::new()), 60);
    let states = drawn.lines().nth(3).unwrap();
    assert_eq!(states, format!("{}F{}.", "#".repeat(30), "#".repeat(28)));
    assert!(drawn.contains("one column is about 50d"), "{drawn}");
}

#[test]
fn without_a_chunk_the_marks_are_still_told() {
    let text = drawn(&axis(Vec::new(), policies()), 60);
    assert!(
        text.contains("no chunk yet") && text.contains("drop after 18d"),
        "{text}"
    );
}

#[test]
fn space_partitions_add_up_to_one_bar() {
    let mut slices = days(0, "..");
    slices.insert(0, slices[0].clone());
    let (bars, highest) = axis(slices, Vec::new()).bars(
        &Scale::new(&axis(days(0, ".."), Vec::new()), 20).unwrap(),
        20,
        2,
    );
    assert_eq!(highest, Some(32 << 20));
    assert_eq!(bars, vec!["██████████          ", "████████████████████"]);
}

#[test]
fn numbers_are_an_axis_too() {
    let mut slices = days(0, "##..");
    for (nth, slice) in (0..).zip(&mut slices) {
        (slice.start, slice.end) = (nth * 100, nth * 100 + 100);
    }
    let marks = vec![
        mark('N', "now 380", Place::At(380)),
        mark('D', "drop after 1000: -620", Place::At(-620)),
    ];
    let mut axis = axis(slices, marks);
    axis.unit = Axis::Integer;
    insta::assert_snapshot!(drawn(&axis, 60));
}

#[test]
fn it_never_breaks_whatever_the_width_and_the_times() {
    let slices = vec![
        Slice {
            start: i64::MIN,
            end: 0,
            cell: cell('#'),
            bytes: Some(1),
        },
        Slice {
            start: 5,
            end: 5,
            cell: cell('.'),
            bytes: None,
        },
        Slice {
            start: i64::MAX - 1,
            end: i64::MAX,
            cell: cell('T'),
            bytes: Some(i64::MAX),
        },
    ];
    for width in [0, 1, 20, 33, 77, 300] {
        for marks in [Vec::new(), policies()] {
            assert!(drawn(&axis(slices.clone(), marks), width).contains('#'));
        }
    }
}
