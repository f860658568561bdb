//! The action catalogue: everything a person can do in the console, declared once.
//!
//! Keys, help, palette and hints are readings of [`all`].

use crate::model::screen_id::ScreenId;
use crate::model::target::Kind;

use crate::actions::action::{Action, Does, Here};
use crate::actions::here::HERE;
use crate::actions::{aggregates, compression, hypertables, indexes, jobs, retention, sessions};

/// The actions of every family.
pub static ACTIONS: &[&[Action]] = &[
    aggregates::ACTIONS,
    compression::ACTIONS,
    retention::ACTIONS,
    indexes::ACTIONS,
    hypertables::ACTIONS,
    jobs::ACTIONS,
    sessions::ACTIONS,
];

/// The whole catalogue: what changes the console, then what changes the database, family by family.
pub fn all() -> impl Iterator<Item = &'static Action> {
    HERE.iter().chain(ACTIONS.iter().copied().flatten())
}

/// What psql's users type by habit, and the action that it means.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("\\q", "quit"),
    ("q", "quit"),
    ("\\x", "open-details"),
    ("\\?", "show-help"),
    ("\\watch", "reload"),
];

/// The action that this key means on a screen where a thing of these kinds is selected.
pub(crate) fn by_key(key: &str, kinds: &[Kind], screen: ScreenId) -> Option<&'static Action> {
    let here = || all().filter(|action| action.keys.contains(&key));
    let own = || here().filter(|action| action.group.screen() == Some(screen));
    // A row may stand for several things: what the screen is about counts first, then what the row is first.
    own()
        .find(|action| action.applies(kinds))
        .or_else(|| {
            kinds
                .iter()
                .find_map(|kind| here().find(|action| action.applies(&[*kind])))
        })
        .or_else(|| here().find(|action| action.applies(&[])))
}

/// The first key of what does this to the console; `None`: no key does.
pub fn key_of(here: Here) -> Option<&'static str> {
    let does = |action: &&Action| matches!(action.does, Does::Here(does) if does == here);
    HERE.iter().find(does)?.keys.first().copied()
}

/// The action with this name, or the one that the alias means.
pub fn by_name(name: &str) -> Option<&'static Action> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, name)| name);
    all().find(|action| action.name == name)
}

/// How well an action fits what was typed: in its name, in its help, or its letters in order; lower is better.
/// `None`: it does not fit.
fn fit(action: &Action, typed: &str) -> Option<usize> {
    if let Some(at) = action.name.find(&typed.replace(' ', "-")) {
        return Some(at);
    }
    if let Some(at) = action.help.to_lowercase().find(typed) {
        return Some(100 + at);
    }
    let mut letters = action.name.chars();
    let in_order = typed
        .chars()
        .all(|wanted| letters.any(|letter| letter == wanted));
    in_order.then_some(1000)
}

/// The actions that fit what was typed, best first; all of them for nothing typed.
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
    use crate::actions::action::Group;
    use crate::model::fix;

    #[test]
    fn every_key_means_one_thing_for_each_kind_of_row_on_each_screen() {
        for kind in Kind::ALL {
            for group in Group::ALL {
                let own = |action: &&Action| {
                    action.group == group || matches!(action.does, Does::Here(_))
                };
                let here = all().filter(own).filter(|action| action.applies(&[*kind]));
                let mut keys: Vec<_> = here.flat_map(|action| action.keys).collect();
                let many = keys.len();
                keys.sort();
                keys.dedup();
                assert_eq!(keys.len(), many, "{kind:?} {group:?}");
            }
        }
    }

    #[test]
    fn a_key_means_what_the_screen_is_about() {
        let hypertable = &[Kind::Hypertable, Kind::Job];
        let name = |screen| by_key("e", hypertable, screen).map(|action| action.name);
        assert_eq!(name(ScreenId::Compression), Some("edit-compression-policy"));
        assert_eq!(name(ScreenId::Retention), Some("edit-retention-policy"));
        assert_eq!(name(ScreenId::Jobs), Some("edit-job"));
    }

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
            let known = rule.mend.is_none_or(|name| fix::by_name(name).is_some());
            assert!(known, "{}: {:?}", rule.name, rule.mend);
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
    fn every_screen_can_be_shown_and_the_digits_follow_the_tabs() {
        let mut digits = Vec::new();
        for id in ScreenId::ALL {
            let action = by_name(&format!("show-{}", id.name())).expect("an action a screen");
            assert!(matches!(&action.does, Does::Here(Here::Screen(shown)) if shown == id));
            digits.extend(action.keys);
        }
        // On the keyboard 0 comes after 9.
        let place = |key: &&str| "1234567890".find(*key);
        assert!(digits.is_sorted_by_key(place), "{digits:?}");
    }

    #[test]
    fn the_palette_finds_by_name_by_letters_and_by_meaning() {
        assert_eq!(search("agg")[0].name, "show-aggregates");
        assert_eq!(search("fltr")[0].name, "filter-rows");
        assert_eq!(search("osc 52").len(), 2);
        assert_eq!(search("clipboard").len(), 0);
        assert_eq!(search("lag")[0].name, "show-aggregates");
        assert_eq!(search("\\q")[0].name, "quit");
        assert_eq!(search("").len(), all().count());
    }
}
