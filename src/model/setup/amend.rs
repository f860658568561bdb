//! Updates the text of a policy file to the present state of one object. Only differing keys are written; comments and order stay.

use std::path::PathBuf;

use similar::TextDiff;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, value};

use crate::model::interval::Interval;
use crate::model::setup::change::{Change, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::write;

/// Unchanged lines shown before and after a difference.
const AROUND: usize = 3;

/// The text of a policy file before and after the update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    pub(crate) path: PathBuf,
    pub(crate) object: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Amendment {
    /// The differing lines with the lines around them, as a unified diff: each begins with `+`, `-`, a space or `@@`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let diff = TextDiff::from_lines(&self.before, &self.after);
        let text = diff
            .unified_diff()
            .context_radius(AROUND)
            .missing_newline_hint(false)
            .to_string();
        text.lines().map(str::to_owned).collect()
    }
}

/// The file's text, with the server's present value of every setting that `changes` would change. `unread`: also write the query, which
/// could not be compared. The error says why the file cannot be updated, and what to do by hand.
pub(crate) fn amended(
    text: &str,
    name: &Name,
    present: &Setup,
    changes: &[Change],
    unread: bool,
) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    let Some((list, fresh)) = write::entry(present, name) else {
        return Err(format!(
            "the database does not have {name}: remove its entry from the file by hand, or create the object"
        ));
    };
    let (mut keys, mut indexes) = (Vec::new(), Vec::new());
    for change in changes {
        collect(change, &mut keys, &mut indexes)?;
    }
    if unread {
        keys.push("query".to_owned());
    }
    if !keys.is_empty() {
        let all = tables(&mut document, list)?;
        let own = |table: &Table| {
            let of = table.get("name").and_then(Item::as_str);
            of.is_some_and(|of| Name::parse(of).as_ref() == Ok(name))
        };
        let at = all.iter().position(own);
        match at.and_then(|at| all.get_mut(at)) {
            Some(entry) => {
                for key in keys {
                    set(entry, &key, &fresh);
                }
            }
            // A pattern that matches the name stays as it is, because an entry with the exact name overrides it.
            None => all.push(fresh),
        }
    }
    for index in indexes {
        let has = present.indexes.get(name).and_then(|all| all.get(&index));
        let has = has.ok_or_else(|| format!("index {index} no longer exists"))?;
        tables(&mut document, "index")?.push(write::index_entry(name, &index, has));
    }
    Ok(document.to_string())
}

/// The list `hypertable`, `aggregate` or `index` of the file. If the file has no such list, an empty one is added.
fn tables<'a>(document: &'a mut DocumentMut, list: &str) -> Result<&'a mut ArrayOfTables, String> {
    let item = document
        .entry(list)
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let found = item.as_array_of_tables_mut();
    found.ok_or_else(|| {
        format!(
            "the file does not write {list} as [[{list}]]: rewrite it that way, or make this change by hand"
        )
    })
}

/// Adds to `keys` the keys that a change concerns, and to `indexes` the indexes that the file does not name.
fn collect(
    change: &Change,
    keys: &mut Vec<String>,
    indexes: &mut Vec<String>,
) -> Result<(), String> {
    match &change.what {
        What::DisableCompression => keys.push("compress".to_owned()),
        What::RemoveReorder(_) => keys.push("reorder".to_owned()),
        What::DropAggregate => keys.push("absent".to_owned()),
        What::CreateIndex { .. } | What::DropIndex { .. } => {
            return Err(
                "an index differs from the file: change its [[index]] entry by hand".to_owned(),
            );
        }
        What::Reschedule { .. } => {
            return Err("a compression or retention policy begins at a time outside its `window`: change `window` in the file by hand".to_owned());
        }
        What::Impossible(_) => {
            let known = ["time", "from", "query"];
            keys.extend(known.map(str::to_owned));
        }
        _ => {}
    }
    for field in &change.fields {
        if let Some(index) = field.name.strip_prefix("index ") {
            indexes.push(index.to_owned());
        } else if !keys.contains(&field.name) {
            keys.push(field.name.clone());
        }
    }
    Ok(())
}

