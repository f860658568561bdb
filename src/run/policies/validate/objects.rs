//! Checks that the files' objects exist, that no name is taken, and that this role may change the objects.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::wish::{Entry, Kind};
use crate::model::text;
use crate::server::session::Session;
use crate::server::validate::{self, Object};

use super::check::{Checks, listed};

/// The objects that the files name, as the server has them.
pub(super) async fn read(
    session: &Session,
    wanted: &Wanted,
    present: &Setup,
) -> Result<Vec<Object>> {
    let mut names: BTreeSet<Name> = wanted.exact().map(|(name, _)| name.clone()).collect();
    let relations = present.relations().filter(|name| wanted.names(name));
    names.extend(relations.cloned());
    for index in &wanted.indexes {
        names.insert(index.on.clone());
        names.extend(index.name.iter().map(|name| Name {
            schema: index.on.schema.clone(),
            name: name.clone(),
        }));
    }
    let names: Vec<Name> = names.into_iter().collect();
    validate::objects(session, &names).await
}

pub(super) fn check(
    wanted: &Wanted,
    present: &Setup,
    objects: &[Object],
    role: &str,
    checks: &mut Checks,
) {
    let mut wrong = Vec::new();
    for (name, entry) in wanted
        .exact()
        .filter(|(_, entry)| entry.absent != Some(true))
    {
        let there = objects.iter().find(|object| object.is(name));
        let why = match entry.kind {
            Kind::Hypertable => table(name, there, present),
            Kind::Aggregate => view(name, entry, there, (wanted, present)),
        };
        wrong.extend(why.map(|why| format!("{name} {why}")));
    }
    for index in wanted.indexes.iter().filter(|index| !index.absent) {
        let Some(own) = &index.name else { continue };
        let name = Name {
            schema: index.on.schema.clone(),
            name: own.clone(),
        };
        let of_it = present.indexes.get(&index.on);
        let known = of_it.is_some_and(|all| all.contains_key(own));
        let other = objects.iter().find(|object| object.is(&name));
        if let Some(kind) = other.and_then(|object| object.kind.as_deref())
            && !known
            && !present.aggregates.contains_key(&index.on)
        {
            wrong.push(format!(
                "index {name} on {}: the name is taken by {}",
                index.on,
                word(kind)
            ));
        }
    }
    checks.unless(
        "objects",
        listed(&wrong, "; "),
        "the tables exist, and no name is taken",
    );
    let rights: Vec<String> = objects
        .iter()
        .filter_map(|object| lacks(object, present, wanted, role))
        .collect();
    checks.unless(
        "rights",
        listed(&rights, "; "),
        format!("role {role} has the owner's rights for every object"),
    );
}

fn table(name: &Name, there: Option<&Object>, present: &Setup) -> Option<String> {
    if present.hypertables.contains_key(name) {
        return None;
    }
    if present.aggregates.contains_key(name) {
        return Some("is a continuous aggregate, not a table".to_owned());
    }
    match there.and_then(|object| object.kind.as_deref()) {
        None => Some(
            "does not exist: create the table first, for example with a migration tool".to_owned(),
        ),
        Some("r") => None,
        Some(kind) => Some(format!("is {}, not a table", word(kind))),
    }
}

fn view(
    name: &Name,
    entry: &Entry,
    there: Option<&Object>,
    (wanted, present): (&Wanted, &Setup),
) -> Option<String> {
    if present.aggregates.contains_key(name) {
        return None;
    }
    if let Some(kind) = there.and_then(|object| object.kind.as_deref()) {
        return Some(format!(
            "cannot be created: the name is taken by {}",
            word(kind)
        ));
    }
    if there.is_some_and(|object| !object.schema_there) {
        return Some("cannot be created: its schema does not exist".to_owned());
    }
    let source = entry.source.as_ref()?;
    let known = present.relations().any(|name| name == source) || wanted.names(source);
    (!known).then(|| format!("reads {source}, which is neither in the database nor in the file"))
}

/// The right on an object that the role lacks, with the GRANT. `None`: the role lacks no right.
fn lacks(object: &Object, present: &Setup, wanted: &Wanted, role: &str) -> Option<String> {
    let name = Name {
        schema: object.schema.clone(),
        name: object.name.clone(),
    };
    let role = text::quote_identifier(role);
    let schema = text::quote_identifier(&object.schema);
    if object.schema_there && !object.usable {
        return Some(format!(
            "{name}: {role} has no USAGE on its schema (GRANT USAGE ON SCHEMA {schema} TO {role} gives it)"
        ));
    }
    match &object.owner {
        Some(owner) if !object.owned => {
            let owner = text::quote_identifier(owner);
            Some(format!(
                "{name} belongs to {owner} (GRANT {owner} TO {role} gives the owner's rights)"
            ))
        }
        Some(_) => None,
        None => {
            let creates = wanted.names(&name) && !present.relations().any(|other| *other == name);
            (creates && object.schema_there && !object.creatable).then(|| {
                format!(
                    "{name}: {role} may not create objects in its schema (GRANT CREATE ON SCHEMA {schema} TO {role} allows it)"
                )
            })
        }
    }
}

fn word(kind: &str) -> &'static str {
    match kind {
        "r" => "a table",
        "p" => "a partitioned table",
        "v" => "a view",
        "m" => "a materialized view",
        "f" => "a foreign table",
        "i" | "I" => "an index",
        "S" => "a sequence",
        "c" => "a type",
        _ => "something else",
    }
}
