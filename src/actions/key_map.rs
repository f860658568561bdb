//! Map from keys to actions: the defaults of the catalogue, overridden by `[keys]` of config.toml.

use std::collections::BTreeMap;

use toml::Value;

use crate::actions::action::{Action, Does, Here};
use crate::actions::catalogue::all;
use crate::actions::chord;
use crate::model::screen_id::ScreenId;
use crate::model::target::TargetKind;
use crate::model::text::nearest;
use crate::model::threshold_settings::{Table, Wrong};

/// Keys that always quit the console or close an overlay, whatever config.toml says.
const ALWAYS: [(&str, &str); 2] = [("quit", "ctrl-c"), ("go-back", "esc")];

/// The keys of each action, by the action's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMap(BTreeMap<&'static str, Vec<String>>);

impl Default for KeyMap {
    fn default() -> Self {
        let keys = |action: &Action| action.keys.iter().map(|key| (*key).to_owned()).collect();
        Self(all().map(|action| (action.name, keys(action))).collect())
    }
}

impl KeyMap {
    /// The defaults, overridden by `[keys]`. An action that `[keys]` names has only the keys that are listed for it there, and those in
    /// [`ALWAYS`]. A listed key is taken from the actions that have it by default, so that a default of a later version of hypertop does not
    /// make a file wrong.
    pub fn read(table: &Table) -> Result<Self, Wrong> {
        let mut map = Self::default();
        let mut written = BTreeMap::new();
        let mut lines: Vec<_> = table.iter().collect();
        lines.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in lines {
            let at = |why| (name.span().start, why);
            let action = find(name.as_ref(), value.as_ref()).map_err(at)?;
            let keys = keys(action, value.as_ref()).map_err(at)?;
            map.0.insert(action.name, keys);
            written.insert(action.name, name.span().start);
        }
        map.take(&written);
        match map.first_clash(&written) {
            Some(wrong) => Err(wrong),
            None => Ok(map),
        }
    }

    /// Takes the keys of the written actions from the others that may apply to the same row of the same screen.
    fn take(&mut self, written: &BTreeMap<&str, usize>) {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            all().partition(|action| written.contains_key(action.name));
        for one in ours {
            let taken = self.of(one).to_vec();
            for other in theirs.iter().filter(|other| meet(one, other)) {
                if let Some(keys) = self.0.get_mut(other.name) {
                    keys.retain(|key| !taken.contains(key));
                }
            }
        }
    }

    /// The keys of an action. Empty: it can only be run from the palette.
    pub(crate) fn of(&self, action: &Action) -> &[String] {
        self.0.get(action.name).map_or(&[], Vec::as_slice)
    }

    /// The first key of a console action. `None`: it has no key.
    pub fn key_of(&self, here: Here) -> Option<&str> {
        let does = |action: &&Action| matches!(action.does, Does::Here(does) if does == here);
        Some(self.of(all().find(does)?).first()?.as_str())
    }

    /// The console action of this key when no row is selected. `None`: there is none.
    pub(crate) fn here(&self, key: &str) -> Option<Here> {
        self.with(key).find_map(|action| match action.does {
            Does::Here(here) => Some(here),
            Does::Plan(_) => None,
        })
    }

    /// The action of this key on a screen when a row of these kinds is selected. `None`: there is none.
    pub(crate) fn by_key(
        &self,
        key: &str,
        kinds: &[TargetKind],
        screen: ScreenId,
    ) -> Option<&'static Action> {
        let here = || self.with(key);
        let own = || here().filter(|action| action.group.screen() == Some(screen));
        // A row may have several kinds. The screen's own actions come first, then the actions for the row's kinds, one kind after another.
        own()
            .find(|action| action.applies(kinds))
            .or_else(|| {
                kinds
                    .iter()
                    .find_map(|kind| here().find(|action| action.applies(&[*kind])))
            })
            .or_else(|| here().find(|action| action.applies(&[])))
    }

    /// The first key that runs exactly this action on a row of these kinds. `None`: there is none.
    pub(crate) fn shown(
        &self,
        action: &Action,
        kinds: &[TargetKind],
        screen: ScreenId,
    ) -> Option<&str> {
        let takes = |key: &&String| {
            let taken = self.by_key(key, kinds, screen);
            taken.is_some_and(|taken| taken.name == action.name)
        };
        self.of(action).iter().find(takes).map(String::as_str)
    }

    fn with(&self, key: &str) -> impl Iterator<Item = &'static Action> {
        all().filter(move |action| self.of(action).iter().any(|own| own == key))
    }

    /// Pairs of actions with the same key that may apply to the same row of the same screen.
    fn clashes(&self) -> Vec<(&str, &'static Action, &'static Action)> {
        let mut clashes = Vec::new();
        let actions: Vec<_> = all().collect();
        for (at, one) in actions.iter().enumerate() {
            for other in actions.iter().skip(at + 1) {
                let shared = |key: &&String| meet(one, other) && self.of(other).contains(key);
                let keys = self.of(one).iter().filter(shared);
                clashes.extend(keys.map(|key| (key.as_str(), *one, *other)));
            }
        }
        clashes
    }

    /// The later line of two in `[keys]` that give their actions the same key on the same screen. `None`: there is none.
    fn first_clash(&self, written: &BTreeMap<&str, usize>) -> Option<Wrong> {
        let wrong = |(key, one, other): (&str, &Action, &Action)| {
            let place = |action: &Action| written.get(action.name).copied();
            let (here, there) = if place(one) > place(other) {
                (one, other)
            } else {
                (other, one)
            };
            let (new, old) = (here.name, there.name);
            let why = format!(
                "{new} = {key:?}: {old} has that key too, on the same screen. Choose another key for one of them"
            );
            Some((place(here)?, why))
        };
        self.clashes().into_iter().filter_map(wrong).min()
    }
}

