//! A conninfo that can be printed.

use std::ffi::OsStr;

use super::parse;
use super::provenance::is_secret;

/// The same conninfo without its passwords. `None`: it cannot be parsed, so any part of it may be a password. A plain database name is
/// returned as it is.
pub(crate) fn without_secrets(text: &str) -> Option<String> {
    if !parse::is_conninfo(text) {
        return Some(text.to_owned());
    }
    let options = parse::conninfo(text).ok()?;
    if !options.keys().any(|keyword| is_secret(keyword)) {
        return Some(text.to_owned());
    }
    let kept = options.iter().filter(|(keyword, _)| !is_secret(keyword));
    let pairs: Vec<_> = kept
        .map(|(keyword, value)| format!("{keyword}={}", quoted(value)))
        .collect();
    Some(pairs.join(" "))
}

fn quoted(value: &OsStr) -> String {
    let value = value.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-,:%+~@".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.into_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conninfo_loses_its_passwords_and_nothing_else() {
        for (text, printed) in [
            ("metrics", Some("metrics")),
            ("host=a dbname=b", Some("host=a dbname=b")),
            ("host=a password='it''s' user=c", None),
            (
                r"host=a password='it\'s' user='o\'c'",
                Some(r"host=a user='o\'c'"),
            ),
            (
                "postgresql://dba:pw@db1:1,db2:2/x?sslmode=require",
                Some("dbname=x host=db1,db2 port=1,2 sslmode=require user=dba"),
            ),
            ("postgresql://db1/x?password=a", Some("dbname=x host=db1")),
            ("postgresql://dba@db1/x", Some("postgresql://dba@db1/x")),
            ("postgresql://dba:p/w@db1/x", None),
            ("postgresql://dba:p@w@db1/x", None),
        ] {
            assert_eq!(without_secrets(text).as_deref(), printed, "{text}");
        }
    }
}