/// Copies a key (`chunk_interval`, `compress.after`) from `fresh`, which has the server's present values.
fn set(entry: &mut Table, key: &str, fresh: &Table) {
    let (top, sub) = key.split_once('.').unwrap_or((key, ""));
    let new = fresh.get(top);
    match (top, new) {
        ("absent", _) => {
            entry.remove("absent");
        }
        ("why", None) => {
            entry.remove("why");
        }
        ("time" | "from" | "query", new) => {
            // A key that the entry does not have is not added.
            if let Some(new) = new.filter(|_| entry.contains_key(top)) {
                put(entry, top, new.clone());
            }
        }
        ("refresh", new) => refresh(entry, new),
        (_, None) => put(entry, top, value("none")),
        (_, Some(new)) => {
            let has = entry.get_mut(top).and_then(Item::as_table_like_mut);
            match (has, new.as_table_like()) {
                (Some(has), Some(new)) if !sub.is_empty() => setting(has, sub, new, top),
                _ => put(entry, top, new.clone()),
            }
        }
    }
}

/// Sets a key of `compress` or `retain`. The other keys, such as `why`, stay.
fn setting(has: &mut dyn TableLike, key: &str, fresh: &dyn TableLike, top: &str) {
    const AGES: [&str; 2] = ["after", "created_before"];
    if key != "after" {
        match fresh.get(key) {
            Some(new) => put(has, key, new.clone()),
            None => drop(has.remove(key)),
        }
        return;
    }
    let age = AGES.into_iter().find(|age| fresh.contains_key(age));
    let stays = age.unwrap_or("after");
    for other in AGES.into_iter().filter(|other| *other != stays) {
        has.remove(other);
    }
    match age {
        Some(age) => {
            if let Some(new) = fresh.get(age) {
                put(has, age, new.clone());
            }
        }
        None if top == "compress" => {
            for key in ["every", "paused"] {
                has.remove(key);
            }
            put(has, "after", value("none"));
        }
        None => {}
    }
}

/// Sets the refresh policies. If their number is unchanged, keys with an equal value keep their spelling.
fn refresh(entry: &mut Table, fresh: Option<&Item>) {
    let Some(fresh) = fresh else {
        put(entry, "refresh", value("none"));
        return;
    };
    let has = entry.get_mut("refresh").and_then(Item::as_array_mut);
    let (Some(has), Some(new)) = (has, fresh.as_array()) else {
        put(entry, "refresh", fresh.clone());
        return;
    };
    if has.len() != new.len() {
        put(entry, "refresh", fresh.clone());
        return;
    }
    for (has, new) in has.iter_mut().zip(new.iter()) {
        let (Some(has), Some(new)) = (has.as_inline_table_mut(), new.as_inline_table()) else {
            continue;
        };
        for key in ["start", "end", "every", "paused"] {
            match TableLike::get(new, key) {
                Some(new) => put(has, key, new.clone()),
                None => drop(has.remove(key)),
            }
        }
    }
}

/// Sets a key. Its comments stay, and so does the spelling of an equal value.
fn put(table: &mut dyn TableLike, key: &str, mut new: Item) {
    let Some(has) = table.get_mut(key) else {
        // A last value may be followed by a space before the closing brace. That space moves behind the new value.
        let last = table.iter_mut().last();
        if let (Some(Item::Value(last)), Some(new)) =
            (last.map(|(_, last)| last), new.as_value_mut())
            && let Some(space) = last.decor().suffix().and_then(|suffix| suffix.as_str())
            && space.trim_matches(' ').is_empty()
        {
            new.decor_mut().set_prefix(" ");
            new.decor_mut().set_suffix(space.to_owned());
            last.decor_mut().set_suffix("");
        }
        table.insert(key, new);
        return;
    };
    if means_the_same(has, &new) {
        return;
    }
    if let (Some(has), Some(new)) = (has.as_value(), new.as_value_mut()) {
        *new.decor_mut() = has.decor().clone();
    }
    *has = new;
}

