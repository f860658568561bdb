//! A read may run only code of superusers, of the connected role, and of the roles in `trusted_owners`.
//!
//! If executing or planning a query would run code of another role, the query first checks the owner in the catalogue. The trusted
//! owners are a setting of the session, set once per connection.

use serde::{Deserialize, Serialize};

use crate::model::text::fits;

/// Sets the trusted owners (`$1`: text[]) for the session.
pub(crate) const SET_OWNERS: &str =
    "select set_config('hypertop.trusted_owners', ($1::text[])::name[]::text, false)";

/// Trusted owners, and the connections that they are trusted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Patterns for the host and the database; `None`: any.
    pub host: Option<String>,
    pub database: Option<String>,
    pub owners: Vec<String>,
}

/// Whether a host and a database match these patterns (`None`: any). A pattern without a port matches any port.
pub(crate) fn leads(
    want_host: Option<&str>,
    want_database: Option<&str>,
    host: &str,
    database: &str,
) -> bool {
    let (name, _) = host.rsplit_once(':').unwrap_or((host, ""));
    want_host.is_none_or(|want| fits(want, host) || fits(want, name))
        && want_database.is_none_or(|want| fits(want, database))
}

/// The owners that are trusted on this host and database.
pub(crate) fn owners(trust: &[Trust], host: &str, database: &str) -> Vec<String> {
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

/// Start of every reason why code was not run. [`crate::screens::table`] finds these reasons by this text.
pub(crate) const NOT_RUN: &str = "not run: ";

/// Two ways to see the figures that need the code of this owner.
fn ways(owner: &str) -> String {
    format!(
        "to see the figures: set trusted_owners = [{owner:?}] for this connection in config.toml, or connect as a monitoring role (docs/rights.md)"
    )
}

/// Reason why a function was not called. `owner`: the function's owner, who could replace it; `None`: the function does not exist.
pub(crate) fn not_called(function: &str, owner: Option<&str>, role: &str) -> String {
    match owner {
        Some(owner) => format!(
            "{NOT_RUN}{function} belongs to {owner}, and would run with the rights of {role}; {}",
            ways(owner)
        ),
        None => format!("function {function} does not exist"),
    }
}

/// Reason why a relation was not read. `busy`: the lock under which reading is safe was not available.
pub(crate) fn not_read(owner: &str, role: &str, busy: bool) -> String {
    let why = if busy {
        format!(
            "{owner} could add code to the newest chunk while the chunk is read, and the lock that prevents this is not available now (another session holds a conflicting lock, or this is a standby)"
        )
    } else {
        format!(
            "{owner} may have added code to the newest chunk. Planning a query would run this code with the rights of {role}"
        )
    };
    format!("{NOT_RUN}{why}; {}", ways(owner))
}

/// A function that was not called: its owner is not trusted, or it does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    #[serde(alias = "code")]
    function: String,
    /// `None`: the function does not exist.
    #[serde(alias = "code_owner")]
    pub(crate) owner: Option<String>,
    /// The role with whose rights the function would run.
    #[serde(alias = "code_role")]
    role: String,
}

impl Code {
    /// Text: an estimate, if there is one, and the reason why the function was not called.
    pub(crate) fn words(&self, estimate: Option<String>) -> String {
        let why = not_called(&self.function, self.owner.as_deref(), &self.role);
        let estimate = estimate.map_or_else(String::new, |words| format!("{words}; "));
        format!("{estimate}{why}")
    }
}
