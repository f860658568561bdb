//! A plan of a policy file as text and as JSON.

use serde_json::{Value as Json, json};
use std::fmt::Write as _;

use crate::actions::setup::planned::Planned;
use crate::model::plan::{Undo, inverse, script};
use crate::model::setup::change::{Change, What};
use crate::model::setup::lint::Advice;
use crate::model::setup::name::Name;
use crate::model::text::{plural_of, printable};
use crate::model::verdict::Level;

use super::made::Made;

/// Maximum width of a setting's value in one line. A longer value, such as a query, is cut.
const WIDE: usize = 160;

/// The differences, one line each, for `--drift`.
pub(super) fn brief(made: &Made) -> String {
    let mut out = String::new();
    for planned in &made.planned {
        let change = &planned.change;
        let head = format!("{} {}: {}", change.sign(), change.of, change.words());
        line(&mut out, &(head + &fields(change, [": ", "; "])));
    }
    unread(&mut out, made);
    out
}

/// Adds a line for each object with a part that was not compared.
fn unread(out: &mut String, made: &Made) {
    for (name, why) in &made.unread {
        line(out, &format!("? {name}: {why}"));
    }
}

/// The settings that differ. `before` is put before the first setting, `between` before each further setting.
fn fields(change: &Change, [before, between]: [&str; 2]) -> String {
    let fields: Vec<_> = change
        .fields
        .iter()
        .map(|field| cut(&field.to_string()))
        .collect();
    if fields.is_empty() {
        String::new()
    } else {
        format!("{before}{}", fields.join(between))
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(&printable(text));
    out.push('\n');
}

fn cut(text: &str) -> String {
    crate::model::text::cut(text, WIDE)
}

/// The whole plan: for each object its changes, reasons, notes, locks, hazards and undo; then the advice and the totals.
pub(super) fn whole(made: &Made) -> String {
    let mut out = String::new();
    let mut objects: Vec<&Name> = Vec::new();
    for planned in &made.planned {
        if !objects.contains(&&planned.change.of) {
            objects.push(&planned.change.of);
        }
    }
    for object in objects {
        line(&mut out, &object.to_string());
        let mut said: Vec<&str> = Vec::new();
        for planned in made
            .planned
            .iter()
            .filter(|planned| planned.change.of == *object)
        {
            let change = &planned.change;
            let head = format!("  {} {}", change.sign(), change.words());
            line(&mut out, &(head + &fields(change, ["  ", "  "])));
            if let Some(why) = change.why.as_deref().filter(|why| !said.contains(why)) {
                line(&mut out, &format!("      why: {why}"));
                said.push(why);
            }
            details(&mut out, made, planned);
        }
    }
    for advice in &made.advice {
        line(
            &mut out,
            &format!("! {}: {}: {}", advice.at, advice.of, advice.words),
        );
    }
    unread(&mut out, made);
    for note in &made.notes {
        line(&mut out, &format!("~ {note}"));
    }
    for text in sum(made).lines() {
        line(&mut out, text);
    }
    out
}

fn details(out: &mut String, made: &Made, planned: &Planned) {
    match &planned.plan {
        Ok(plan) => {
            for note in plan.notes.iter().filter(|note| note.level != Level::Ok) {
                line(out, &format!("      {} {}", note.level.sign(), note.text));
            }
            for lock in planned.locks() {
                line(out, &format!("      lock {lock}"));
            }
            if !planned.hazards.is_empty() {
                let names: Vec<_> = planned.hazards.iter().map(ToString::to_string).collect();
                line(out, &format!("      hazard {}", names.join(", ")));
            }
            line(
                out,
                &format!("      {}: {}", plan.undo.heading(), plan.undo.text()),
            );
        }
        Err(_) if planned.change.what == What::Unnamed => {}
        Err(_) if !planned.change.is_possible() => {
            line(out, "      refused: an apply cannot do this");
        }
        Err(why) => {
            let why = why.to_string();
            let place = made.place(&planned.change, &why);
            let place = place.map_or_else(String::new, |at| format!("{at}: "));
            for text in format!("refused: {place}{why}").lines() {
                line(out, &format!("      {text}"));
            }
        }
    }
}

/// `3 to add, 5 to change, 0 to remove, 1 cannot be undone`.
pub(super) fn sum(made: &Made) -> String {
    if made.is_same() {
        return "no difference: the database is as the file says".to_owned();
    }
    let count = |sign: char| {
        made.planned
            .iter()
            .filter(|planned| planned.change.sign() == sign)
            .count()
    };
    let never = |planned: &&Planned| {
        planned
            .plan
            .as_ref()
            .is_ok_and(|plan| matches!(plan.undo, Undo::Never(_)))
    };
    let mut words = format!(
        "{} to add, {} to change, {} to remove, {} cannot be undone",
        count('+'),
        count('~'),
        count('-'),
        made.planned.iter().filter(never).count()
    );
    let refused = made.planned.iter().filter(|planned| planned.is_refused());
    match refused.count() {
        0 => {}
        many => drop(write!(words, ", {many} refused")),
    }
    match made.unread.len() {
        0 => {}
        many => drop(write!(words, ", {many} not compared")),
    }
    match count('?') {
        0 => {}
        many => {
            let objects = plural_of(many, "object");
            let what = if many == 1 { "it" } else { "them" };
            let _ = write!(
                words,
                "; {objects} matched by `owns`, but not in the file (--prune removes {what})"
            );
        }
    }
    let hazards = made.hazards();
    if !hazards.is_empty() {
        let names: Vec<_> = hazards.iter().map(ToString::to_string).collect();
        let _ = write!(words, "\napply needs --allow {}", names.join(","));
    }
    words
}

pub(super) fn json(made: &Made) -> Json {
    let change = |planned: &Planned| {
        let change = &planned.change;
        let fields: Vec<_> = change
            .fields
            .iter()
            .map(|field| json!({"name": field.name, "old": field.old, "new": field.new}))
            .collect();
        let mut one = json!({
            "object": change.of.to_string(), "sign": change.sign().to_string(), "change": change.words(), "fields": fields,
            "why": change.why, "hazards": planned.hazards,
        });
        match &planned.plan {
            Ok(plan) => {
                one["statements"] = script(&plan.steps).into();
                one["undo"] = json!(plan.undo);
                one["undo_statements"] = script(&inverse(&plan.steps)).into();
                one["notes"] = plan
                    .notes
                    .iter()
                    .map(|note| json!({"level": note.level.name(), "text": note.text}))
                    .collect();
                one["locks"] = json!(plan.touches);
            }
            Err(why) => one["refused"] = why.to_string().into(),
        }
        one
    };
    let advice = |advice: &Advice| {
        let (at, text) = (&advice.at, &advice.words);
        json!({"object": advice.of, "file": at.path, "line": at.line, "column": at.column, "text": text})
    };
    json!({
        "same": made.is_same(),
        "changes": made.planned.iter().map(change).collect::<Vec<_>>(),
        "advice": made.advice.iter().map(advice).collect::<Vec<_>>(),
        "notes": made.notes,
        "not_compared": made.unread.iter().map(|(name, why)| json!({"object": name.to_string(), "why": why})).collect::<Vec<_>>(),
        "hazards": made.hazards(),
    })
}
