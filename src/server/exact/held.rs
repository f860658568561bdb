//! Reads relations to which an untrusted owner could add code that the planner would run. Such a relation is read only under
//! a lock that prevents adding code.
//!
//! The query itself looks for such code and for this session's lock. Without the lock it does not read the relation: it returns the
//! relation in column `hold`, and the role that could add code in `code_owner`.

use std::collections::BTreeMap;

use anyhow::Result;
use tokio_postgres::{Client, Row, Statement};

use crate::model::trust;
use crate::server::session::in_time;

/// Maximum number of times that a row is read. Each time, `hold` may name one more chunk to lock.
const ROUNDS: usize = 4;

/// Locks the relations of rows that were not read without a lock, and reads these rows again. A row whose lock is not available stays as
/// it is.
pub(super) async fn again(
    client: &Client,
    statement: &Statement,
    mut rows: Vec<Row>,
) -> Result<Vec<Row>> {
    let has = |name| {
        rows.first()
            .is_some_and(|row| row.columns().iter().any(|column| column.name() == name))
    };
    if !has("hold") {
        return Ok(rows);
    }
    let mut tables: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let mut more = false;
        for row in &rows {
            if let Some(names) = row.try_get::<_, Option<Vec<String>>>("hold")? {
                let id = row.try_get("id")?;
                let held = tables.entry(id).or_default();
                for name in names {
                    if !held.contains(&name) {
                        held.push(name);
                        more = true;
                    }
                }
            }
        }
        if !more {
            break;
        }
        let read = match holding(client, statement, &tables).await {
            Ok(read) => read,
            Err(_) if tables.len() > 1 => {
                // A table whose lock is not available must only hide its own row.
                let mut read = Vec::new();
                for (id, names) in &tables {
                    let one = BTreeMap::from([(*id, names.clone())]);
                    let one = holding(client, statement, &one).await;
                    read.extend(one.unwrap_or_default());
                }
                read
            }
            Err(_) => Vec::new(),
        };
        for row in read {
            let id: i64 = row.try_get("id")?;
            if let Some(old) = rows
                .iter_mut()
                .find(|old| old.try_get("id").is_ok_and(|other: i64| other == id))
            {
                *old = row;
            }
        }
    }
    Ok(rows)
}

/// Reads these rows under a lock that prevents other sessions from adding code to their tables. The lock does not block reads or writes,
/// and ends with the rollback. If it is not available at once, this returns an error.
async fn holding(
    client: &Client,
    statement: &Statement,
    tables: &BTreeMap<i64, Vec<String>>,
) -> Result<Vec<Row>> {
    let ids: Vec<i64> = tables.keys().copied().collect();
    // The server quoted these names.
    let names: Vec<_> = tables
        .values()
        .flatten()
        .map(|name| format!("only {name}"))
        .collect();
    let begin = format!(
        "begin read only; lock table {} in share update exclusive mode nowait",
        names.join(", ")
    );
    let read = async {
        in_time(client.batch_execute(&begin)).await?;
        in_time(client.query(statement, &[&ids])).await
    };
    let read = read.await;
    in_time(client.batch_execute("rollback")).await?;
    read
}

/// Reason why the row was not read: untrusted code could have run. `None`: the row was read.
pub(super) fn unread(row: &Row, role: &str) -> Result<Option<String>> {
    let has = |name| row.columns().iter().any(|column| column.name() == name);
    if !has("code_owner") {
        return Ok(None);
    }
    if has("code") {
        // `code` is a function that the query would have called.
        let code: Option<&str> = row.try_get("code")?;
        let owner = row.try_get("code_owner")?;
        return Ok(code.map(|code| trust::not_called(code, owner, role)));
    }
    let Some(owner) = row.try_get::<_, Option<&str>>("code_owner")? else {
        return Ok(None);
    };
    // 6: the relation must be locked before it is read. `again` has tried that, so a 6 that is left means that the lock was not available.
    let busy = row.try_get::<_, Option<i64>>("unknown")? == Some(6);
    Ok(Some(trust::not_read(owner, role, busy)))
}
