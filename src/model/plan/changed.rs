//! Settings that a plan changes, with their values before and after.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::text;

/// Maximum width of a value in a title, in terminal cells.
const VALUE: usize = 30;
/// Maximum number of settings that a title names.
const NAMED: usize = 3;

/// A setting with its values before and after, as a title shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changed {
    pub setting: String,
    pub before: String,
    pub after: String,
}

impl Changed {
    /// `None`: the values are the same. An empty value is shown as `none`.
    pub(crate) fn of(setting: &str, before: &str, after: &str) -> Option<Self> {
        let shown = |value: &str| match value {
            "" => "none".to_owned(),
            value => text::cut(&text::one_line(value), VALUE),
        };
        (before != after).then(|| Self {
            setting: setting.to_owned(),
            before: shown(before),
            after: shown(after),
        })
    }

    /// As [`Self::of`], for lengths of time: `7d`, `500 000`.
    pub(crate) fn length(setting: &str, before: &str, after: &str) -> Option<Self> {
        Self::of(setting, &text::interval(before), &text::interval(after))
    }

    /// The settings of a configuration whose values differ: in the order of `before`, then new ones.
    pub(crate) fn config(before: Option<&Json>, after: &Json) -> Vec<Self> {
        let empty = serde_json::Map::new();
        let map = |json: Option<&Json>| json.and_then(Json::as_object).unwrap_or(&empty).clone();
        let (before, after) = (map(before), map(Some(after)));
        let value = |value: Option<&Json>| match value {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let new = after.keys().filter(|key| !before.contains_key(*key));
        let keys = before.keys().chain(new);
        keys.filter_map(|key| Self::length(key, &value(before.get(key)), &value(after.get(key))))
            .collect()
    }

    fn back(&self) -> Self {
        Self {
            setting: self.setting.clone(),
            before: self.after.clone(),
            after: self.before.clone(),
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.setting, self.before, self.after)
    }
}

/// `compress_after 7d -> 3d, schedule_interval 12h -> 1h`; empty if `changed` is empty.
fn arrows(changed: &[Changed]) -> String {
    let shown: Vec<_> = changed
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    match changed.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The settings with the values before and after swapped.
pub(crate) fn back(changed: &[Changed]) -> Vec<Changed> {
    changed.iter().map(Changed::back).collect()
}

/// `Change compress_after 7d -> 3d of job 1001 (…)`.
pub(super) fn title(changed: &[Changed], of: &str) -> String {
    match arrows(changed) {
        none if none.is_empty() => format!("Change {of}"),
        arrows => format!("Change {arrows} of {of}"),
    }
}

/// Title of the rollback of a journal entry; `done` is the entry's own title. It swaps the values before and after.
pub(crate) fn title_back(id: u64, changed: &[Changed], done: &str) -> String {
    let head = title(changed, "");
    let of = done.strip_prefix(&head).filter(|_| !changed.is_empty());
    match of {
        Some(of) => {
            format!("Roll back entry {id}: {} of {of}", arrows(&back(changed)))
        }
        None => format!("Roll back entry {id}: {done}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed() -> Vec<Changed> {
        let before = json!({"compress_after": "7 days", "hypertable_id": 2, "recompress": false});
        let after = json!({"compress_after": "3 days", "hypertable_id": 2, "maxchunks": 1200});
        Changed::config(Some(&before), &after)
    }

    #[test]
    fn a_title_has_the_values_before_and_after_and_its_rollback_has_them_the_other_way_round() {
        let changed = changed();
        let done = title(&changed, "job 1001 (compression policy on mes.x)");
        assert_eq!(
            done,
            "Change compress_after 7d -> 3d, recompress false -> none, maxchunks none -> 1200 \
             of job 1001 (compression policy on mes.x)"
        );
        assert_eq!(
            title_back(3, &changed[..1], &title(&changed[..1], "job 7")),
            "Roll back entry 3: compress_after 3d -> 7d of job 7"
        );
    }

    #[test]
    fn what_names_no_setting_keeps_its_own_title() {
        assert_eq!(title(&[], "job 7"), "Change job 7");
        assert_eq!(
            title_back(3, &[], "Pause job 7"),
            "Roll back entry 3: Pause job 7"
        );
        // The title of an older journal entry has no values.
        assert_eq!(
            title_back(3, &changed(), "Change job 7"),
            "Roll back entry 3: Change job 7"
        );
    }

    #[test]
    fn many_settings_are_counted_and_long_values_are_cut() {
        let long = "x".repeat(100);
        let one = |name: &str| Changed::of(name, "", &long).unwrap();
        let many: Vec<_> = ["a", "b", "c", "d", "e"].map(one).into();
        let title = title(&many, "job 7");
        assert!(title.contains("a none -> xxx") && title.contains(" and 2 more of job 7"));
        assert!(title.len() < 200, "{title}");
        assert_eq!(Changed::of("a", "1", "1"), None);
        assert_eq!(Changed::length("a", "7 days", "7d"), None);
    }
}
