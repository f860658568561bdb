//! Whose code looking may run: that of a superuser, of the role that connects, and of the owners that a person trusts.
//!
//! The server decides by its catalogue, in each query that would run or plan over something that a role can define. The
//! trusted owners are told to it once a connection, as a setting of the session.

use serde::{Deserialize, Serialize};

use crate::model::text::fits;

/// Tells the server the trusted owners, `$1`.
pub(crate) const TELL: &str =
    "select set_config('hypertop.trusted_owners', ($1::text[])::name[]::text, false)";

/// The owners that are trusted on some connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// `None`: any.
    pub host: Option<String>,
    pub database: Option<String>,
    pub owners: Vec<String>,
}

/// Whether a connection is one of those that these patterns mean; a host without a port means any port.
pub fn leads(
    want_host: Option<&str>,
    want_database: Option<&str>,
    host: &str,
    database: &str,
) -> bool {
    let (name, _) = host.rsplit_once(':').unwrap_or((host, ""));
    want_host.is_none_or(|want| fits(want, host) || fits(want, name))
        && want_database.is_none_or(|want| fits(want, database))
}

/// Who is trusted where this connection leads; asked of each one, because a list of hosts may lead to another.
pub fn owners(trust: &[Trust], host: &str, database: &str) -> Vec<String> {
    let leads = |trust: &&Trust| {
        leads(
            trust.host.as_deref(),
            trust.database.as_deref(),
            host,
            database,
        )
    };
    let mut owners: Vec<_> = trust
        .iter()
        .filter(leads)
        .flat_map(|trust| trust.owners.clone())
        .collect();
    owners.sort();
    owners.dedup();
    owners
}

/// How what was not run begins; [`crate::screens::table`] counts by it.
pub(crate) const NOT_RUN: &str = "not run: ";

/// The two ways to see what was not run.
fn ways(owner: &str) -> String {
    format!(
        "to see it: trusted_owners = [{owner:?}] for this connection in config.toml, or connect as a monitoring role (README, Rights)"
    )
}

/// Why a function was not called; `owner`: who could put other code in its place, `None`: there is no such function.
pub(crate) fn not_called(function: &str, owner: Option<&str>, role: &str) -> String {
    match owner {
        Some(owner) => format!(
            "{NOT_RUN}{function} is {owner}'s, and would run with the rights of {role}; {}",
            ways(owner)
        ),
        None => format!("there is no function {function}"),
    }
}

/// Why a relation was not read.
pub(crate) fn not_read(owner: &str, role: &str, busy: bool) -> String {
    let why = if busy {
        format!(
            "{owner} could put code onto its newest chunk, which cannot be kept away at this moment (something else holds it, or this is a standby)"
        )
    } else {
        format!(
            "{owner} can have code on its newest chunk, which planning would run with the rights of {role}"
        )
    };
    format!("{NOT_RUN}{why}; {}", ways(owner))
}

/// A function whose owner is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    #[serde(alias = "code")]
    pub function: String,
    /// `None`: there is no such function.
    #[serde(alias = "code_owner")]
    pub owner: Option<String>,
    /// With whose rights it would run.
    #[serde(alias = "code_role")]
    pub role: String,
}

impl Code {
    /// Why it was not run, and what is estimated instead.
    pub fn words(&self, estimate: Option<String>) -> String {
        let why = not_called(&self.function, self.owner.as_deref(), &self.role);
        let estimate = estimate.map_or_else(String::new, |words| format!("{words}; "));
        format!("{estimate}{why}")
    }
}
