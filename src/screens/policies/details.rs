//! Details of an object of the policy file: its differences, the steps of an apply with locks, hazards and undo, and advice.

use super::row::{Fate, Row, State};
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::record::{Labelled, Section, heads};

pub(super) fn facts(row: &Row) -> Vec<Section> {
    let mut sections = vec![
        Labelled::new("Policy file")
            .add("state", format!("{} {}", row.sign(), row.state().words()))
            .add("kind", row.kind())
            .some("why", row.why.as_deref())
            .some("in the file", row.place.as_deref())
            .some("not compared", row.unread.as_deref())
            .into(),
    ];
    sections.extend(differences(row));
    for (nth, change) in row.changes.iter().enumerate() {
        let title = format!("{}. {} {}", nth + 1, change.sign, change.words);
        let section = match &change.fate {
            Fate::Possible(possible) => {
                let mut section = Labelled::new(title);
                if change.why != row.why {
                    section = section.some("why", change.why.as_deref());
                }
                for step in &possible.steps {
                    section = section.add("step", step.as_str());
                }
                for lock in &possible.locks {
                    section = section.add("lock", lock.as_str());
                }
                for hazard in &possible.hazards {
                    section = section.add("hazard", hazard.as_str());
                }
                for (level, note) in &possible.notes {
                    section = section.add("note", format!("{} {note}", level.sign()));
                }
                section.add("undo", possible.undo.as_str())
            }
            Fate::Refused(why) => Labelled::new(title).add("refused", why.as_str()),
            Fate::Impossible => {
                Labelled::new(title).add("refused", "TimescaleDB has no statement for this")
            }
            Fate::Unnamed => Labelled::new(title).add(
                "not in the file",
                "`hypertop apply --prune` removes it; write-object writes it into the file",
            ),
        };
        sections.push(section.into());
    }
    if !row.advice.is_empty() {
        sections.push(Section::text("Advice", row.advice.join("\n")));
    }
    sections
}

fn differences(row: &Row) -> Option<Section> {
    let mut lines = Vec::new();
    for change in &row.changes {
        for field in &change.fields {
            let side = |side: &Option<String>| side.as_deref().map_or(Value::Null, Value::text);
            lines.push(vec![
                Value::text(field.name.as_str()),
                side(&field.old),
                side(&field.new),
            ]);
        }
    }
    (row.state() != State::Same && !lines.is_empty()).then(|| Section::Grid {
        title: "Differences".to_owned(),
        heads: heads(["SETTING", "DATABASE", "FILE"]),
        levels: vec![Level::Ok; lines.len()],
        rows: lines,
    })
}
