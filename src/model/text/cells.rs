//! Text in terminal cells: width, cutting, padding, wrapping.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width of a text in terminal cells.
pub fn width(text: &str) -> usize {
    // Most text is ASCII; splitting into graphemes is slow.
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if plain { text.len() } else { text.width() }
}

/// The text cut to a width in cells. A cut is marked with `…`.
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

/// The text padded on the right to a width in cells; longer text is not cut.
pub(crate) fn pad(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(text.width())))
}

/// The text padded on the left to a width in cells; longer text is not cut.
pub(crate) fn pad_left(text: &str, cells: usize) -> String {
    format!("{}{text}", " ".repeat(cells.saturating_sub(text.width())))
}

/// Wraps a text between words at a width in cells. A number such as `113 200` stays on one line. A longer word is split.
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

/// The parts of a text between spaces, except the spaces that group the digits of a number.
fn words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
    };
    let mut words = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(' ') {
        let in_number = at > 0 && bytes[at - 1].is_ascii_digit() && digits(at + 1).count() == 3;
        if !in_number {
            words.push(&text[start..at]);
            start = at + 1;
        }
    }
    words.push(&text[start..]);
    words
}

/// As [`wrap`], with the indent of the first line on every line.
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
    use super::wrap;

    #[test]
    fn a_number_is_not_broken_between_its_groups_of_digits() {
        assert_eq!(wrap("about 113 200 rows", 9), ["about", "113 200", "rows"]);
        assert_eq!(wrap("1 2 34 567 890", 6), ["1 2", "34 567", " 890"]);
    }
}
