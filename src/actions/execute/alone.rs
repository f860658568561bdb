//! The lock that lets only one apply of a policy file run in a database at a time.

use anyhow::{Context as _, Result, bail};
use tokio_postgres::Client;

use super::actor::Actor;
use crate::connect::{self, Connected};
use crate::model::version::Version;
use crate::server::known::own::Own;
use crate::server::session;
use crate::server::sql::{Param, Query, query};

const LOCK: Query = query!("setup_lock");
const HOLDER: Query = query!("setup_holder");

/// Takes the lock for as long as the session lasts. An error if another session has it.
pub(crate) async fn hold(client: &Client, version: Version) -> Result<()> {
    let rows = session::ask(client, LOCK.text(version), &[] as &[Param]).await?;
    let row = rows
        .first()
        .context("the server did not report the lock of apply")?;
    let holder: Option<i32> = row.try_get("holder")?;
    if !row.try_get::<_, bool>("locked")? {
        let who = holder.map_or_else(String::new, |pid| format!(" (session {pid})"));
        bail!("another apply runs in this database{who}: wait for its end");
    }
    Ok(())
}

/// Process id of the session that has the lock. `None`: no apply is running.
pub(crate) async fn holder(client: &Client, version: Version) -> Result<Option<i32>> {
    let rows = session::ask(client, HOLDER.text(version), &[] as &[Param]).await?;
    let holder = rows.first().map(|row| row.try_get("holder"));
    Ok(holder.transpose()?.flatten())
}

impl Actor {
    /// Opens a session that only holds the lock. The write session cannot hold it, because it may be replaced between two steps.
    pub(super) async fn alone(&self) -> Result<(Connected, Own)> {
        let connected = connect::again(&self.settings, self.password.as_deref()).await?;
        hold(&connected.client, self.server.sql_version()).await?;
        let own = session::own(&connected.client).await?;
        Ok((connected, own))
    }
}
