//! Normalizes the text of a query for a comparison.

/// The text without repeated spaces (outside quotes) and without a final semicolon.
pub(crate) fn bare(text: &str) -> String {
    let text = squeezed(text, String::from);
    text.trim_end_matches(';').trim_end().to_owned()
}

/// Text with whitespace squeezed to one space and every other character mapped by `other`. Quoted parts are not changed.
pub(super) fn squeezed(text: &str, other: impl Fn(char) -> String) -> String {
    let (mut out, mut quoted) = (String::new(), None);
    for c in text.trim().chars() {
        if quoted.is_some() {
            out.push(c);
            quoted = quoted.filter(|quote| *quote != c);
        } else if c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push_str(&other(c));
            quoted = Some(c).filter(|c| matches!(c, '"' | '\''));
        }
    }
    out
}
