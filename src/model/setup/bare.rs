//! The text of a query for a comparison.

/// The text without what does not count: repeated spaces, and a last semicolon.
pub(crate) fn bare(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ");
    text.trim_end_matches(';').trim_end().to_owned()
}
