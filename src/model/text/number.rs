//! Texts for numbers.

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

/// Bytes of `10 GiB`, `500MB`, `1.5 TB`; units of 1024, as in PostgreSQL. `None`: not a size.
pub(crate) fn bytes_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 0,
        "kb" | "kib" => 1,
        "mb" | "mib" => 2,
        "gb" | "gib" => 3,
        "tb" | "tib" => 4,
        "pb" | "pib" => 5,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * 1024_f64.powi(power))
}

/// A count with its thousands separated by a space: `20 652`.
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

/// `1 chunk`, `24 chunks`.
pub(crate) fn plural(number: i64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else if one.ends_with("ex") {
        format!("{} {one}es", count(number))
    } else if let Some(stem) = one
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']))
    {
        format!("{} {stem}ies", count(number))
    } else {
        format!("{} {one}s", count(number))
    }
}

/// [`plural`] for the length of a collection.
pub(crate) fn plural_of(many: usize, one: &str) -> String {
    plural(i64::try_from(many).unwrap_or(i64::MAX), one)
}