/// Whether both actions may apply to the same row of the same screen. Database actions of different groups are for different screens or kinds
/// of rows. Console actions apply to all rows, but those of a single screen take precedence there.
fn meet(one: &Action, other: &Action) -> bool {
    let is_own = |of: &Action| is_here(of) && of.group.screen().is_some();
    let own = (is_own(one) || is_own(other)) && one.group.screen() != other.group.screen();
    one.group == other.group || !own && (is_here(one) || is_here(other))
}

fn is_here(action: &Action) -> bool {
    matches!(action.does, Does::Here(_))
}

/// Finds the action that a line of `[keys]` names. The error suggests similar names.
fn find(name: &str, value: &Value) -> Result<&'static Action, String> {
    if let Some(action) = all().find(|action| action.name == name) {
        return Ok(action);
    }
    let turned = value
        .as_str()
        .filter(|value| all().any(|action| action.name == *value));
    let near = nearest(name, all().map(|action| action.name));
    Err(match (turned, near.as_slice()) {
        (Some(action), _) => format!("there is no action {name:?}: write {action} = {name:?}"),
        (_, []) => format!("there is no action {name:?}: the palette lists all actions"),
        (_, near) => format!("there is no action {name:?}; similar: {}", near.join(", ")),
    })
}

/// The keys that `[keys]` gives an action, followed by the keys in [`ALWAYS`].
fn keys(action: &Action, value: &Value) -> Result<Vec<String>, String> {
    let name = action.name;
    let written = match value {
        Value::String(none) if none.is_empty() => Vec::new(),
        Value::String(key) => vec![key.as_str()],
        Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
        _ => return Err(form(name, value)),
    };
    if let Value::Array(keys) = value
        && keys.len() != written.len()
    {
        return Err(form(name, value));
    }
    let mut keys: Vec<String> = Vec::new();
    let fixed = ALWAYS.iter().filter(|(own, _)| *own == name);
    for key in written.into_iter().chain(fixed.map(|(_, key)| *key)) {
        chord::check(key).map_err(|why| format!("{name}: {why}"))?;
        if let Some((own, _)) = ALWAYS
            .iter()
            .find(|(own, fixed)| *fixed == key && *own != name)
        {
            return Err(format!(
                "{name} = {key:?}: {key} is always {own}. Choose another key"
            ));
        }
        if !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    Ok(keys)
}

fn form(name: &str, value: &Value) -> String {
    format!(
        "{name} = {value}: a key is a text. Write {name} = \"K\", several keys as [\"K\", \"f2\"], no key as \"\""
    )
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::actions::catalogue::by_name;

    #[derive(Deserialize)]
    struct File {
        keys: Table,
    }

    /// The map for these lines of `[keys]`, or the number of the wrong line with the reason.
    fn read(lines: &str) -> Result<KeyMap, (usize, String)> {
        let text = format!("[keys]\n{lines}");
        let file: File = toml::from_str(&text).unwrap();
        KeyMap::read(&file.keys).map_err(|(at, why)| (text[..at].lines().count() + 1, why))
    }

    fn of(map: &KeyMap, name: &str) -> Vec<String> {
        map.of(by_name(name).unwrap()).to_vec()
    }

    #[test]
    fn by_default_no_key_means_two_things_on_any_screen() {
        assert!(KeyMap::default().clashes().is_empty());
        assert_eq!(read("").unwrap(), KeyMap::default());
    }

    #[test]
    fn every_default_is_a_key_that_a_terminal_sends() {
        for key in all().flat_map(|action| action.keys) {
            assert_eq!(chord::check(key), Ok(()), "{key}");
        }
    }

    #[test]
    fn a_key_means_what_the_screen_is_about() {
        let hypertable = &[TargetKind::Hypertable, TargetKind::Job];
        let map = read("edit-retention-policy = \"E\"\nedit-job = [\"E\", \"f3\"]").unwrap();
        let name = |map: &KeyMap, key, screen| {
            let action = map.by_key(key, hypertable, screen);
            action.map(|action| action.name)
        };
        let default = KeyMap::default();
        for (screen, action) in [
            (ScreenId::Compression, "edit-compression-policy"),
            (ScreenId::Retention, "edit-retention-policy"),
            (ScreenId::Jobs, "edit-job"),
        ] {
            assert_eq!(name(&default, "e", screen), Some(action));
        }
        assert_eq!(
            name(&map, "E", ScreenId::Retention),
            Some("edit-retention-policy")
        );
        assert_eq!(name(&map, "E", ScreenId::Jobs), Some("edit-job"));
        assert_eq!(name(&map, "f3", ScreenId::Retention), Some("edit-job"));
        assert_eq!(
            name(&map, "e", ScreenId::Retention),
            Some("edit-compression-policy"),
            "what is left of the old key"
        );
    }

    #[test]
    fn what_is_written_takes_the_place_of_all_keys_of_its_action() {
        let map = read("next-row = \"n\"\nnext-match = \"J\"\nmark-row = \"\"").unwrap();
        assert_eq!(of(&map, "next-row"), ["n"]);
        assert_eq!(of(&map, "mark-row"), [""; 0]);
        assert_eq!(of(&map, "previous-row"), ["k", "up"]);
        assert_eq!(map.here("n"), Some(Here::Step(1)));
        assert_eq!(map.here("j"), None);
        assert_eq!(map.key_of(Here::Mark), None);
        let swapped = read("next-row = \"k\"\nprevious-row = \"j\"").unwrap();
        assert_eq!(swapped.here("j"), Some(Here::Step(-1)));
    }

    #[test]
    fn a_written_key_is_taken_from_the_actions_that_have_it_by_default() {
        let map = read("next-row = \"n\"\nreverse-order = \"O\"\ndrop-chunks = \"e\"").unwrap();
        assert_eq!(of(&map, "next-match"), [""; 0]);
        assert_eq!(map.here("n"), Some(Here::Step(1)));
        assert_eq!(of(&map, "reverse-order"), ["O"]);
        assert!(!of(&map, "sort-by").contains(&"O".to_owned()));
        assert_eq!(of(&map, "edit-retention-policy"), [""; 0], "same screen");
        assert_eq!(of(&map, "edit-job"), ["e"], "another screen");
        assert!(map.clashes().is_empty());
    }

    #[test]
    fn the_console_and_what_lies_over_it_can_always_be_left() {
        let map = read("quit = \"\"\ngo-back = \"backspace\"").unwrap();
        assert_eq!(of(&map, "quit"), ["ctrl-c"]);
        assert_eq!(of(&map, "go-back"), ["backspace", "esc"]);
        for (line, words) in [
            ("mark-row = \"ctrl-c\"", "ctrl-c is always quit"),
            ("quit = [\"Q\", \"esc\"]", "esc is always go-back"),
        ] {
            let (at, why) = read(line).unwrap_err();
            assert!(at == 2 && why.contains(words), "{at}: {why}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_line_and_its_fix() {
        for (lines, line, words) in [
            (
                "quit = \"Q\"\ncompress-chunk = \"x\"",
                3,
                "no action \"compress-chunk\"; similar: compress-chunks",
            ),
            ("Q = \"quit\"", 2, "write quit = \"Q\""),
            ("\"\\\\q\" = \"Q\"", 2, "there is no action"),
            (
                "\n\nquit = \"pagedown\"",
                4,
                "quit: \"pagedown\" is not a key: write one character",
            ),
            ("quit = [\"Q\", \"Ctrl-K\"]", 2, "write \"ctrl-k\""),
            (
                "quit = 3",
                2,
                "quit = 3: a key is a text. Write quit = \"K\"",
            ),
            ("quit = [\"Q\", 3]", 2, "a key is a text"),
            (
                "compress-chunks = \"X\"\nmark-row = \"X\"",
                3,
                "compress-chunks has that key too",
            ),
            (
                "edit-job = \"f5\"\nrun-job-now = [\"f4\", \"f5\"]",
                3,
                "edit-job has that key too",
            ),
        ] {
            let (at, why) = read(lines).unwrap_err();
            assert!(at == line && why.contains(words), "{lines}: {at}: {why}");
        }
    }

    #[test]
    fn a_key_is_shown_where_it_takes_the_action() {
        let map = KeyMap::default();
        let edit = by_name("edit-retention-policy").unwrap();
        let shown = |screen| map.shown(edit, &[TargetKind::Hypertable], screen);
        assert_eq!(shown(ScreenId::Retention), Some("e"));
        assert_eq!(
            shown(ScreenId::Compression),
            None,
            "another action has it there"
        );
    }
}
