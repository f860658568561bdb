//! Settings that every session gets in its start-up packet. They override the settings of the database and of the role, and the user's
//! `options`.

/// Settings that decide which object a name refers to, and in which formats values are sent.
///
/// `search_path`: no other user can create objects in these schemas. Because `pg_temp` is last, temporary relations and types cannot hide
/// others. `row_security`: a query fails if a row security policy would hide rows from it, and the policy's code does not run.
///
/// These settings are left out, because the user may choose them or because they do not change the meaning of a statement:
/// - `TimeZone`: see [`crate::server::known::Server::time_zone`].
/// - `synchronous_commit`, `default_tablespace`, and settings of the planner.
/// - `session_replication_role` and `lc_messages`: only superusers may set them.
/// - `backslash_quote` and `escape_string_warning`: no text of hypertop contains `\'`.
/// - `check_function_bodies`: hypertop creates no functions.
/// - `default_transaction_read_only`: a read session sets it after `target_session_attrs` was checked.
/// - `client_encoding`: the driver sends it.
const SETTINGS: [(&str, &str); 13] = [
    ("search_path", "pg_catalog, pg_temp"),
    ("standard_conforming_strings", "on"),
    ("quote_all_identifiers", "off"),
    ("IntervalStyle", "postgres"),
    ("DateStyle", "ISO, MDY"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmlbinary", "base64"),
    ("xmloption", "content"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("row_security", "off"),
    ("default_transaction_isolation", "read committed"),
];

/// The packet's `options`. The user's own options come first, because the last value of a setting applies.
pub(super) fn options(own: Option<&str>) -> String {
    let mut options = own.unwrap_or_default().to_owned();
    let escapes = options.len() - options.trim_end_matches('\\').len();
    if escapes % 2 == 1 {
        // The server ignores a backslash at the end of `options`. Here the backslash is removed, because it would escape the text that
        // follows.
        options.pop();
    }
    for (name, value) in SETTINGS {
        if !options.is_empty() {
            options.push(' ');
        }
        options.push_str("-c ");
        for c in format!("{name}={value}").chars() {
            if c.is_whitespace() || c == '\\' {
                options.push('\\');
            }
            options.push(c);
        }
    }
    options
}

/// The settings as SQL statements, for poolers that refuse or ignore the packet's `options`.
pub(crate) fn statements() -> String {
    let set = SETTINGS.map(|(name, value)| {
        if value.contains(", ") {
            format!("set {name} = {value}")
        } else {
            format!("set {name} = '{value}'")
        }
    });
    set.join("; ")
}

/// Whether this is the error by which a pooler refuses `options`.
pub(super) fn is_refused(words: &str) -> bool {
    // PgBouncer: "unsupported startup parameter"; RDS Proxy: "doesn't support command-line options".
    words.contains("unsupported startup parameter") || words.contains("command-line options")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_own_options_come_first_and_do_not_change_what_follows() {
        let ours = options(None);
        assert!(
            ours.starts_with(r"-c search_path=pg_catalog,\ pg_temp -c "),
            "{ours}"
        );
        for (own, kept) in [
            ("", ""),
            ("-c jit=on", "-c jit=on "),
            (r"-c a=b\", "-c a=b "),
            (r"-c a=b\\", r"-c a=b\\ "),
            (r"-c a=b\\\", r"-c a=b\\ "),
        ] {
            assert_eq!(options(Some(own)), format!("{kept}{ours}"));
        }
    }
}
