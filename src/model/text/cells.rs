//! Text in terminal cells: width, cutting, padding, wrapping.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width of a text in terminal cells.
pub fn width(text: &str) -> usize {
    // Most text is ASCII, for which the length is the width; Unicode widths are slow.
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if plain { text.len() } else { text.width() }
}

/// The text cut to a width in cells. A cut is marked with `…`.
pub fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let Some(room) = cells.checked_sub(1) else {
        return String::new();
    };
    fitting(text.chars(), room).chain(['…']).collect()
}

/// The first characters, as many as fit into this number of cells.
fn fitting(chars: impl Iterator<Item = char>, cells: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    chars.take_while(move |c| {
        used += UnicodeWidthChar::width(*c).unwrap_or(0);
        used <= cells
    })
}

/// A name cut in the middle to a width in cells, because names of chunks and indexes differ at their ends. A cut is marked with `…`.
pub(crate) fn cut_middle(name: &str, cells: usize) -> String {
    if width(name) <= cells || cells < 5 {
        return cut(name, cells);
    }
    let head = (cells - 1) / 2;
    let end: Vec<char> = fitting(name.chars().rev(), cells - 1 - head).collect();
    let start = fitting(name.chars(), head).chain(['…']);
    start.chain(end.into_iter().rev()).collect()
}

/// A sentence cut between words to a width in cells, with ` …`. A number is never cut, nor parted from its unit.
pub(crate) fn cut_words(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        text.to_owned()
    } else {
        goes_on(text, cells)
    }
}

/// As [`cut_words`], but always ends in ` …`, because more text follows elsewhere.
pub(crate) fn goes_on(text: &str, cells: usize) -> String {
    let room = cells.saturating_sub(2);
    let kept = wrap(text, room).into_iter().next().unwrap_or_default();
    format!("{} …", kept.trim_end())
}

/// The text padded on the right to a width in cells; longer text is not cut.
pub(crate) fn pad(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(text.width())))
}

/// The text padded on the left to a width in cells; longer text is not cut.
pub(crate) fn pad_left(text: &str, cells: usize) -> String {
    format!("{}{text}", " ".repeat(cells.saturating_sub(text.width())))
}

/// Wraps a text between words at a width in cells. A number such as `113 200` and its unit stay on one line. A word longer than
/// a line is split.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = vec![String::new()];
    for word in words(text) {
        let fits =
            |line: &String| line.width() + usize::from(!line.is_empty()) + word.width() <= cells;
        match lines.last_mut() {
            Some(line) if fits(line) => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.extend(pieces(word, cells)),
        }
    }
    if lines.len() > 1 && lines[0].is_empty() {
        lines.remove(0);
    }
    lines
}

/// Units that stay on the line of their number.
const UNITS: [&str; 38] = [
    "%", "B", "kB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "ms", "s", "m", "h", "d",
    "w", "mon", "y", "x", "second", "seconds", "minute", "minutes", "min", "mins", "hour", "hours",
    "day", "days", "week", "weeks", "month", "months", "mons", "year", "years", "units",
];
/// Suffixes of the parts of a duration such as `3d 2h`.
const TIMES: [&str; 8] = ["y", "mon", "w", "d", "h", "m", "s", "ms"];

/// Splits a text at its spaces, except in a number (`113 200`), in a duration (`3d 2h`), and before a unit (`18.9 MB`).
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut last) = (0, 0);
    for (at, _) in text.match_indices(' ') {
        let next = text[at + 1..].split(' ').next().unwrap_or_default();
        if !belong_together(&text[last..at], next) {
            words.push(&text[start..at]);
            start = at + 1;
        }
        last = at + 1;
    }
    words.push(&text[start..]);
    words
}

/// Whether a line must not end between these two words.
fn belong_together(before: &str, after: &str) -> bool {
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let after = after.trim_end_matches(|c: char| ",.;:)".contains(c));
    if before.ends_with(|c: char| c.is_ascii_digit()) {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        return digits == 3 || UNITS.contains(&after);
    }
    let time = |word: &str| {
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        starts_with_digit(word) && TIMES.contains(&unit)
    };
    let number = before.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    time(&before[number..]) && time(after)
}

/// As [`wrap`], but every line gets the indent of the first one.
pub(crate) fn wrap_keeping_indent(text: &str, cells: usize) -> Vec<String> {
    let body = text.trim_start();
    let indent = (text.len() - body.len()).min(cells / 2);
    let lines = wrap(body, cells - indent);
    lines
        .into_iter()
        .map(|line| format!("{}{line}", " ".repeat(indent)))
        .collect()
}

fn pieces(word: &str, cells: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let cell = UnicodeWidthChar::width(c).unwrap_or(0);
        if let Some(piece) = pieces
            .last_mut()
            .filter(|piece| piece.width() + cell <= cells)
        {
            piece.push(c);
        } else {
            pieces.push(c.to_string());
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{cut_middle, cut_words, goes_on, wrap};

    #[test]
    fn a_long_name_keeps_the_end_that_tells_it_from_others() {
        for (name, cells, shown) in [
            ("_hyper_12_3456_chunk", 20, "_hyper_12_3456_chunk"),
            ("_hyper_12_3456_chunk", 15, "_hyper_…6_chunk"),
            ("mes.energy_by_line_1h", 12, "mes.e…ine_1h"),
            ("Ölçüm.Tablo 'A'_day_idx", 11, "Ölçüm…y_idx"),
            ("中文中文中文", 7, "中…文"),
            ("abcdef", 4, "abc…"),
        ] {
            assert_eq!(cut_middle(name, cells), shown, "{name} {cells}");
        }
    }

    #[test]
    fn a_sentence_is_cut_between_words_and_never_in_a_number() {
        for (text, cells, shown) in [
            ("12.3 MB saved", 13, "12.3 MB saved"),
            ("recorded (3.4x), 12.3 MB saved", 24, "recorded (3.4x), …"),
            (
                "recorded (3.4x), 12.3 MB saved",
                26,
                "recorded (3.4x), 12.3 MB …",
            ),
            ("about 113 200 rows", 12, "about …"),
        ] {
            assert_eq!(cut_words(text, cells), shown, "{text} {cells}");
        }
        assert_eq!(goes_on("at 10 MB", 9), "at …");
    }

    #[test]
    fn a_number_is_not_broken_between_its_groups_of_digits() {
        assert_eq!(wrap("about 113 200 rows", 9), ["about", "113 200", "rows"]);
        assert_eq!(wrap("1 2 34 567 890", 6), ["1 2", "34 567", " 890"]);
    }

    #[test]
    fn a_number_is_not_broken_from_its_unit() {
        for (text, cells, lines) in [
            (
                "takes 18.9 MB, now",
                11,
                ["takes", "18.9 MB,", "now"].as_slice(),
            ),
            ("it is 50 % (about)", 9, &["it is", "50 %", "(about)"]),
            ("since 3d 2h ago", 8, &["since", "3d 2h", "ago"]),
            ("runs (1h 30m) late", 9, &["runs", "(1h 30m)", "late"]),
            ("keeps ~14 days.", 9, &["keeps", "~14 days."]),
            ("in 340ms it ended", 8, &["in 340ms", "it ended"]),
            ("line 5 d", 6, &["line", "5 d"]),
            ("all 24 chunks", 6, &["all 24", "chunks"]),
            ("at 10 2026", 5, &["at 10", "2026"]),
        ] {
            assert_eq!(wrap(text, cells), lines, "{text}");
        }
        // A number with units that is longer than a line is split.
        assert_eq!(wrap("3d 2h", 3), ["3d ", "2h"]);
    }
}
