//! Connects to the first host that answers and fits `target_session_attrs`. Errors include a remedy.

mod connected;
pub mod conninfo;
mod error;
mod notices;
mod open;
pub(crate) mod packet;
pub(crate) mod tap;
pub(crate) mod tls;
pub(crate) mod trace;

use std::time::Duration;

use anyhow::Result;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::connect::conninfo::{CONNECT_TIMEOUT, Host, Settings, Wanted};
use crate::model::trust;

pub use connected::Connected;
pub use error::{ConnectError, FailureKind};
use error::{explain, timed_out, together};
use open::open;
use trace::Trace;

/// Asks the user for a password: takes the prompt, returns the password.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&str) -> Result<String>;

/// Connects. Asks for a password if the server requires one and none is set (unless `-w`).
pub async fn connect(settings: &Settings, ask: Ask<'_>) -> Result<Connected, ConnectError> {
    traced(settings, ask, &Trace::default()).await
}

/// As [`connect`], and records every step in the trace.
pub(crate) async fn traced(
    settings: &Settings,
    ask: Ask<'_>,
    trace: &Trace,
) -> Result<Connected, ConnectError> {
    let prompt = format!("Password for user {}: ", settings.user);
    let mut asked = None;
    let mut ask_now = |asked: &mut Option<String>| -> Result<(), ConnectError> {
        let password = ask(&prompt)
            .map_err(|error| ConnectError::new(FailureKind::NoPassword, format!("{error:#}")))?;
        *asked = Some(password);
        Ok(())
    };
    if settings.ask_first {
        ask_now(&mut asked)?;
    }
    match attempt(settings, asked.as_deref(), settings.timeout, trace).await {
        Err(error)
            if error.kind == FailureKind::NoPassword && !settings.never_ask && asked.is_none() =>
        {
            ask_now(&mut asked)?;
            attempt(settings, asked.as_deref(), settings.timeout, trace).await
        }
        other => other,
    }
}

/// Connects without asking the user. `password`: a password that the user entered before. The attempt always has a time limit.
pub async fn again(settings: &Settings, password: Option<&str>) -> Result<Connected, ConnectError> {
    let limit = settings.timeout.unwrap_or(CONNECT_TIMEOUT);
    attempt(settings, password, Some(limit), &Trace::default()).await
}

async fn attempt(
    settings: &Settings,
    password: Option<&str>,
    limit: Option<Duration>,
    trace: &Trace,
) -> Result<Connected, ConnectError> {
    let passes: &[Wanted] = match settings.wanted {
        Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
        ref wanted => std::slice::from_ref(wanted),
    };
    let mut failures: Vec<ConnectError> = Vec::new();
    for wanted in passes {
        for host in &settings.hosts {
            let tried = try_host(settings, host, password, *wanted, limit, trace);
            match Box::pin(tried).await {
                Ok(connected) => return Ok(connected),
                Err(error) if error.kind == FailureKind::Unreachable => failures.push(error),
                // As in libpq, the next host is tried only if this host does not answer or does not fit
                // `target_session_attrs`. Any other error is final.
                Err(error) => {
                    failures.push(error);
                    return Err(together(failures));
                }
            }
        }
    }
    Err(together(failures))
}

async fn try_host(
    settings: &Settings,
    host: &Host,
    asked: Option<&str>,
    wanted: Wanted,
    limit: Option<Duration>,
    trace: &Trace,
) -> Result<Connected, ConnectError> {
    let given = asked.map(|text| text.as_bytes().to_vec());
    let given = given.or_else(|| settings.password.clone());
    let kept = || {
        let (dbname, user) = (&settings.dbname, &settings.user);
        settings.passwords.find(host, dbname, user)
    };
    // As in libpq, an empty password counts as none.
    let password = given.or_else(kept);
    let password = password.as_deref().filter(|password| !password.is_empty());
    let attempt = async {
        let connected = match open(settings, host, password, true, trace).await {
            // A pooler refuses hypertop's `options` in the start-up packet, so they are left out. Below, [`packet::statements`]
            // makes the same settings.
            Err(error) if error.kind == FailureKind::Options => {
                open(settings, host, password, false, trace).await?
            }
            other => other?,
        };
        let set = packet::statements();
        (connected.client.batch_execute(&set).await)
            .map_err(|error| explain(&error, host, password.is_some()))?;
        check_wanted(&connected, host, wanted).await?;
        Ok(connected)
    };
    let opened = match limit {
        None => attempt.await,
        Some(limit) => tokio::time::timeout(limit, attempt)
            .await
            .unwrap_or_else(|_| Err(timed_out(host, limit))),
    };
    let mut connected = opened.inspect_err(|error| trace.fails(error))?;
    connected.password = asked.map(str::to_owned);
    connected.trusted = trust::owners(&settings.trust, &connected.host, &settings.dbname);
    connected.limit = limit.unwrap_or(CONNECT_TIMEOUT);
    Ok(connected)
}

async fn check_wanted(
    connected: &Connected,
    host: &Host,
    wanted: Wanted,
) -> Result<(), ConnectError> {
    if wanted == Wanted::Any {
        return Ok(());
    }
    let client = &connected.client;
    let standby = said(client, "select pg_catalog.pg_is_in_recovery()", "t").await;
    let read_only = said(client, "show default_transaction_read_only", "on").await;
    let Some((standby, read_only)) = standby.zip(read_only) else {
        return Err(ConnectError::new(
            FailureKind::Other,
            format!("server at {host} did not say whether it is a standby or read-only"),
        ));
    };
    let refused = match wanted {
        Wanted::ReadWrite if standby || read_only => "session is read-only",
        Wanted::ReadOnly if !standby && !read_only => "session is not read-only",
        Wanted::Primary if standby => "server is in hot standby mode",
        Wanted::Standby | Wanted::PreferStandby if !standby => "server is not in hot standby mode",
        _ => return Ok(()),
    };
    Err(ConnectError::new(
        FailureKind::Unreachable,
        format!("connection to server at {host} failed: {refused} (target_session_attrs)"),
    ))
}

/// True if the server's answer is `expected`. `None`: no answer. `sql` must name functions with their schema, so that it cannot call a
/// function of another user.
async fn said(client: &Client, sql: &str, expected: &str) -> Option<bool> {
    let answer = client.simple_query(sql).await.ok()?;
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0) == Some(expected)),
        _ => None,
    })
}
