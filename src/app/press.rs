use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Turns the name of a key into an event of the text area. `None`: a text area has no such key.
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
