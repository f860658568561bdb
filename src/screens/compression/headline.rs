//! Totals of compression.

use super::row::Row;
use crate::model::text;
use crate::model::value::Value;
use crate::screens::headline::{Sum, line, number};
use crate::screens::policy;
use crate::server::known::At;

pub(super) fn headline(rows: &[Row], at: &At) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let policies = || rows.iter().filter_map(|row| row.policy.as_ref());
    let has = format!(
        "policy on {} of {}",
        number(policies().count()),
        number(rows.len())
    );
    let next = policy::next_run(policies(), at.now).unwrap_or_default();
    vec![
        line([chunks(rows), due(rows)]),
        line([saved(rows), has, next]),
    ]
}

fn chunks(rows: &[Row]) -> String {
    let sum = |figure: fn(&Row) -> i64| rows.iter().map(figure).sum::<i64>();
    let (all, partial) = (sum(|row| row.chunks), sum(|row| row.partial));
    let packed = text::count(sum(|row| row.compressed) + partial);
    let partial = match partial {
        0 => String::new(),
        partial => format!(" ({} partly)", text::count(partial)),
    };
    let open = match sum(|row| row.uncompressed) {
        0 => String::new(),
        open => format!(", {} not{}", text::count(open), rest(rows)),
    };
    format!(
        "{packed} of {} compressed{partial}{open}",
        text::plural(all, "chunk")
    )
}

/// Present size of the uncompressed chunks, of the rows whose size is read; empty until the first one is.
fn rest(rows: &[Row]) -> String {
    let some = rows.iter().filter(|row| row.uncompressed > 0);
    let bytes = Sum::of(some.map(|row| row.uncompressed_bytes().map(Value::Bytes).into()));
    let size = text::bytes(bytes.total);
    match (bytes.known, bytes.unknown) {
        (0, _) => String::new(),
        (_, 0) => format!(" ({size})"),
        _ => format!(" (at least {size})"),
    }
}

/// Bytes before and after compression, as recorded when the chunks were compressed.
#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio is shown with one decimal"
)]
fn saved(rows: &[Row]) -> String {
    let (mut before, mut after, mut unknown) = (0_i64, 0_i64, 0);
    for row in rows.iter().filter(|row| row.record().chunks > 0) {
        match (row.before_bytes, row.after_bytes) {
            (Some(was), Some(is)) => (before, after) = (before + was, after + is),
            _ => unknown += 1,
        }
    }
    if after <= 0 {
        return String::new();
    }
    let unknown = match unknown {
        0 => String::new(),
        many => format!(" + {} unknown", number(many)),
    };
    let effect = match before - after {
        lost @ ..0 => format!("{} lost", text::bytes(-lost)),
        saved => format!("{} saved", text::bytes(saved)),
    };
    format!(
        "{} -> {} recorded ({:.1}x), {effect}{unknown}",
        text::bytes(before),
        text::bytes(after),
        before as f64 / after as f64,
    )
}

/// Text for the chunks past `compress_after`: their number and present size. They are not called overdue, because some may only wait for
/// the next run.
fn due(rows: &[Row]) -> String {
    let with = || rows.iter().filter(|row| row.policy.is_some());
    if with().next().is_none() {
        return String::new();
    }
    let chunks = Sum::of(with().map(Row::backlog_value));
    if chunks.total == 0 && chunks.unknown == 0 {
        return "none due".to_owned();
    }
    let some = with().filter(|row| row.backlog() != Some(0));
    let bytes = Sum::of(some.map(Row::backlog_size));
    let size = match (bytes.known, bytes.unknown) {
        (0, _) => String::new(),
        _ => format!(" ({})", bytes.bytes()),
    };
    format!("due {}{size}", chunks.count())
}

impl Row {
    /// Number of chunks that are due; an estimate for integer time whose `integer_now_func` is not called.
    pub(super) fn backlog_value(&self) -> Value {
        let about = self.counted.get().and_then(|counted| counted.about);
        let about = about.map(Value::About);
        self.backlog().map(Value::Int).or(about).into()
    }
}
