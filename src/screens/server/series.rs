//! A figure's last five minutes, as far as the console has read them.

use super::row::Row;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::screens::chart;
use crate::screens::history::History;
use crate::screens::record::Section;

const SECONDS: f64 = 300.0;
/// Maximum width of the series, in cells.
const CELLS: usize = 75;
/// Height of the series, in lines.
const LINES: usize = 3;

/// The series as a section; `None`: the figure is not a number, or there are fewer than two samples.
pub(super) fn series(row: &Row, history: &History, now: Stamp) -> Option<Section> {
    let name = row.name.as_str();
    let whole = format!("{name} of");
    let recent = history.recent(&[name, &whole], now, SECONDS);
    let (values, show): (Vec<f64>, fn(f64) -> String) = match name {
        "transactions" => (recent.rates(name), |rate| format!("{rate:.1}/s")),
        "wal" => (recent.rates(name), |rate| format!("{}/s", bytes(rate))),
        "cache-hits" => (recent.shares(name, &whole), |share| {
            format!("{:.1} %", share * 100.0)
        }),
        "replication-slots" => (recent.values(name), bytes),
        "replication-lag"
        | "standby-delay"
        | "oldest-transaction"
        | "idle-in-transaction"
        | "prepared-transaction" => (recent.values(name), text::duration),
        _ => (recent.values(name), |value| format!("{value:.0}")),
    };
    let (Some(newest), true) = (values.last(), values.len() > 1) else {
        return None;
    };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let drawn: Vec<_> = values.iter().copied().map(Some).collect();
    let title = format!(
        "The last {}: {} now, at least {}, at most {}",
        text::duration(recent.span(name).round()),
        show(*newest),
        show(least),
        show(most)
    );
    Some(Section::text(
        title,
        chart::series(&drawn, CELLS, LINES).join("\n"),
    ))
}

#[expect(clippy::cast_possible_truncation, reason = "a figure to show")]
fn bytes(value: f64) -> String {
    text::bytes(value as i64)
}
