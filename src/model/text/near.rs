//! Suggestions for an unknown name.

/// The names most similar to this one, at most four. Names with a [`likeness`] below 0.4 are left out.
pub(crate) fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<_> = all
        .map(|known| (likeness(name, known), known))
        .filter(|(likeness, _)| *likeness >= 0.4)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(4).map(|(_, known)| known).collect()
}

/// Similarity of two names from 0 to 1, by shared pairs of letters.
fn likeness(a: &str, b: &str) -> f64 {
    let pairs =
        |name: &str| -> Vec<(char, char)> { name.chars().zip(name.chars().skip(1)).collect() };
    let (a, mut b) = (pairs(a), pairs(b));
    let all = u32::try_from(a.len() + b.len()).unwrap_or(u32::MAX);
    let mut shared = 0;
    for pair in &a {
        if let Some(at) = b.iter().position(|other| other == pair) {
            b.swap_remove(at);
            shared += 2;
        }
    }
    f64::from(shared) / f64::from(all.max(1))
}
