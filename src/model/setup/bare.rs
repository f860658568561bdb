//! The text of a query for a comparison.

/// The text without what does not count: repeated spaces outside of quotes, and a last semicolon.
pub(crate) fn bare(text: &str) -> String {
    let text = squeezed(text, String::from);
    text.trim_end_matches(';').trim_end().to_owned()
}

/// The text with one space for several, and each other character as `other` gives it; what stands in quotes is left as it is.
pub(crate) fn squeezed(text: &str, other: impl Fn(char) -> String) -> String {
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
