//! The rows of the Policies screen: each object of the files, with the plan of its changes. Nothing is changed.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::actions::setup::planned::Planned;
use crate::connect::conninfo::Settings;
use crate::model::plan::{Undo, script};
use crate::model::screen_id::ScreenId;
use crate::model::setup::change::What;
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::wish::Kind;
use crate::model::verdict::Level;
use crate::screens::Rows;
use crate::screens::policies::{Change, Fate, Possible, Row};
use crate::server::session::Session;

use super::made::{self, Made, Reading};

/// The rows of a screen, as [`Session::load`] reads them. The rows of Policies also have the plans.
pub(crate) async fn load(settings: &Settings, session: &Session, screen: ScreenId) -> Result<Rows> {
    let files = &session.server.policy_files;
    if screen != ScreenId::Policies || files.is_empty() || !session.can_show(screen) {
        return session.load(screen).await;
    }
    let wanted = made::wanted(&made::sources(files)?)?;
    let made = Box::pin(Reading::looking(settings, session).make(&wanted)).await?;
    Ok(Rows::Policies(rows(&made, &wanted)))
}

fn rows(made: &Made, wanted: &Wanted) -> Vec<Row> {
    let present = &made.present;
    let named = present
        .relations()
        .filter(|name| wanted.names(name))
        .cloned();
    let exact = wanted.exact().map(|(name, _)| name.clone());
    let indexed = wanted.indexes.iter().map(|entry| entry.on.clone());
    let changed = made.planned.iter().map(|planned| planned.change.of.clone());
    let all: BTreeSet<Name> = named.chain(exact).chain(indexed).chain(changed).collect();
    all.into_iter()
        .map(|name| row(made, wanted, &name))
        .collect()
}

fn row(made: &Made, wanted: &Wanted, name: &Name) -> Row {
    let table = wanted.entry(name, Kind::Hypertable);
    let view = wanted.entry(name, Kind::Aggregate);
    let aggregate = made.present.aggregates.contains_key(name)
        || !made.present.hypertables.contains_key(name) && view.is_some();
    let entry = if aggregate { view } else { table };
    let of = name.to_string();
    let changes = made.planned.iter();
    let changes = changes.filter(|planned| planned.change.of == *name);
    let advice = made.advice.iter().filter(|advice| advice.of == of);
    Row {
        aggregate,
        id: made.present.id(name),
        why: entry.as_ref().and_then(|entry| entry.why.clone()),
        place: entry.map(|entry| entry.at.by_name().to_string()),
        changes: changes.map(change).collect(),
        unread: made.unread.get(name).cloned(),
        advice: advice
            .map(|advice| format!("{} ({})", advice.words, advice.at.by_name()))
            .collect(),
        object: of,
    }
}

fn change(planned: &Planned) -> Change {
    let change = &planned.change;
    let fate = match (&planned.plan, &change.what) {
        (_, What::Unnamed) => Fate::Unnamed,
        (_, What::Impossible(_)) => Fate::Impossible,
        (Err(why), _) => Fate::Refused(why.to_string()),
        (Ok(plan), _) => {
            let notes = plan.notes.iter().filter(|note| note.level != Level::Ok);
            Fate::Possible(Possible {
                steps: plan
                    .steps
                    .iter()
                    .map(|step| script(std::slice::from_ref(step)).join("; "))
                    .collect(),
                locks: planned.locks(),
                hazards: planned.hazards.iter().map(ToString::to_string).collect(),
                notes: notes.map(|note| (note.level, note.text.clone())).collect(),
                undo: format!("{}: {}", plan.undo.heading(), plan.undo.text()),
                irreversible: matches!(plan.undo, Undo::Never(_)),
            })
        }
    };
    Change {
        sign: change.sign(),
        words: change.words(),
        fields: change.fields.clone(),
        why: change.why.clone(),
        fate,
    }
}
