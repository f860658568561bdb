//! The write session: a new connection to the primary, in the database of the preview.

use anyhow::{Context as _, Result, bail};
use tokio_postgres::Row;

use super::actor::Actor;
use super::send::execute;
use crate::connect::{self, Connected};
use crate::journal::{Place, Run};
use crate::model::version::Version;
use crate::model::{text, trust};
use crate::server::known::own::Own;
use crate::server::session::{self, Session};
use crate::server::sql::{Param, Query, query};

const PLACE: Query = query!("act_place");
const SYSTEM: Query = query!("act_system");

/// Settings that only write sessions have. Settings that change how values are printed are sent in the start-up packet instead. Read and
/// write sessions send the same packet, because their results are compared.
const SESSION: &str = "set jit = off; set statement_timeout = 0; set idle_in_transaction_session_timeout = '60s'; \
    set client_min_messages = notice";

/// The session that runs a plan's statements.
pub(super) struct Writer {
    pub connected: Connected,
    pub place: Place,
    pub pid: i64,
    /// Registers the session as one of hypertop's own sessions, until this value is dropped.
    _own: Own,
    pub role: String,
}

impl Actor {
    pub(super) async fn open(&self, lock_timeout: u32) -> Result<Writer> {
        let connected = connect::again(&self.settings, self.password.as_deref()).await?;
        let limit = connected.limit;
        let writer = tokio::time::timeout(limit, self.set_up(connected, lock_timeout)).await;
        writer.map_err(|_| session::Silence(limit))?
    }

    async fn set_up(&self, connected: Connected, lock_timeout: u32) -> Result<Writer> {
        let client = &connected.client;
        let zone = text::quote_literal(&self.server.time_zone);
        let session =
            format!("{SESSION}; set lock_timeout = '{lock_timeout}s'; set timezone = {zone}");
        execute(client, &session).await?;
        let trusted = Param::Texts(connected.trusted.clone());
        session::ask(client, trust::SET_OWNERS, &[trusted]).await?;
        let (place, row) = place_and_row(&connected).await?;
        if row.try_get("standby")? {
            bail!(
                "{} is a standby: nothing was changed there; connect to its primary",
                place.host
            );
        }
        if place.database != self.server.database {
            bail!(
                "this connection leads to database {:?}, not to {:?}: nothing was changed there",
                place.database,
                self.server.database
            );
        }
        let pid: i32 = row.try_get("pid")?;
        Ok(Writer {
            place,
            _own: Own::new(pid),
            pid: pid.into(),
            role: row.try_get("role")?,
            connected,
        })
    }
}

pub async fn place(connected: &Connected) -> Result<Place> {
    Ok(place_and_row(connected).await?.0)
}

/// An error if the connection leads to another server than the preview's. That can happen if a host name has several addresses, or if
/// several hosts are given.
pub(super) fn is_planned_here(writer: &Writer, planned: Option<&Place>) -> Result<()> {
    let why = planned.and_then(|place| place.doubt(&writer.place));
    if let (Some(place), Some(why)) = (planned, why) {
        bail!(
            "the preview was of {}, and this connection leads to {}, which may be another server ({why}): nothing was done there. If the host name leads to several servers, connect to one of them by its own name",
            place.words(),
            writer.place.words()
        );
    }
    Ok(())
}

impl Session {
    /// The server and database of this session, read once.
    pub(crate) async fn place(&self) -> Result<&Place> {
        let ask = || place(&self.connected);
        self.place.get_or_try_init(ask).await
    }
}

async fn place_and_row(connected: &Connected) -> Result<(Place, Row)> {
    let ask = async |query: &Query| -> Result<Row> {
        let text = query.text(Version::new(0, 0));
        let rows = session::ask(&connected.client, text, &[]).await?;
        let row = rows.into_iter().next();
        row.context("the server did not report its identity")
    };
    let row = ask(&PLACE).await?;
    let system = if row.try_get("reads_system")? {
        Some(ask(&SYSTEM).await?.try_get("system")?)
    } else {
        None
    };
    let run = Run {
        started: row.try_get("started")?,
        address: row.try_get("address")?,
        timeline: row.try_get("timeline")?,
        wal: row.try_get("wal")?,
    };
    let place = Place {
        system,
        database: row.try_get("database")?,
        database_oid: row.try_get("database_oid")?,
        host: connected.host.clone(),
        way: Some(connected.way()),
        run: Some(run),
    };
    Ok((place, row))
}
