//! Sort order of names.

use std::cmp::Ordering;

/// Order in which `chunk_9` is before `chunk_10`; case decides only between names that are otherwise equal.
pub(crate) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (digits, others) = (leading_digits(left), leading_digits(right));
        if !digits.is_empty() && !others.is_empty() {
            let order = number_order(digits, others);
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (&left[digits.len()..], &right[others.len()..]);
            continue;
        }
        match (left.chars().next(), right.chars().next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(first), Some(second)) => {
                let order = first.to_lowercase().cmp(second.to_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (&left[first.len_utf8()..], &right[second.len_utf8()..]);
            }
        }
    }
}

fn leading_digits(text: &str) -> &str {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    &text[..end]
}

/// Order of two whole numbers with any number of digits.
fn number_order(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then(a.cmp(b))
}
