//! Runs a command that changes the database.

use anyhow::{Result, anyhow};

use super::command::{Agreement, Shell};
use super::exit::{Failure, NO_CONNECTION};
use super::invocation::Invocation;
use super::opening::actor;
use crate::config;
use crate::run;

/// Connects, and runs an action, a rollback or an apply. If the command cannot start, prints the reason in the chosen format. Returns the
/// exit code.
pub async fn change(
    invocation: &Invocation,
    agreement: &Agreement,
    what: impl AsyncFnOnce(Shell<'_>) -> Result<u8>,
) -> Result<u8, Failure> {
    let Failure(error, code) = match shell(invocation, agreement).await {
        Ok(shell) => return Ok(Box::pin(what(shell)).await?),
        Err(failure) => failure,
    };
    let unchanged = agreement.refuse(&format!("{error:#}"))?;
    Ok(if code == NO_CONNECTION {
        code
    } else {
        unchanged
    })
}

async fn shell<'a>(
    invocation: &Invocation,
    agreement: &'a Agreement,
) -> Result<Shell<'a>, Failure> {
    let (config, wrong) = config::read(&invocation.around);
    if let Some(wrong) = wrong {
        // If config.toml is broken, it is unknown whether the connection is read-only or protected, so nothing is
        // changed.
        return Err(anyhow!("{wrong}").into());
    }
    let journal = invocation.journal()?;
    let (settings, session) = invocation.open().await?;
    let server = &session.server;
    let (host, database, role) = (&server.host, &server.database, &server.role);
    Ok(Shell {
        actor: actor(&settings, &session, journal, run::now),
        rules: config.rules(host, database, role, invocation.read_only),
        session,
        agreement,
    })
}
