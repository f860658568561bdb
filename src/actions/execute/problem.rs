//! Errors of a plan's steps. An error of the server keeps the server's words, and gets a remedy if one is known.

use std::fmt;

use tokio_postgres::error::SqlState;

use crate::model::text;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Five-character code. `None`: the error did not come from the server.
    pub sqlstate: Option<String>,
    pub message: String,
    pub fix: Option<&'static str>,
    /// True: the connection was lost or given up, so it is unknown whether the statement took effect.
    pub lost: bool,
    /// True: an object of the statement no longer exists.
    pub gone: bool,
}

impl Problem {
    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(reported) = error.as_db_error() else {
            return Self::lost(format!(
                "the connection was lost ({error}): it is unknown whether the statement took effect"
            ));
        };
        let mut message = text::bounded(reported.message());
        for more in [reported.detail(), reported.hint()].into_iter().flatten() {
            message = format!("{message} ({})", text::bounded(more));
        }
        let code = reported.code();
        Self {
            sqlstate: Some(code.code().to_owned()),
            fix: fix(code, &message),
            lost: *code == SqlState::ADMIN_SHUTDOWN || *code == SqlState::CRASH_SHUTDOWN,
            gone: false,
            message,
        }
    }

    pub(super) fn other(message: impl Into<String>) -> Self {
        Self {
            sqlstate: None,
            message: message.into(),
            fix: None,
            lost: false,
            gone: false,
        }
    }

    pub(super) fn lost(message: impl Into<String>) -> Self {
        Self {
            lost: true,
            ..Self::other(message)
        }
    }
}

/// Remedy for an error. `None`: none is known.
fn fix(code: &SqlState, message: &str) -> Option<&'static str> {
    // In TimescaleDB 2.26, a lock timeout inside a refresh has SQLSTATE XX000, but the usual message.
    if *code == SqlState::LOCK_NOT_AVAILABLE || message.contains("due to lock timeout") {
        return Some(if message.contains("concurrent refresh") {
            "another session is refreshing the aggregate: wait until that refresh ends, or stop it, and try again"
        } else {
            "another session holds a lock that this step needs: try again when the lock is released (a new preview names the session)"
        });
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        let of_session = ["terminate process", "cancel query", "pg_signal_backend"];
        return Some(if of_session.iter().any(|words| message.contains(words)) {
            "connect as a member of the session's role or of pg_signal_backend"
        } else {
            "connect as the owner, or as a member of the owner's role (GRANT owner TO you)"
        });
    }
    if *code == SqlState::T_R_DEADLOCK_DETECTED {
        return Some("this step was rolled back; try again");
    }
    if *code == SqlState::DISK_FULL {
        return Some("free disk space on the server first");
    }
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return Some(
            "the role or the database is set to read only (default_transaction_read_only)",
        );
    }
    (*code == SqlState::OUT_OF_MEMORY && message.contains("shared memory")).then_some(
        "too many locks at once: choose fewer chunks, or raise max_locks_per_transaction",
    )
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.sqlstate {
            write!(f, "{code}: ")?;
        }
        write!(f, "{}", self.message)?;
        self.fix.map_or(Ok(()), |fix| write!(f, "\n{fix}"))
    }
}

impl std::error::Error for Problem {}
