//! Text in terminal cells: measured, cut, padded, broken into lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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
        let cell = UnicodeWidthChar::width(c).unwrap_or(0);
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
pub(crate) fn pad(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(text.width())))
}

/// The text pushed to the right of so many cells.
pub(crate) fn pad_left(text: &str, cells: usize) -> String {
    format!("{}{text}", " ".repeat(cells.saturating_sub(text.width())))
}

/// Breaks a text between words into lines of at most so many cells; a longer word is cut into pieces.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
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
