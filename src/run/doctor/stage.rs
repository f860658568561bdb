//! The step at which an attempt to connect failed.

use super::step::Step;
use crate::connect::conninfo::Place;
use crate::connect::trace::Attempt;
use crate::connect::{ConnectError, FailureKind};

/// The steps of a connection, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Settings,
    Name,
    Network,
    Tls,
    Server,
    Login,
    Database,
    Target,
    Connections,
}

impl Stage {
    /// The stages of an attempt to connect. Each is shown as a step.
    pub(super) const OF_ATTEMPTS: [Self; 7] = [
        Self::Name,
        Self::Network,
        Self::Tls,
        Self::Server,
        Self::Login,
        Self::Database,
        Self::Target,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Name => "name",
            Self::Network => "network",
            Self::Tls => "tls",
            Self::Server => "server",
            Self::Login => "login",
            Self::Database => "database",
            Self::Target => "target",
            Self::Connections => "connections",
        }
    }
}

/// The stage at which an attempt failed. `None`: the attempt succeeded, or the same host was tried again at once, with or without TLS.
pub(super) fn failed_at(attempt: &Attempt) -> Option<Stage> {
    let failure = attempt.failure.as_ref()?;
    let heard = attempt.heard();
    if attempt.tries.is_empty() {
        let at_socket = matches!(attempt.host.place, Place::Socket(_));
        let no_rules = failure.kind == FailureKind::Tls;
        return Some(match (no_rules, at_socket) {
            (true, _) => Stage::Tls,
            (_, true) => Stage::Network,
            _ => Stage::Name,
        });
    }
    if !attempt.is_open() || !heard.anything {
        return Some(Stage::Network);
    }
    if heard.foreign.is_some() {
        return Some(Stage::Server);
    }
    let in_tls = attempt.asks_tls && heard.tls == Some(b'S') && attempt.agreed.is_none();
    Some(by_code(failure).unwrap_or_else(|| {
        if failure.to_string().contains("(target_session_attrs)") {
            Stage::Target
        } else if in_tls {
            Stage::Tls
        } else {
            by_kind(failure, heard.method.is_some())
        }
    }))
}

/// The stage to which an error of the server belongs, by its SQLSTATE.
fn by_code(failure: &ConnectError) -> Option<Stage> {
    let words = failure.to_string();
    Some(match failure.code.as_deref()? {
        "53300" => Stage::Connections,
        "08P01" if words.contains("no more connections") => Stage::Connections,
        "28P01" | "28000" => Stage::Login,
        "3D000" | "55000" | "42501" => Stage::Database,
        "22023" | "42704" | "55P02" | "42601" => Stage::Settings,
        "57P03" => Stage::Server,
        _ => return None,
    })
}

fn by_kind(failure: &ConnectError, asked_for_login: bool) -> Stage {
    match failure.kind {
        FailureKind::NoPassword
        | FailureKind::Password
        | FailureKind::Role
        | FailureKind::NotAdmitted => Stage::Login,
        FailureKind::Tls if failure.by_server => Stage::Login,
        FailureKind::Database => Stage::Database,
        FailureKind::Options => Stage::Settings,
        FailureKind::Tls => Stage::Tls,
        FailureKind::Unreachable | FailureKind::Other if asked_for_login => Stage::Login,
        FailureKind::Unreachable | FailureKind::Other => Stage::Server,
    }
}

/// Adds the failure and the fix, with the same texts as for any failed connection.
pub(super) fn blame(step: Step, failure: &ConnectError) -> Step {
    let text = failure.to_string();
    let (what, fix) = text.split_once('\n').unwrap_or((&text, ""));
    step.and(what).fail(if fix.is_empty() {
        "the server's message above says why; the server's log may have more"
    } else {
        fix
    })
}
