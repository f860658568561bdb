//! Figures as a person reads them: bytes, counts, ages, durations, moments.

use std::cmp::Ordering;

use unicode_width::UnicodeWidthStr;

use crate::value::{Axis, Point, Stamp};

/// Bytes in units of 1024, as PostgreSQL's `pg_size_pretty` counts, with three digits: `417 kB`, `4.25 MB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(bytes: i64) -> String {
    let mut size = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if size.abs() < 1000.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    match (unit, size.abs()) {
        ("B", _) => format!("{bytes} B"),
        (_, ..9.995) => format!("{size:.2} {unit}"),
        (_, ..99.95) => format!("{size:.1} {unit}"),
        _ => format!("{size:.0} {unit}"),
    }
}

/// A count with thin groups of thousands: `20 652`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A length of time in its two largest units: `340ms`, `12s`, `4m 10s`, `3h 5m`, `12d 4h`.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub fn duration(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let size = seconds.abs();
    if size == 0.0 {
        return "0s".to_owned();
    }
    if size < 0.01 {
        return format!("{sign}{:.1}ms", size * 1e3);
    }
    if size < 1.0 {
        return format!("{sign}{:.0}ms", size * 1e3);
    }
    if size < 10.0 && size.fract() >= 0.05 {
        return format!("{sign}{size:.1}s");
    }
    let whole = size.round() as i64;
    let two = |big: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 {
            format!("{sign}{big}{unit}")
        } else {
            format!("{sign}{big}{unit} {rest}{small}")
        }
    };
    match whole {
        ..60 => format!("{sign}{whole}s"),
        60..3600 => two(whole / 60, "m", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "m"),
        86_400..8_640_000 => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
        8_640_000..63_072_000 => format!("{sign}{}d", whole / 86_400),
        _ => format!("{sign}{:.1}y", size / 31_557_600.0),
    }
}

/// PostgreSQL's units of an interval, as this console writes them, with their length in seconds (a month counts 30 days).
const UNITS: [(&str, &[&str], f64); 7] = [
    ("y", &["year", "years"], 31_104_000.0),
    ("mon", &["mon", "mons", "month", "months"], 2_592_000.0),
    ("w", &["week", "weeks"], 604_800.0),
    ("d", &["day", "days"], 86_400.0),
    ("h", &["hour", "hours"], 3600.0),
    ("m", &["min", "mins", "minute", "minutes"], 60.0),
    ("s", &["sec", "secs", "second", "seconds"], 1.0),
];

/// The parts of an interval as PostgreSQL writes it, `3 days 01:30:00`; `None`: something else.
fn interval_parts(text: &str) -> Option<Vec<(f64, usize)>> {
    let mut parts = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if let Some((hours, rest)) = word.split_once(':') {
            let sign = if hours.starts_with('-') { -1.0 } else { 1.0 };
            let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "0"));
            for (digits, unit) in [(hours, 4), (minutes, 5), (seconds, 6)] {
                parts.push((sign * digits.parse::<f64>().ok()?.abs(), unit));
            }
        } else {
            let unit = words.next()?;
            let unit = UNITS.iter().position(|(_, names, _)| names.contains(&unit));
            parts.push((word.parse().ok()?, unit?));
        }
    }
    (!parts.is_empty()).then_some(parts)
}

/// A setting in PostgreSQL's words, as a table shows it: `3d 1h 30m` for `3 days 01:30:00`, `500 000` for units of integer
/// time, anything else as it is.
pub fn interval(setting: &str) -> String {
    if let Ok(units) = setting.parse() {
        return count(units);
    }
    let Some(parts) = interval_parts(setting) else {
        return setting.to_owned();
    };
    let parts = parts.into_iter().filter(|(number, _)| *number != 0.0);
    let said: Vec<_> = parts
        .map(|(number, unit)| format!("{number}{}", UNITS[unit].0))
        .collect();
    if said.is_empty() {
        "0s".to_owned()
    } else {
        said.join(" ")
    }
}

/// The length of the same in seconds, or the units themselves; `None`: it is neither.
#[expect(clippy::cast_precision_loss, reason = "only for sorting")]
pub fn interval_seconds(setting: &str) -> Option<f64> {
    if let Ok(units) = setting.parse::<i64>() {
        return Some(units as f64);
    }
    let parts = interval_parts(setting)?;
    Some(
        parts
            .iter()
            .map(|(number, unit)| number * UNITS[*unit].2)
            .sum(),
    )
}

