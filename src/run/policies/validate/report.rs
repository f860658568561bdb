//! A validation as Markdown.

use std::fmt::Write as _;

use anyhow::Result;

use crate::model::screen_id::ScreenId;
use crate::model::text::{self, printable};
use crate::server::session::Session;

use super::check::Checks;

/// The checks as Markdown, with role, database and time.
pub(super) async fn report(
    session: &Session,
    checks: &Checks,
    files: &str,
    after: bool,
) -> Result<String> {
    let (now, _) = session.pulse(ScreenId::Overview).await?;
    let server = &session.server;
    let when = text::rfc3339(now).unwrap_or_default();
    let which = if after { "after" } else { "before" };
    let cell = |text: &str| printable(text).replace('|', "\\|");
    let mut out = format!(
        "# Validation {which} apply\n\n- files: {}\n- database: {} on {}, as {}\n- time: {when}\n- hypertop {}\n- result: {}\n\n| result | check | seen |\n|---|---|---|\n",
        cell(files),
        cell(&server.database),
        cell(&server.host),
        cell(&server.role),
        env!("CARGO_PKG_VERSION"),
        checks.sum()
    );
    for check in &checks.0 {
        let (state, what, seen) = (check.state.name(), cell(&check.what), cell(&check.seen));
        let _ = writeln!(out, "| {state} | {what} | {seen} |");
    }
    Ok(out)
}
