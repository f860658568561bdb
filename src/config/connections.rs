//! `[[connection]]`: settings for connections that match patterns, and connections that have a name.

use std::path::PathBuf;

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::connect::conninfo::{Defined, is_secret, is_supported};
use crate::model::busy::BusyHours;
use crate::model::text::{fits, nearest};
use crate::model::threshold_settings::{Table, Wrong};
use crate::model::trust::{self, Trust};

/// Settings for the connections that match these patterns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rule {
    /// Patterns for the host in the header (`db1:5432`, or `db1` for any port); `*` matches anything. `None`: any.
    #[serde(deserialize_with = "one")]
    host: Option<Vec<String>>,
    /// Pattern for the database; `*` matches anything. `None`: any.
    database: Option<String>,
    /// Pattern for the connecting role; `*` matches anything. `None`: any.
    user: Option<String>,
    pub read_only: bool,
    /// Show a marked frame, and require the target's name to be typed for every action.
    pub protected: bool,
    /// Trusted roles: a query that only reads may run code of these roles, such as functions, with the rights of the connected role.
    trusted_owners: Vec<String>,
    /// Hours in which the start of a policy is a finding. If several matching entries set busy hours, the last entry applies.
    pub busy_hours: Option<BusyHours>,
    /// Policy files of the database. Later files override earlier files.
    #[serde(deserialize_with = "policy_files")]
    pub policies: Vec<PathBuf>,
    /// The connection that `hypertop @NAME` means. `None`: the entry has no name.
    #[serde(skip)]
    pub defined: Option<Defined>,
}

fn one<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    Ok(Some(vec![String::deserialize(from)?]))
}

fn policy_files<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    let files = Vec::<String>::deserialize(from)?.into_iter();
    let files = files
        .map(|path| policy_file(&path))
        .collect::<Result<_, _>>();
    files.map_err(serde::de::Error::custom)
}

/// Path of a policy file. It must be absolute, because a relative path would depend on the current folder.
pub(super) fn policy_file(path: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(&path);
    if file.is_absolute() {
        Ok(file)
    } else {
        Err(format!(
            "{path:?}: write the whole path, such as \"/etc/hypertop/policies.toml\""
        ))
    }
}

impl Rule {
    pub(super) fn matches(&self, host: &str, database: &str, user: &str) -> bool {
        let leads = |want: Option<&str>| {
            let want_database = self.database.as_deref();
            trust::leads(want, want_database, host, database)
        };
        let hosts = self.host.as_ref();
        hosts.map_or_else(
            || leads(None),
            |hosts| hosts.iter().any(|host| leads(Some(host))),
        ) && self.fits_user(user)
    }

    fn fits_user(&self, user: &str) -> bool {
        self.user.as_ref().is_none_or(|want| fits(want, user))
    }

    /// The owners that this entry trusts, once for each host of the entry. Empty: the entry is not for this role, or trusts no owner.
    pub(super) fn trust(&self, user: &str) -> Vec<Trust> {
        if self.trusted_owners.is_empty() || !self.fits_user(user) {
            return Vec::new();
        }
        let hosts = match &self.host {
            None => vec![None],
            Some(hosts) => hosts.iter().cloned().map(Some).collect(),
        };
        let of = |host| Trust {
            host,
            database: self.database.clone(),
            owners: self.trusted_owners.clone(),
        };
        hosts.into_iter().map(of).collect()
    }
}

/// The keys that hypertop defines. In an entry with a name, `host` and `user` are the keys of libpq instead.
const OWN: [&str; 9] = [
    "name",
    "host",
    "database",
    "user",
    "read_only",
    "protected",
    "trusted_owners",
    "busy_hours",
    "policies",
];

