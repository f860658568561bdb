//! `hypertop sql`: prints the console's queries as the server gets them.

use crate::model::text;
use crate::model::version::Version;
use crate::server::known::{NEWEST_KNOWN, OLDEST_KNOWN};
use crate::server::sql;

/// Checks the name of a query. The error suggests similar names.
pub(crate) fn query(name: &str) -> Result<&'static str, String> {
    let found = sql::names().find(|known| *known == name);
    found.ok_or_else(|| {
        let near = text::nearest(name, sql::names());
        if near.is_empty() {
            "there is no such query; `hypertop sql` lists them".to_owned()
        } else {
            format!("there is no such query; similar: {}", near.join(", "))
        }
    })
}

/// Parses a TimescaleDB version. `none` is a database without the extension.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    if text == "none" {
        return Ok(Version::new(0, 0));
    }
    let version =
        Version::parse(text).ok_or("write a TimescaleDB version such as 2.26, or none")?;
    if version < OLDEST_KNOWN {
        let Version { major, minor, .. } = OLDEST_KNOWN;
        return Err(format!(
            "hypertop reads TimescaleDB {major}.{minor} and later; for a database without TimescaleDB, write none"
        ));
    }
    Ok(version)
}

/// The text of a query for this TimescaleDB (`None`: the newest known). Without a query: a list of all queries with their first lines.
pub fn printed(query: Option<&str>, version: Option<Version>) -> Result<String, String> {
    let version = version.unwrap_or(NEWEST_KNOWN);
    if let Some(query) = query {
        return sql::text(query, version);
    }
    let mut names: Vec<_> = sql::names().collect();
    names.sort_unstable();
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for name in names {
        let text = sql::text(name, version)?;
        let head = text.lines().next().unwrap_or_default();
        out = out + &format!("{name:width$}  ") + head.trim_start_matches("-- ") + "\n";
    }
    Ok(out)
}
