//! The action catalogue: all actions, each declared once. Help, palette and default keys are made from [`all`].

use crate::actions::action::{Action, Group};
use crate::actions::here::{HERE, SCREENS};
use crate::actions::{aggregates, compression, hypertables, indexes, jobs, retention, sessions};

/// The actions on the database.
pub static ACTIONS: &[&[Action]] = &[
    aggregates::ACTIONS,
    compression::ACTIONS,
    retention::ACTIONS,
    indexes::ACTIONS,
    hypertables::ACTIONS,
    jobs::ACTIONS,
    sessions::ACTIONS,
];

/// All actions: first the actions on the console, then the actions on the database.
pub fn all() -> impl Iterator<Item = &'static Action> {
    let here = SCREENS.iter().chain(HERE);
    here.chain(ACTIONS.iter().copied().flatten())
}

/// Names that psql users may type by habit, and the action that each means.
const ALIASES: &[(&str, &str)] = &[
    ("\\q", "quit"),
    ("q", "quit"),
    ("\\x", "open-details"),
    ("\\?", "show-help"),
    ("\\watch", "reload"),
];

/// The action with this name or alias.
pub fn by_name(name: &str) -> Option<&'static Action> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, name)| name);
    all().find(|action| action.name == name)
}

/// Words that users type, and the actions that each word finds first.
const KEYWORDS: &[(&str, &[&str])] = &[
    ("biggest", &["show-hypertables", "show-indexes"]),
    ("largest", &["show-hypertables", "show-indexes"]),
    ("size", &["show-hypertables", "show-indexes"]),
    ("wasted", &["show-indexes", "drop-index"]),
    ("unused", &["show-indexes", "drop-index"]),
    ("bloat", &["show-indexes", "reindex-index"]),
    ("uncompressed", &["show-compression", "compress-chunks"]),
    ("lag", &["show-aggregates", "refresh-behind"]),
    ("late", &["show-aggregates", "refresh-behind", "show-jobs"]),
    ("behind", &["show-aggregates", "refresh-behind"]),
    ("slow", &["show-queries", "show-activity"]),
    ("locks", &["show-activity"]),
    ("failed", &["show-jobs", "run-job-now"]),
];

/// Position of the action in the list of a keyword that begins with the typed text. `None`: no such keyword lists the action, or fewer than
/// three characters are typed.
fn by_keyword(action: &Action, typed: &str) -> Option<usize> {
    let fits = KEYWORDS
        .iter()
        .filter(|(word, _)| typed.len() > 2 && word.starts_with(typed));
    let place = |(_, names): &(&str, &[&str])| names.iter().position(|name| *name == action.name);
    fits.filter_map(place).min()
}

/// TimescaleDB's words for compression since 2.18. In the palette these words find the compression screen and its actions.
const COLUMNSTORE: [&str; 3] = ["columnstore", "convert-to-columnstore", "rowstore"];

/// Rank of an action for the typed text; the lowest rank comes first. The ranks are, in this order: a keyword; a match in the name; a match
/// in the help; a columnstore word; a name that contains the typed letters one after another. `None`: no match.
fn fit(action: &Action, typed: &str) -> Option<usize> {
    if let Some(place) = by_keyword(action, typed) {
        return Some(place);
    }
    if let Some(at) = action.name.find(&typed.replace(' ', "-")) {
        return Some(10 + at);
    }
    if let Some(at) = action.help.to_lowercase().find(typed) {
        return Some(100 + at);
    }
    let compresses = action.group == Group::Compression || action.name == "show-compression";
    let other = typed.replace([' ', '_'], "-");
    let is_word = other.len() > 3;
    if compresses && is_word && COLUMNSTORE.iter().any(|name| name.contains(&other)) {
        return Some(500);
    }
    let mut letters = action.name.chars();
    let in_order = typed
        .chars()
        .all(|wanted| letters.any(|letter| letter == wanted));
    in_order.then_some(1000)
}

/// The actions that match the typed text, best first. An empty text matches all actions.
pub(crate) fn search(typed: &str) -> Vec<&'static Action> {
    let typed = typed.trim().to_lowercase();
    if let Some((_, name)) = ALIASES.iter().find(|(alias, _)| *alias == typed) {
        return by_name(name).into_iter().collect();
    }
    let mut found: Vec<_> = all()
        .filter_map(|action| Some((fit(action, &typed)?, action)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, action)| action).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::action::{Does, Here};
    use crate::model::fix;
    use crate::model::screen_id::ScreenId;

    #[test]
    fn every_fix_is_an_action_and_acts_on_what_it_says() {
        for (name, kind) in fix::FIXES {
            let action = by_name(name).unwrap_or_else(|| panic!("{name} is no action"));
            assert!(
                matches!(&action.does, Does::Plan(act) if act.on == *kind),
                "{name}"
            );
        }
        for rule in crate::model::rules::ALL {
            let known = rule.fix.is_none_or(|name| fix::by_name(name).is_some());
            assert!(known, "{}: {:?}", rule.name, rule.fix);
        }
    }

    #[test]
    fn every_name_is_one_actions() {
        let mut names: Vec<_> = all().map(|action| action.name).collect();
        let many = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), many);
    }

    #[test]
    fn every_screen_has_a_key_and_the_keys_follow_the_tabs() {
        let mut keys = Vec::new();
        for id in ScreenId::ALL {
            let action = by_name(&format!("show-{}", id.name())).expect("one action per screen");
            assert!(matches!(&action.does, Does::Here(Here::Screen(shown)) if shown == id));
            assert_eq!(action.keys.len(), 1, "{id:?}");
            keys.extend(action.keys);
        }
        // The order of the keys on the keyboard. The first row ends with `=`, so the last screen has `F`.
        let place = |key: &&str| "1234567890=F".find(*key).unwrap();
        assert!(keys.is_sorted_by_key(place), "{keys:?}");
    }

    #[test]
    fn the_palette_finds_by_name_by_letters_and_by_meaning() {
        assert_eq!(search("agg")[0].name, "show-aggregates");
        assert_eq!(search("fltr")[0].name, "filter-rows");
        assert_eq!(search("osc 52").len(), 2);
        assert_eq!(search("clipboard").len(), 0);
        assert_eq!(search("lag")[0].name, "show-aggregates");
        for (typed, screen) in [
            ("wasted", "show-indexes"),
            ("biggest", "show-hypertables"),
            ("big", "show-hypertables"),
            ("uncompressed", "show-compression"),
            ("lag", "show-aggregates"),
            ("behind", "show-aggregates"),
            ("slow", "show-queries"),
            ("columnstore", "show-compression"),
        ] {
            assert_eq!(search(typed)[0].name, screen, "{typed}");
        }
        for (_, names) in KEYWORDS {
            assert!(
                names.iter().all(|name| by_name(name).is_some()),
                "{names:?}"
            );
        }
        assert_eq!(search("\\q")[0].name, "quit");
        assert_eq!(search("").len(), all().count());
        let found = search("columnstore");
        assert_eq!(found[0].name, "show-compression");
        let compresses = |action: &&&Action| action.group == Group::Compression;
        assert_eq!(found.iter().filter(compresses).count(), found.len() - 1);
        assert!(found.len() > 9);
        assert_eq!(search("convert_to_columnstore").len(), found.len());
    }
}
