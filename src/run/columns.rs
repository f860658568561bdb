//! Text in aligned columns.

use crate::model::text;

/// One line per row. Cells are padded to equal widths, except in the last column. `right`: whether a column is right-aligned.
pub(super) fn aligned(rows: &[Vec<String>], right: impl Fn(usize) -> bool) -> String {
    let padded = rows.first().map_or(0, |row| row.len().saturating_sub(1));
    let widest = |nth: usize| rows.iter().map(|row| text::width(&row[nth])).max();
    let widths: Vec<_> = (0..padded).filter_map(widest).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row
            .iter()
            .enumerate()
            .map(|(nth, cell)| match widths.get(nth) {
                Some(width) if right(nth) => text::pad_left(cell, *width),
                Some(width) => text::pad(cell, *width),
                None => cell.clone(),
            });
        let line = cells.collect::<Vec<_>>().join("  ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
