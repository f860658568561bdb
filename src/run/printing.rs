//! `hypertop show`: connects, reads and prints, within a time limit.

use std::time::Duration;

use super::command::print;
use super::exit::{FAILED, Failure, no_connection};
use super::invocation::Invocation;
use super::show::{self, Format};
use super::stderr;
use crate::journal::Journal;
use crate::model::screen_id::ScreenId;
use crate::ui::terminal;

/// Prints a screen. `all`: on the Overview, including acknowledged and snoozed findings.
pub async fn show(
    invocation: &Invocation,
    screen: ScreenId,
    format: Format,
    all: bool,
    limit: Duration,
) -> Result<(), Failure> {
    let late = |what: &str| {
        let limit = humantime::format_duration(limit);
        anyhow::anyhow!("{what} within {limit}: --timeout sets the limit")
    };
    let opening = Box::pin(invocation.open());
    // The user may take any time to type a password, so connecting then has no time limit.
    let (settings, mut session) = if terminal::is_there() && !invocation.flags.no_password {
        opening.await?
    } else {
        let opened = tokio::time::timeout(limit, opening).await;
        opened.map_err(|_| no_connection(late("the server did not answer")))??
    };
    // The acknowledgements are in the journal. A session without a journal shows all findings.
    if !(all && screen == ScreenId::Overview) {
        session.journal = Journal::of(&invocation.around);
    }
    stderr::warn(&settings.warnings);
    let mut text = Vec::new();
    let reading = async {
        if !session.can_show(screen) {
            session.load(screen).await.map_err(no_connection)?;
        }
        show::show(&settings, &session, screen, format, &mut text).await?;
        Ok::<_, Failure>(())
    };
    let read = tokio::time::timeout(limit, Box::pin(reading)).await;
    read.map_err(|_| Failure(late("the screen was not read"), FAILED))??;
    print(&text)?;
    Ok(())
}
