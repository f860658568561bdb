//! A screen as text for a file or a pager: the columns that fit, with the reasons on separate lines.

use std::io::Write;

use anyhow::Result;

use crate::model::text;
use crate::model::text::printable;
use crate::model::verdict::Level;
use crate::run::columns::aligned;
use crate::screens::record::{Column, Record};
use crate::screens::table::{Table, shown};
use crate::server::known::At;

/// Maximum length of a line, in terminal cells.
const WIDTH: usize = 120;
/// Indent of reasons, in cells.
const INDENT: usize = 4;

pub(super) fn print<R: Record>(
    title: &str,
    table: &Table<R>,
    caveats: &[String],
    at: &At,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(out, "{title}")?;
    for line in table.headline() {
        wrapped(out, "", line)?;
    }
    for caveat in caveats {
        wrapped(out, "~ ", caveat)?;
    }
    let rows: Vec<&R> = table.in_order().collect();
    if rows.is_empty() {
        writeln!(out, "(no rows)\n")?;
        return Ok(());
    }
    let columns = fitting(&rows, at);
    let mut lines = vec![vec![String::new()]];
    lines[0].extend(columns.iter().map(|column| column.title.to_owned()));
    for row in &rows {
        let mut line = vec![row.verdict(at).level.sign().to_owned()];
        line.extend(columns.iter().map(|column| cell(column, row, at)));
        lines.push(line);
    }
    // The last column is not padded, so a long value only lengthens its own line.
    let right = |nth: usize| nth > 0 && columns[nth - 1].right;
    let text = aligned(&lines, right);
    let mut printed = text.lines();
    writeln!(out, "{}", printed.next().unwrap_or_default())?;
    for (row, line) in rows.iter().zip(printed) {
        writeln!(out, "{line}")?;
        let verdict = row.verdict(at);
        if verdict.level != Level::Ok {
            wrapped(out, &" ".repeat(INDENT), &verdict.reason)?;
        }
    }
    writeln!(out)?;
    Ok(())
}

fn cell<R: Record>(column: &Column<R>, row: &R, at: &At) -> String {
    text::cut(
        &printable(&(column.value)(row, at).show_narrow(at.now)),
        WIDTH / 2,
    )
}

/// The most important columns (lowest ranks) that fit into one line.
fn fitting<R: Record>(rows: &[&R], at: &At) -> Vec<&'static Column<R>> {
    let width = |column: &Column<R>| {
        let widest = rows.iter().map(|row| text::width(&cell(column, row, at)));
        2 + widest.max().unwrap_or(0).max(text::width(column.title))
    };
    let mut ranked: Vec<_> = shown::<R>().enumerate().collect();
    ranked.sort_by_key(|(nth, column)| (column.rank, *nth));
    let mut room = WIDTH.saturating_sub(1);
    let mut taken: Vec<_> = ranked
        .into_iter()
        .map_while(|(nth, column)| {
            room = room.checked_sub(width(column))?;
            Some((nth, column))
        })
        .collect();
    taken.sort_by_key(|(nth, _)| *nth);
    taken.into_iter().map(|(_, column)| column).collect()
}

fn wrapped(out: &mut dyn Write, first: &str, words: &str) -> Result<()> {
    let room = WIDTH - first.len();
    let rest = " ".repeat(first.len());
    for (nth, line) in text::wrap(&printable(words), room).iter().enumerate() {
        let before = if nth == 0 { first } else { &rest };
        writeln!(out, "{before}{line}")?;
    }
    Ok(())
}
