//! Settings that every session gets in its start-up packet, whatever the database, the role or the user's own `options`
//! set.

/// Settings that decide how names are resolved and what the texts that hypertop sends and reads mean.
///
/// `search_path`: no other user can write to it, and `pg_temp` last keeps temporary relations and types from shadowing;
/// `row_security`: a row that a policy would hide is an error, and the policy's code does not run.
///
/// Not set, because they are the user's choice or change no meaning: `TimeZone` (see
/// [`crate::server::known::Server::time_zone`]), `synchronous_commit`, `default_tablespace`,
/// `session_replication_role`, `lc_messages` (the last two only a superuser may set), `backslash_quote` and
/// `escape_string_warning` (no text of hypertop holds `\'`), `check_function_bodies` (it makes no functions),
/// `plan_cache_mode` and other settings of the planner, `default_transaction_read_only` (a read session sets it by
/// itself, after `target_session_attrs` was asked). `client_encoding` is sent by the driver.
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

/// The packet's `options`: the user's own first, because the last of two counts.
pub fn options(own: Option<&str>) -> String {
    let mut options = own.unwrap_or_default().to_owned();
    let escapes = options.len() - options.trim_end_matches('\\').len();
    if escapes % 2 == 1 {
        // The server ignores a backslash at the end; here it would escape the text that follows.
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

/// The same as statements: a pooler may have refused the packet's `options`, or dropped them silently.
pub fn statements() -> String {
    let set = SETTINGS.map(|(name, value)| {
        if value.contains(", ") {
            format!("set {name} = {value}")
        } else {
            format!("set {name} = '{value}'")
        }
    });
    set.join("; ")
}

/// True if a pooler refuses a packet with `options` in these words.
pub(crate) fn is_refused(words: &str) -> bool {
    // PgBouncer: unsupported startup parameter [in options]; RDS Proxy: doesn't support command-line options.
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