/// Reads every `[[connection]]`. `line` turns a byte offset into the file and line, for `hypertop doctor`.
pub(super) fn read(tables: Vec<Table>, line: impl Fn(usize) -> String) -> Result<Vec<Rule>, Wrong> {
    let mut rules: Vec<Rule> = Vec::new();
    for table in tables {
        let mut rule = if let Some((key, name)) = table.iter().find(|(key, _)| is(key, "name")) {
            let place = key.span().start;
            let name = name_of(name.as_ref()).map_err(|why| (place, why))?;
            named_rule(&table, name, place, &line)?
        } else {
            rule(
                &table,
                "libpq's keys need a connection with a name: add name = \"prod\", for example",
            )?
        };
        if let Some(new) = rule.defined.as_mut() {
            // The user's file comes after the system's, so an entry of the user replaces the system's entry with the same name.
            for old in &mut rules {
                if old.defined.as_ref().is_some_and(|old| old.name == new.name) {
                    old.defined = None;
                }
            }
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn is(key: &Spanned<String>, name: &str) -> bool {
    key.as_ref() == name
}

fn name_of(value: &Value) -> Result<String, String> {
    let fits = |name: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !name.is_empty() && name.chars().all(plain)
    };
    let name = value.as_str().filter(fits).map(str::to_owned);
    name.ok_or_else(|| "name: write letters, digits, and . _ -, such as name = \"prod\"".to_owned())
}

/// Reads an entry, from which libpq's keys have been removed if it has a name. `hint`: advice if a key of libpq is found.
fn rule(table: &Table, hint: &str) -> Result<Rule, Wrong> {
    for (key, value) in table {
        let name = key.as_ref().as_str();
        if !OWN.contains(&name) {
            let why = if is_secret(name) {
                format!(
                    "{name}: hypertop reads no passwords from this file; write them to ~/.pgpass"
                )
            } else if is_supported(name) {
                format!("{name}: {hint}")
            } else {
                let near = nearest(name, OWN.into_iter());
                let near = if near.is_empty() {
                    String::new()
                } else {
                    format!("; similar: {}", near.join(", "))
                };
                format!(
                    "unknown key {name}{near} (known keys: {}; an entry with a name can also have libpq's keys, such as port, dbname, sslmode)",
                    OWN.join(", ")
                )
            };
            return Err((key.span().start, why));
        }
        // Each key is first read alone, so that an error can name the key's line.
        if name != "name" {
            let alone = toml::Table::from_iter([(name.to_owned(), value.as_ref().clone())]);
            let read = Rule::deserialize(alone);
            read.map_err(|error| (key.span().start, error.message().to_owned()))?;
        }
    }
    let own = table.iter().filter(|(key, _)| !is(key, "name"));
    let own = own.map(|(key, value)| (key.as_ref().clone(), value.as_ref().clone()));
    Rule::deserialize(own.collect::<toml::Table>()).map_err(|error| (0, error.message().to_owned()))
}

/// A connection with a name: libpq's keys, and the settings for the same host, database and user.
fn named_rule(
    table: &Table,
    name: String,
    place: usize,
    line: impl Fn(usize) -> String,
) -> Result<Rule, Wrong> {
    let is_libpqs = |key: &str| is_supported(key) && !is_secret(key);
    let mut options = Vec::new();
    let mut own = Table::new();
    for (key, value) in table {
        let at = |why: String| (key.span().start, why);
        let keyword = key.as_ref().as_str();
        if keyword == "database" {
            return Err(at(
                "in a connection with a name, write dbname instead of database".to_owned(),
            ));
        }
        if !is_libpqs(keyword) {
            own.insert(key.clone(), value.clone());
            continue;
        }
        let text = match value.as_ref() {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            _ => return Err(at(format!("{keyword}: write a text or a number"))),
        };
        if text.contains('*') && ["host", "user", "dbname"].contains(&keyword) {
            let why = "a connection with a name cannot have patterns: write another [[connection]] without a name for them";
            return Err(at(format!("{keyword}: {why}")));
        }
        options.push((keyword.to_owned(), text));
    }
    let mut rule = rule(&own, "")?;
    let option = |keyword: &str| {
        let found = options.iter().find(|(key, _)| key == keyword);
        found.map(|(_, value)| value.as_str())
    };
    let plain = Rule::default();
    if option("host").is_none() && rule != plain {
        let why = "read_only, protected, trusted_owners, busy_hours and policies apply to the entry's host: write host";
        return Err((place, why.to_owned()));
    }
    rule.host = option("host").map(|host| patterns(host, option("port")));
    rule.database = option("dbname").map(str::to_owned);
    rule.user = option("user").map(str::to_owned);
    rule.defined = Some(Defined {
        from: format!("@{name} in {}", line(place)),
        name,
        options,
    });
    Ok(rule)
}

/// Patterns for libpq's lists of hosts and ports, in the form of the header (`db1:5432`).
fn patterns(hosts: &str, ports: Option<&str>) -> Vec<String> {
    let ports: Vec<&str> = ports
        .map(|ports| ports.split(',').collect())
        .unwrap_or_default();
    let shown = |(nth, host): (usize, &str)| {
        let local = host.is_empty() || host.starts_with(['/', '@']);
        let host = if local { "[local]" } else { host };
        let port = match ports.as_slice() {
            [one] => Some(*one),
            many => many.get(nth).copied(),
        };
        match port.filter(|port| !port.is_empty()) {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    };
    hosts.split(',').enumerate().map(shown).collect()
}
