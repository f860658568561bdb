//! Makes text safe to show: no character may control the terminal, change the reading direction, or start a spreadsheet formula.

/// Invisible characters: format controls, and characters without a width. Combining marks (accents, vowel signs) are not listed.
const UNSEEN: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Maximum length of a server's message, in characters.
const WORDS: usize = 8_000;

/// A server's message, cut to 8000 characters; the text mentions the cut.
pub(crate) fn bounded(words: &str) -> String {
    match words.char_indices().nth(WORDS) {
        None => words.to_owned(),
        Some((end, _)) => format!("{} (cut: {} bytes in all)", &words[..end], words.len()),
    }
}

/// Control characters above ASCII, which JSON does not escape, and invisible characters.
fn is_hidden(c: char) -> bool {
    let unseen = || {
        UNSEEN
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&c))
    };
    // This runs for every cell. Most text is ASCII, so the fast test for ASCII comes first.
    !c.is_ascii() && (c.is_control() || unseen())
}

/// The text with control characters replaced by their Unicode symbols, and invisible ones by their code (`\u202e`).
pub(crate) fn printable(text: &str) -> String {
    if !text.chars().any(|c| c.is_ascii_control() || is_hidden(c)) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match u32::from(c) {
            code @ 0..=0x1f => shown.push(char::from_u32(0x2400 + code).unwrap_or('?')),
            0x7f => shown.push('\u{2421}'),
            _ if is_hidden(c) => escape(c, &mut shown),
            _ => shown.push(c),
        }
    }
    shown
}

/// As [`printable`], for a text of several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// JSON with hidden characters and DEL escaped; a JSON parser reads the same strings.
pub(crate) fn printable_json(json: String) -> String {
    let acts = |c: char| c == '\u{7f}' || is_hidden(c);
    if !json.chars().any(acts) {
        return json;
    }
    let mut shown = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if acts(c) {
            escape(c, &mut shown);
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A cell of a CSV file. A text that a spreadsheet would run as a formula gets a leading `'`; a number (`-1.5`) does not.
pub(crate) fn printable_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula && !is_number(text) {
        format!("'{}", printable(text))
    } else {
        printable(text)
    }
}

fn is_number(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    text.chars().all(plain) && text.parse::<f64>().is_ok()
}

/// Appends the character's JSON escape: `\u202e`, or a surrogate pair.
fn escape(c: char, into: &mut String) {
    use std::fmt::Write as _;
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(into, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_the_terminal_or_the_eye_is_shown() {
        assert_eq!(printable("a\u{1b}[2J\n\u{7f}"), "a␛[2J␊␡");
        assert_eq!(
            printable("\u{9b}2J\u{202e}x\u{200b}"),
            "\\u009b2J\\u202ex\\u200b"
        );
        assert_eq!(printable("\u{e0041}"), "\\udb40\\udc41");
        assert_eq!(printable_lines("a\u{1b}\nb\u{2066}"), "a␛\nb\\u2066");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        let words = [
            "Zürich e\u{301}",
            "नमस्ते",
            "مخزن",
            "測點",
            "🏭",
            "a b",
            "2 × 3 …",
        ];
        for word in words {
            assert_eq!(printable(word), word);
        }
    }

    #[test]
    fn json_says_the_same_without_them() {
        let text = "C1 \u{9b} DEL \u{7f} line \u{2028} bidi \u{202e} tag \u{e0041} ESC \u{1b}";
        let json = printable_json(serde_json::to_string(text).unwrap());
        assert!(json.is_ascii(), "{json}");
        assert!(!json.chars().any(char::is_control), "{json}");
        let read: String = serde_json::from_str(&json).unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn a_cell_is_no_formula_and_a_number_is_a_number() {
        for (cell, shown) in [
            ("=1+1", "'=1+1"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'␉=1"),
            ("\r=1", "'␍=1"),
            ("＝1+1", "'＝1+1"),
            ("-inf", "'-inf"),
            ("-infinity", "'-infinity"),
            ("-1.5", "-1.5"),
            ("-1e3", "-1e3"),
            ("+7", "+7"),
            ("a\nb", "a␊b"),
            ("public.readings", "public.readings"),
            ("", ""),
        ] {
            assert_eq!(printable_cell(cell), shown);
        }
    }
}
