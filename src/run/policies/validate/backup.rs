//! Checks whether a recent backup is known. PostgreSQL only has traces of base backups of a primary that archives WAL.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;

use crate::model::moment::Stamp;
use crate::model::text;
use crate::server::session::Session;
use crate::server::validate::{self, Backup};

use super::check::{Checks, State};

const WHAT: &str = "backup";
const NO_TRACE: &str = "dumps, snapshots, and backups of a standby or of a server that archives no WAL leave no trace in the server; if you have such a backup, add --i-have-a-backup";

pub(super) async fn check(
    session: &Session,
    age: Duration,
    has_one: bool,
    checks: &mut Checks,
) -> Result<()> {
    let backup = validate::backup(session).await?;
    let newest = newest(&backup);
    let limit = age.as_secs_f64();
    let mut seen = newest.as_ref().map_or_else(
        || "no base backup is known".to_owned(),
        |(at, by)| {
            format!(
                "the newest known base backup ended {} ({by})",
                text::age(*at, backup.clock)
            )
        },
    );
    if backup.running {
        seen += "; a base backup is running now";
    }
    if let Some(program) = &backup.program {
        let _ = write!(seen, "; WAL is archived by {program}");
    }
    let is_new = newest.is_some_and(|(at, _)| backup.clock.seconds_since(at) <= limit);
    let state = match (is_new, newest_is_known(&backup)) {
        (true, _) => State::Ok,
        (false, true) => State::Failed,
        (false, false) => State::Unknown,
    };
    let state = if has_one { State::Ok } else { state };
    let seen = match state {
        State::Ok if has_one && !is_new => {
            format!("there is a backup (--i-have-a-backup); by the server's own traces, {seen}")
        }
        State::Ok => seen,
        _ if !backup.reads_wal => format!(
            "{seen}; GRANT pg_monitor TO {} shows the backups that left a file in pg_wal; {NO_TRACE}",
            text::quote_identifier(&session.server.role)
        ),
        _ => format!("{seen}; {NO_TRACE}"),
    };
    checks.add(state, WHAT, seen).expected = Some(format!("newer than {}", text::duration(limit)));
    Ok(())
}

fn newest_is_known(backup: &Backup) -> bool {
    newest(backup).is_some()
}

/// End of the newest base backup, and the file that shows it.
fn newest(backup: &Backup) -> Option<(Stamp, String)> {
    let history = backup.history.as_ref();
    let history = history.map(|file| (file.at, format!("{} in pg_wal", file.name)));
    let archived = backup.archived.as_ref().zip(backup.archived_at);
    let archived = archived.filter(|(name, _)| name.ends_with(".backup"));
    let archived = archived.map(|(name, at)| (at, format!("{name} was archived")));
    history
        .into_iter()
        .chain(archived)
        .max_by_key(|(at, _)| *at)
}
