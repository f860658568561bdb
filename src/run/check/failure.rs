//! A check that could not run: the server is down, or the options, the configuration or the password are wrong.

use std::fmt;
use std::time::Duration;

use crate::connect::{ConnectError, FailureKind};
use crate::server::session::Silence;

/// The server did not answer in time, even though it may have accepted the connection.
#[derive(Debug)]
pub(super) struct NoAnswer(pub Duration);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = Duration::from_millis(100)
            * u32::try_from(self.0.as_millis() / 100).unwrap_or(u32::MAX);
        write!(
            f,
            "no answer within {}",
            humantime::format_duration(rounded)
        )
    }
}

impl std::error::Error for NoAnswer {}

/// Why a check could not run.
#[derive(Debug)]
pub(super) enum Failure {
    /// No server answers, or the server is starting or stopping. The text says which of these.
    Down(String),
    /// Another reason, such as the options, the configuration, the password or the time limit.
    Wrong(String),
}

impl Failure {
    /// The kind of a connection error. A server that refuses the connection (no password, wrong configuration) is not down.
    pub(super) fn of_connection(error: &anyhow::Error) -> Self {
        let kind = error.downcast_ref::<ConnectError>().map(|error| error.kind);
        let silent = error.is::<NoAnswer>() || error.is::<Silence>();
        match kind {
            Some(FailureKind::Unreachable) => Self::Down(format!("{error:#}")),
            None if silent => Self::Down(format!("{error:#}")),
            Some(FailureKind::NoPassword) => Self::Wrong(format!(
                "a check never asks for a password: put it into ~/.pgpass\n{error:#}"
            )),
            _ => Self::Wrong(format!("{error:#}")),
        }
    }

    /// Appends a line to the reason.
    #[must_use]
    pub(super) fn and(self, sentence: &str) -> Self {
        match self {
            Self::Down(words) => Self::Down(format!("{words}\n{sentence}")),
            Self::Wrong(words) => Self::Wrong(format!("{words}\n{sentence}")),
        }
    }

    pub(super) fn words(&self) -> &str {
        match self {
            Self::Down(words) | Self::Wrong(words) => words,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Wrong(format!("{error:#}"))
    }
}
