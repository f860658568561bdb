//! Names of keys, as the help and `[keys]` in config.toml write them.

use crate::model::text::{printable, width};

/// Names of the keys that are not characters, except `f1` to `f12`.
const NAMED: [&str; 14] = [
    "space",
    "enter",
    "esc",
    "tab",
    "backspace",
    "delete",
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
    "pgup",
    "pgdn",
];

/// Names of keys that no terminal reports, each with the key that the terminal reports instead.
const SENT_AS: [(&str, &str); 5] = [
    ("ctrl-i", "tab"),
    ("ctrl-m", "enter"),
    ("ctrl-[", "esc"),
    ("alt-esc", "esc"),
    (" ", "space"),
];

/// Checks the name of a key. The error says which name to write instead.
pub fn check(key: &str) -> Result<(), String> {
    if is_key(key) {
        return Ok(());
    }
    if let Some((_, sent)) = SENT_AS.iter().find(|(name, _)| *name == key) {
        return Err(format!("a terminal sends {sent:?} for {key:?}: write that"));
    }
    let lower = key.to_lowercase();
    if is_key(&lower) {
        return Err(format!("{key:?} is not a key: write {lower:?}"));
    }
    if let Some(rest) = key.strip_prefix("shift-").filter(|rest| is_char(rest)) {
        let upper = rest.to_uppercase();
        return Err(format!("{key:?} is not a key: write {upper:?}"));
    }
    if key.starts_with("ctrl-") || key.starts_with("alt-") {
        return Err(format!(
            "no terminal sends {key:?}: use a letter with ctrl- or alt-, as in \"ctrl-k\""
        ));
    }
    Err(format!(
        "{key:?} is not a key: write one character, f1 to f12, {} or shift-tab; with ctrl- or alt- before it if needed, as in \"ctrl-k\"",
        NAMED.join(", ")
    ))
}

fn is_key(key: &str) -> bool {
    if let Some(held) = key.strip_prefix("ctrl-") {
        let letter = held.len() == 1 && held.bytes().all(|byte| byte.is_ascii_lowercase());
        let sent_as_themselves = !["enter", "esc", "tab", "backspace"].contains(&held);
        return (letter && !["i", "m"].contains(&held)) || (is_named(held) && sent_as_themselves);
    }
    if let Some(held) = key.strip_prefix("alt-") {
        // `alt-[` and `alt-O` begin the escape sequences of other keys.
        return (is_char(held) && !["[", "O"].contains(&held)) || (is_named(held) && held != "esc");
    }
    key == "shift-tab" || is_char(key) || is_named(key)
}

fn is_named(key: &str) -> bool {
    let function = key.strip_prefix('f').and_then(|number| number.parse().ok());
    let written = |number: u8| (1..=12).contains(&number) && key == format!("f{number}");
    NAMED.contains(&key) || function.is_some_and(written)
}

/// One printable character.
fn is_char(key: &str) -> bool {
    let mut chars = key.chars();
    let one = chars.next().is_some_and(|c| !c.is_whitespace()) && chars.next().is_none();
    one && width(key) > 0 && printable(key) == key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_names_that_the_help_prints() {
        for key in [
            "j",
            "G",
            "?",
            "=",
            "-",
            "ü",
            "space",
            "f1",
            "f12",
            "pgdn",
            "shift-tab",
            "ctrl-k",
            "ctrl-space",
            "ctrl-up",
            "ctrl-f5",
            "alt-k",
            "alt-K",
            "alt-enter",
            "alt--",
        ] {
            assert_eq!(check(key), Ok(()), "{key}");
        }
    }

    #[test]
    fn a_name_that_is_no_key_says_what_to_write() {
        for (key, words) in [
            ("pagedown", "write one character, f1 to f12, space"),
            ("", "write one character"),
            ("f13", "f1 to f12"),
            ("f01", "f1 to f12"),
            ("\u{202e}", "write one character"),
            ("Esc", "write \"esc\""),
            ("Ctrl-K", "write \"ctrl-k\""),
            ("ctrl-K", "write \"ctrl-k\""),
            ("shift-d", "write \"D\""),
            ("shift-up", "is not a key"),
            ("ctrl-i", "sends \"tab\""),
            ("ctrl-m", "sends \"enter\""),
            (" ", "sends \"space\""),
            ("ctrl-1", "no terminal sends"),
            ("ctrl-alt-x", "no terminal sends"),
            ("alt-[", "no terminal sends"),
            ("alt-esc", "sends \"esc\""),
        ] {
            let wrong = check(key).unwrap_err();
            assert!(wrong.contains(words), "{key}: {wrong}");
        }
    }
}
