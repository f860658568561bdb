//! Totals of statements: their number, and their share of the total execution time.

use super::row::Row;
use crate::model::text;
use crate::screens::headline::{line, number};
use crate::server::known::At;

pub(super) fn headline(rows: &[Row], at: &At) -> Vec<String> {
    let shown: Vec<&Row> = rows.iter().filter(|row| row.figures.is_some()).collect();
    let Some(tool) = shown.first().map(|row| &row.tool) else {
        return Vec::new();
    };
    let time = |rows: &mut dyn Iterator<Item = &&Row>| -> f64 {
        rows.filter_map(|row| Some(row.figures.as_ref()?.total))
            .sum()
    };
    let total = time(&mut shown.iter());
    let of = tool
        .statements
        .map_or_else(String::new, |all| format!(" of {}", text::count(all)));
    let statements = format!("{}{of} statements shown", number(shown.len()));
    let whole = tool.whole.filter(|whole| *whole > 0.0);
    let share = whole.map_or_else(String::new, |whole| {
        format!(
            "{:.0} % of {} execution time in this database",
            (total / whole * 100.0).min(100.0),
            text::duration(whole / 1e3)
        )
    });
    let since = match tool.reset {
        Some(reset) => format!("counted since {}", text::age(reset, at.now)),
        None => "counted since an unknown time".to_owned(),
    };
    let own = time(&mut shown.iter().filter(|row| row.own));
    let own = whole.map_or_else(String::new, |whole| {
        format!("hypertop's own queries: {:.1} %", own / whole * 100.0)
    });
    vec![line([statements, share]), line([since, own])]
}