fn means_the_same(one: &Item, other: &Item) -> bool {
    let length = |item: &Item| Interval::parse(item.as_str()?).ok();
    match (length(one), length(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.as_str().is_some() && one.as_str() == other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::age_rule::AgeRule;
    use crate::model::moment::Axis;
    use crate::model::setup::change::Field;
    use crate::model::setup::objects::{AgePolicy, Compression, Hypertable, Storage};
    use crate::model::span::Span;

    fn days(days: i64) -> Interval {
        Interval {
            months: 0,
            days,
            micros: 0,
        }
    }

    fn policy(after: i64) -> AgePolicy {
        AgePolicy {
            job: Some(1000),
            age: AgeRule::After(Span::Interval(days(after))),
            every: days(1),
            scheduled: true,
        }
    }

    fn present(storage: Storage) -> (Name, Setup) {
        let name = Name::parse("mes.raw").unwrap();
        let table = Hypertable {
            id: Some(1),
            time: "ts".to_owned(),
            axis: Axis::TimestampTz,
            interval: 86_400_000_000,
            integer_now: None,
            chunks: true,
            comment: None,
            storage,
        };
        let mut setup = Setup::default();
        setup.hypertables.insert(name.clone(), table);
        (name, setup)
    }

    fn field(name: &str) -> Field {
        Field::new(name, Some("7d".to_owned()), Some("9d".to_owned()))
    }

    const FILE: &str = "# the plant's tables\n[[hypertable]]\nname = \"mes.raw\" # the raw samples\n\n# a day was measured\nchunk_interval = \"1 hour\" # was 1d\ncompress = { segment_by = [\"d\"], after = \"9 days\", why = \"cheap\" } # agreed\nretain = { after = \"90 days\", why = \"law\" }\n# the end\n";

    #[test]
    fn only_what_differs_is_written_and_comments_and_reasons_stay() {
        let storage = Storage {
            compression: Some(Compression::default()),
            compress: Some(policy(7)),
            retain: Some(policy(90)),
            reorder: None,
        };
        let (name, setup) = present(storage);
        let changes = [
            Change::new(&name, What::SetInterval(1), vec![field("chunk_interval")]),
            Change::new(
                &name,
                What::EditCompress(policy(7), policy(9)),
                vec![field("compress.after")],
            ),
        ];
        let text = amended(FILE, &name, &setup, &changes, false).unwrap();
        let wanted = FILE
            .replace("\"1 hour\"", "\"1d\"")
            .replace("\"9 days\"", "\"7d\"");
        assert_eq!(text, wanted);
        let amendment = Amendment {
            path: PathBuf::from("a.toml"),
            object: name.to_string(),
            before: FILE.to_owned(),
            after: text,
        };
        let lines = amendment.lines();
        assert!(
            lines.contains(&"-chunk_interval = \"1 hour\" # was 1d".to_owned())
                && lines.contains(&"+chunk_interval = \"1d\" # was 1d".to_owned()),
            "{lines:?}"
        );
    }

    #[test]
    fn a_key_that_the_file_does_not_have_is_added_at_the_end() {
        let storage = Storage {
            retain: Some(AgePolicy {
                every: days(3),
                ..policy(90)
            }),
            ..Storage::default()
        };
        let (name, setup) = present(storage);
        let change = Change::new(
            &name,
            What::EditRetain(policy(90), policy(90)),
            vec![field("retain.every")],
        );
        let text = amended(FILE, &name, &setup, &[change], false).unwrap();
        let wanted = FILE.replace("why = \"law\" }", "why = \"law\", every = \"3d\" }");
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_policy_that_the_database_does_not_have_is_written_as_none() {
        let storage = Storage {
            compression: Some(Compression::default()),
            ..Storage::default()
        };
        let (name, setup) = present(storage);
        let changes = [
            Change::new(
                &name,
                What::AddCompress(policy(9)),
                vec![field("compress.after"), field("compress.every")],
            ),
            Change::new(
                &name,
                What::AddRetain(policy(90)),
                vec![field("retain.after"), field("retain.every")],
            ),
        ];
        let text = amended(FILE, &name, &setup, &changes, false).unwrap();
        let wanted = FILE
            .replace("\"9 days\"", "\"none\"")
            .replace("{ after = \"90 days\", why = \"law\" }", "\"none\"");
        assert_eq!(text, wanted);
    }

    #[test]
    fn an_object_that_is_in_the_file_only_is_refused() {
        let (name, _) = present(Storage::default());
        let error = amended(FILE, &name, &Setup::default(), &[], false).unwrap_err();
        assert!(error.contains("does not have mes.raw"), "{error}");
    }
}
