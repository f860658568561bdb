//! A key's text as an event of the text area.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Turns a key's text back into an event; `None`: no text area takes it.
pub(super) fn event(key: &str) -> Option<KeyEvent> {
    let (modifiers, name) = match (key.strip_prefix("ctrl-"), key.strip_prefix("alt-")) {
        (Some(name), _) if !name.is_empty() => (KeyModifiers::CONTROL, name),
        (_, Some(name)) if !name.is_empty() => (KeyModifiers::ALT, name),
        _ => (KeyModifiers::NONE, key),
    };
    let mut chars = name.chars();
    let code = match (chars.next(), chars.next()) {
        (Some(c), None) => KeyCode::Char(c),
        _ => match name {
            "space" => KeyCode::Char(' '),
            "backspace" => KeyCode::Backspace,
            "delete" => KeyCode::Delete,
            "enter" => KeyCode::Enter,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            _ => return None,
        },
    };
    Some(KeyEvent::new(code, modifiers))
}
