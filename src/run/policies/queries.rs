//! The queries of aggregates in policy files, compared in the server's own spelling.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use tokio_postgres::error::SqlState;

use crate::actions::immutable;
use crate::connect::{self, Connected};
use crate::model::setup::bare::bare;
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::setup::wish::{At, Kind};
use crate::server::setup;

use super::made::Reading;
use super::spelled::Spelled;

/// Text for a query that was not compared.
const UNREAD: &str = "its query was not compared, because the file spells it differently from the server. `hypertop plan FILE` asks the server how it spells the file's query, if the session can write";

/// The files' queries, as far as the server has been asked about them.
#[derive(Debug, Default)]
pub(super) struct Queries {
    /// The queries as the server prints them.
    pub(super) found: BTreeMap<Name, String>,
    /// Aggregates whose query was not compared, with the reason. For these, `found` has the present query of the aggregate.
    pub(super) unread: BTreeMap<Name, String>,
    pub(super) notes: Vec<String>,
}

/// A query of the files that the server has to parse and print.
struct Asked {
    name: Name,
    at: At,
    query: String,
    /// Present query of the aggregate. `None`: the aggregate does not exist yet.
    has: Option<String>,
}

/// The aggregates of the files that are new, or whose query is written differently from the server's text.
fn asked(wanted: &Wanted, present: &Setup) -> Vec<Asked> {
    let exact = wanted.exact();
    let exact = exact.filter(|(_, entry)| entry.kind == Kind::Aggregate);
    let new = exact
        .map(|(name, _)| name)
        .filter(|name| !present.aggregates.contains_key(name));
    let there = present.aggregates.keys();
    let one = |name: &Name| {
        let entry = wanted.entry(name, Kind::Aggregate)?;
        let at = entry.place("query");
        let has = present.aggregates.get(name).map(|view| view.query.clone());
        let query = entry.query.filter(|_| entry.absent != Some(true))?;
        let has = match has {
            Some(None) => return None,
            Some(Some(has)) if bare(&query) == bare(&has) => return None,
            has => has.flatten(),
        };
        Some(Asked {
            name: name.clone(),
            at,
            query,
            has,
        })
    };
    there.chain(new).filter_map(one).collect()
}

impl Reading<'_> {
    /// The files' queries as the server prints them. Only a session that can write can ask the server for this text.
    pub(super) async fn queries(&self, wanted: &Wanted, present: &Setup) -> Result<Queries> {
        let asked = asked(wanted, present);
        if asked.is_empty() {
            return Ok(Queries::default());
        }
        let place = self.session.place().await?;
        let mut spelled = Spelled::read(self.journal, place);
        if self.looks || self.read_only {
            return Ok(kept(asked, &spelled, self.looks, UNREAD));
        }
        let writer = match connect::again(self.settings, self.password).await {
            Ok(writer) => writer,
            Err(error) => {
                let why = format!("its query was not compared: {error:#}");
                return Ok(kept(asked, &spelled, false, &why));
            }
        };
        let all = self.spell(&writer, asked, &mut spelled).await?;
        // If this fails, the next plan under --read-only compares fewer queries, and lists the others as not compared.
        let _ = spelled.write();
        Ok(all)
    }

    async fn spell(
        &self,
        writer: &Connected,
        asked: Vec<Asked>,
        spelled: &mut Spelled,
    ) -> Result<Queries> {
        let mut all = Queries::default();
        let new = asked.iter().filter(|asked| asked.has.is_none());
        let new: Vec<Name> = new.map(|asked| asked.name.clone()).collect();
        for Asked {
            name,
            at,
            query,
            has,
        } in asked
        {
            let text = setup::spelled(&writer.client, &self.session.server, &query).await;
            match (text, has) {
                (Ok(text), Some(_)) => {
                    spelled.keep(&name, &query, &text);
                    all.found.insert(name, text);
                }
                (Ok(_), None) => {}
                (Err(error), has) => match wrong(&error) {
                    Some((SqlState::UNDEFINED_TABLE, _))
                        if new
                            .iter()
                            .any(|new| *new != name && query.contains(&new.name)) => {}
                    Some((_, why)) => bail!("{at}: {name}: query: {why}"),
                    None => {
                        let why = format!("its query was not compared: {error:#}");
                        all.found.extend(has.map(|has| (name.clone(), has)));
                        all.unread.insert(name, why);
                    }
                },
            }
        }
        Ok(all)
    }
}

/// Uses the spellings that earlier plans got from the server. `silent`: adds no notes on new queries.
fn kept(asked: Vec<Asked>, spelled: &Spelled, silent: bool, why: &str) -> Queries {
    let mut all = Queries::default();
    for asked in asked {
        let Some(has) = asked.has else {
            if !silent {
                all.notes.push(format!(
                    "{}: {}: the query was not checked: the check needs a session that can write",
                    asked.at, asked.name
                ));
            }
            continue;
        };
        if !spelled.is(&asked.name, &asked.query, &has) {
            all.unread.insert(asked.name.clone(), why.to_owned());
        }
        all.found.insert(asked.name, has);
    }
    all
}

/// The server's error, if the query itself is wrong.
fn wrong(error: &anyhow::Error) -> Option<(SqlState, String)> {
    let error = error
        .chain()
        .find_map(|error| error.downcast_ref::<tokio_postgres::Error>());
    let error = error?.as_db_error()?;
    immutable::is_wrong(error.code()).then(|| {
        let hint = error
            .hint()
            .map_or_else(String::new, |hint| format!(" ({hint})"));
        (error.code().clone(), format!("{}{hint}", error.message()))
    })
}
