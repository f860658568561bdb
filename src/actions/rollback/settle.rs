//! Asks the server whether the transactions of interrupted steps were committed.

use std::time::Duration;

use anyhow::Result;
use tokio_postgres::Client;

use crate::actions::execute::Actor;
use crate::journal::{Entries, Mark, Place, Ran};
use crate::server::session;
use crate::server::sql::{Param, Query, query};

const TRANSACTION: Query = query!("act_transaction");

/// Time between two queries about a transaction that has not ended. After the client was killed, the server ends the transaction within
/// moments.
const LOOK: Duration = Duration::from_millis(200);
/// Maximum number of these queries.
const LOOKS: usize = 10;

/// The entries, completed by the server's answers about interrupted steps. The answers are also written to the journal.
pub(super) async fn settled(
    actor: &Actor,
    client: &Client,
    entries: &Entries,
    place: &Place,
) -> Result<Entries> {
    let mut settled = entries.clone();
    let here = entries
        .all
        .iter()
        // On a copy of the server, the same transaction id may belong to another transaction.
        .filter(|entry| entry.begin.place.doubt(place).is_none());
    for entry in here.filter(|entry| entry.begin.marks && !entry.is_under_way()) {
        for mark in entry.undecided() {
            if let Some(ran) = fate(actor, client, mark).await? {
                // An error is ignored: the server is asked again next time.
                let _ = actor.journal.ran(ran.clone());
                settled.learn(ran);
            }
        }
    }
    Ok(settled)
}

/// Result of a step. `None`: the step ran outside a transaction, its transaction has not ended, or the query failed.
async fn fate(actor: &Actor, client: &Client, mark: &Mark) -> Result<Option<Ran>> {
    let Some(xid) = &mark.xid else {
        return Ok(None);
    };
    let mut ran = Ran {
        id: mark.id,
        at: actor.moment(),
        step: mark.step,
        kept: mark.kept.clone(),
        ..Ran::default()
    };
    for _ in 0..LOOKS {
        let text = TRANSACTION.text(actor.server.sql_version());
        let rows = session::ask(client, text, &[Param::Text(xid.clone())]).await;
        let status: Option<String> = match rows {
            Ok(rows) => rows.first().map_or(Ok(None), |row| row.try_get("status"))?,
            // The server says that the id is "in the future": the server was restored to an earlier time.
            Err(error) if error.to_string().starts_with("22023") => None,
            // A missing right or a timeout: the answer may be available later.
            Err(_) if !client.is_closed() => return Ok(None),
            Err(error) => return Err(error),
        };
        match status.as_deref() {
            Some("committed") => return Ok(Some(ran)),
            Some("aborted") => {
                ran.kept.clear();
                let why = "it was interrupted before its commit, and so rolled back";
                ran.error = Some(why.to_owned());
                return Ok(Some(ran));
            }
            Some(_) => tokio::time::sleep(LOOK).await,
            None => {
                let why =
                    "it was interrupted, and the server no longer knows whether it was committed";
                ran.error = Some(why.to_owned());
                ran.unknown = true;
                return Ok(Some(ran));
            }
        }
    }
    Ok(None)
}
