//! Totals of hypertables: size, chunks, growth and policies.

use super::row::{Policies, Row};
use crate::model::text;
use crate::model::value::Value;
use crate::screens::headline::{Sum, groups, line, number, rows as many_rows};
use crate::screens::later::Later;

pub(super) fn headline(rows: &[Row]) -> Vec<String> {
    let all: Vec<&Row> = rows.iter().filter(|row| row.plain.is_none()).collect();
    let plain = rows.len() - all.len();
    let plain = match plain {
        0 => String::new(),
        many => format!("{} could be hypertables", many_rows(many, "plain table")),
    };
    if all.is_empty() {
        return [plain].into_iter().filter(|it| !it.is_empty()).collect();
    }
    let bytes = Sum::of(all.iter().map(|row| row.size()));
    let chunks = all.iter().map(|row| row.chunks).sum();
    let size = format!(
        "{}, {} in {}",
        many_rows(all.len(), "hypertable"),
        bytes.bytes(),
        text::plural(chunks, "chunk")
    );
    let growth = Sum::of(all.iter().map(|row| row.bytes_or_about(row.growth())));
    let growth = format!("written per day: {}", growth.bytes());
    vec![
        line([size, exact(rows), growth]),
        line([policies(&all), largest(&all, bytes), plain]),
    ]
}

/// Text with the number of exact sizes read so far. Empty if no row waits for its size.
fn exact(rows: &[Row]) -> String {
    if !rows.iter().any(|row| matches!(row.exact, Later::NotRead)) {
        return String::new();
    }
    let read = rows.iter().filter(|row| row.bytes().is_some()).count();
    format!("{} of {} sizes exact", number(read), number(rows.len()))
}

fn policies(all: &[&Row]) -> String {
    let with = |has: fn(&Policies) -> bool| all.iter().filter(|row| has(&row.policies)).count();
    let said = groups([
        (with(|of| of.compress.is_some()), "compression"),
        (with(|of| of.retain.is_some()), "retention"),
        (with(|of| of.refresh.is_some()), "refresh"),
    ]);
    if said.is_empty() {
        "no policies".to_owned()
    } else {
        format!("policies: {said}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share in percent")]
fn largest(all: &[&Row], sum: Sum) -> String {
    let sized = all.iter().filter_map(|row| match row.size() {
        Value::Bytes(bytes) | Value::AboutBytes(bytes) => Some((bytes, row)),
        _ => None,
    });
    // If several hypertables have the largest size, the first of them is named. A list that is sorted by size begins with it, too.
    let Some((bytes, row)) = sized.rev().max_by_key(|(bytes, _)| *bytes) else {
        return String::new();
    };
    let share = match sum.total {
        ..=0 => String::new(),
        all if bytes.saturating_mul(100) < all => " (<1 %)".to_owned(),
        all => format!(" ({:.0} %)", bytes as f64 / all as f64 * 100.0),
    };
    let size = row.size();
    let about = matches!(size, Value::AboutBytes(_));
    let about = if about { "~" } else { "" };
    format!(
        "largest {}: {about}{}{share}",
        row.full_name(),
        text::bytes(bytes)
    )
}