/// A moment against the server's clock: `4m 10s ago`, `in 3h 5m`, `now`.
pub fn age(stamp: Stamp, now: Stamp) -> String {
    match stamp {
        Stamp::BEFORE_ALL => "-infinity".to_owned(),
        Stamp::AFTER_ALL => "infinity".to_owned(),
        _ => {
            let seconds = now.seconds_since(stamp);
            if seconds.abs() < 1.0 {
                "now".to_owned()
            } else if seconds > 0.0 {
                format!("{} ago", duration(seconds.floor()))
            } else {
                format!("in {}", duration((-seconds).ceil()))
            }
        }
    }
}

/// `2026-11-21T01:36:08Z`, with a fraction where there is one; `None` for the infinities and years beyond 9999.
pub fn rfc3339(stamp: Stamp) -> Option<String> {
    let moment = jiff::Timestamp::from_microsecond(stamp.finite()?.0).ok()?;
    (moment.strftime("%Y").to_string().len() == 4).then(|| moment.to_string())
}

/// A moment to the second, in UTC: `2026-11-21 01:36:08`.
pub fn moment(stamp: Stamp) -> String {
    match stamp {
        Stamp::BEFORE_ALL => "-infinity".to_owned(),
        Stamp::AFTER_ALL => "infinity".to_owned(),
        _ => jiff::Timestamp::from_microsecond(stamp.0).map_or_else(
            |_| "out of range".to_owned(),
            |moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        ),
    }
}

/// A place on a time dimension: the moment (to the minute where the seconds are zero), the date, the number.
pub fn point(point: Point) -> String {
    let stamp = Stamp(point.raw);
    match point.axis {
        Axis::Integer if !stamp.is_finite() => age(stamp, stamp),
        Axis::Integer => count(point.raw),
        Axis::Date => moment(stamp).chars().take(10).collect(),
        Axis::TimestampTz | Axis::Timestamp => {
            let text = moment(stamp);
            text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
        }
    }
}

/// Text order in which `chunk_9` comes before `chunk_10`, and case counts only between equals.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (digits, others) = (leading_digits(left), leading_digits(right));
        if !digits.is_empty() && !others.is_empty() {
            let order = number_order(digits, others);
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (&left[digits.len()..], &right[others.len()..]);
            continue;
        }
        match (left.chars().next(), right.chars().next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(first), Some(second)) => {
                let order = first.to_lowercase().cmp(second.to_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (&left[first.len_utf8()..], &right[second.len_utf8()..]);
            }
        }
    }
}

fn leading_digits(text: &str) -> &str {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    &text[..end]
}

/// Orders digits by the number that they write, however long.
fn number_order(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then(a.cmp(b))
}

/// How many terminal cells the text takes.
pub fn width(text: &str) -> usize {
    // Most text is, and graphemes are dear.
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if plain { text.len() } else { text.width() }
}

/// The text cut to so many cells; a cut is marked with `…` (or `~` without UTF-8 being the caller's business).
pub fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let cell = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + cell + 1 > cells {
            break;
        }
        used += cell;
        kept.push(c);
    }
    if cells > 0 {
        kept.push('…');
    }
    kept
}

/// The text padded with spaces to so many cells; longer text stays as it is.
pub fn pad(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(text.width())))
}

/// The text pushed to the right of so many cells.
pub fn pad_left(text: &str, cells: usize) -> String {
    format!("{}{text}", " ".repeat(cells.saturating_sub(text.width())))
}

/// Breaks a text between words into lines of at most so many cells; a longer word is cut into pieces.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
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

/// As [`wrap`], with the first line's indent before each line that follows.
pub fn wrap_keeping_indent(text: &str, cells: usize) -> Vec<String> {
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
        let cell = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
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

/// `schema.name` as SQL would write it: quoted only where it has to be.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// An identifier for SQL, as the server's `quote_ident` would write it; keywords are quoted too.
pub fn quote_identifier(name: &str) -> String {
    let read = identifier(name);
    if read == name && (name.contains('$') || KEYWORDS.contains(&name)) {
        format!("\"{name}\"")
    } else {
        read
    }
}

/// What PostgreSQL 13 to 18 do not take everywhere as a name without quotes (`pg_get_keywords()`, all but category U).
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// A text as an SQL literal, whatever `standard_conforming_strings` says.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// An identifier as a person reads it; for SQL that is sent there is [`quote_identifier`].
fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$');
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// `1 chunk`, `24 chunks`.
pub fn plural(number: i64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else if one.ends_with("ex") {
        format!("{} {one}es", count(number))
    } else {
        format!("{} {one}s", count(number))
    }
}
