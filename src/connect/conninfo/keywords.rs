//! libpq's connection options: which of them hypertop supports, refuses or ignores.

use std::ffi::OsStr;

use anyhow::{Result, bail, ensure};

use super::provenance::is_secret;
use super::surroundings::{Options, Surroundings};

/// The supported options, with their environment variables.
pub(super) const KEYWORDS: [(&str, &str); 25] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("dbname", "PGDATABASE"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("service", "PGSERVICE"),
    ("servicefile", "PGSERVICEFILE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslcrl", "PGSSLCRL"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("tcp_user_timeout", ""),
];

/// The unsupported options: keyword, environment variable, and whether ignoring the option would be unsafe.
const UNSUPPORTED: [(&str, &str, bool); 16] = [
    ("sslcrldir", "PGSSLCRLDIR", true),
    ("sslpassword", "", true),
    ("requirepeer", "PGREQUIREPEER", true),
    ("require_auth", "PGREQUIREAUTH", true),
    ("channel_binding", "PGCHANNELBINDING", true),
    ("gssencmode", "PGGSSENCMODE", true),
    ("sslnegotiation", "PGSSLNEGOTIATION", true),
    ("sslcertmode", "PGSSLCERTMODE", true),
    ("krbsrvname", "PGKRBSRVNAME", false),
    ("gsslib", "PGGSSLIB", false),
    ("gssdelegation", "PGGSSDELEGATION", false),
    ("sslcompression", "PGSSLCOMPRESSION", false),
    ("sslsni", "PGSSLSNI", false),
    ("client_encoding", "PGCLIENTENCODING", false),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", false),
    ("fallback_application_name", "", false),
];

/// True if the value of an unsupported option asks for what hypertop does anyway.
fn is_harmless(keyword: &str, value: &str) -> bool {
    match keyword {
        "channel_binding" | "gssencmode" => matches!(value, "prefer" | "disable"),
        "sslcertmode" => value == "allow",
        "sslnegotiation" | "krbsrvname" => value == "postgres",
        "sslsni" => value == "1",
        "client_encoding" => matches!(
            value.to_ascii_lowercase().as_str(),
            "utf8" | "utf-8" | "unicode"
        ),
        "load_balance_hosts" => value == "disable",
        "sslcompression" | "gssdelegation" => value == "0",
        _ => false,
    }
}

pub(super) fn is_known(keyword: &str) -> bool {
    is_supported(keyword) || UNSUPPORTED.iter().any(|(known, ..)| *known == keyword)
}

/// True if hypertop supports this option of libpq.
pub(crate) fn is_supported(keyword: &str) -> bool {
    KEYWORDS.iter().any(|(known, _)| *known == keyword)
}

/// Refuses a value that is not UTF-8, which the driver requires. Passwords and file names may be any bytes.
pub(super) fn check_text(
    keyword: &str,
    value: &OsStr,
    place: impl FnOnce() -> String,
) -> Result<()> {
    let any = [
        "password",
        "passfile",
        "service",
        "servicefile",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "sslcrl",
    ];
    if !any.contains(&keyword) && value.to_str().is_none() {
        bail!(
            "{}: the value of \"{keyword}\" is not UTF-8: \"{}\"\nOnly passwords, file names and service names may be in another encoding; write this value in UTF-8 (iconv -t UTF-8 converts a file)",
            place(),
            value.display()
        );
    }
    Ok(())
}

/// Hint for an unknown option: the supported option with the longest common prefix.
fn nearest(unknown: &str) -> String {
    let alike = |known: &str| {
        known
            .bytes()
            .zip(unknown.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let best = KEYWORDS
        .iter()
        .map(|(known, _)| *known)
        .max_by_key(|known| alike(known));
    best.filter(|known| alike(known) >= 2)
        .map_or_else(String::new, |known| format!("; did you mean \"{known}\"?"))
}

pub(super) fn refuse_unknown(options: &Options) -> Result<()> {
    if let Some(unknown) = options.keys().find(|key| !is_known(key)) {
        let known: Vec<_> = KEYWORDS.iter().map(|(known, _)| *known).collect();
        bail!(
            "invalid connection option \"{unknown}\"{}\nRemove it from the connection string; supported options are: {}",
            nearest(unknown),
            known.join(", ")
        );
    }
    Ok(())
}

pub(super) fn refuse_unsupported(
    options: &Options,
    around: &Surroundings,
    warnings: &mut Vec<String>,
) -> Result<()> {
    for (keyword, variable, unsafe_to_ignore) in UNSUPPORTED {
        let value = options
            .get(keyword)
            .cloned()
            .or_else(|| around.variable(variable))
            .map(|value| value.to_string_lossy().into_owned())
            .filter(|value| !value.is_empty());
        let Some(value) = value.filter(|value| !is_harmless(keyword, value)) else {
            continue;
        };
        let shown = if is_secret(keyword) {
            "it".to_owned()
        } else {
            format!("{value:?}")
        };
        ensure!(
            !unsafe_to_ignore,
            "connection option \"{keyword}\" is not supported, and ignoring {shown} would be unsafe; remove it{}",
            if variable.is_empty() {
                String::new()
            } else {
                format!(" (or unset {variable})")
            }
        );
        warnings.push(format!(
            "connection option \"{keyword}\" is not supported and has no effect"
        ));
    }
    Ok(())
}

/// Text for `--help`: environment variables, differences from psql, and unsupported options.
pub(crate) fn help() -> String {
    let variables = KEYWORDS.iter().map(|(_, variable)| *variable);
    let variables: Vec<_> = variables.filter(|variable| !variable.is_empty()).collect();
    let not: Vec<_> = UNSUPPORTED.iter().map(|(keyword, ..)| *keyword).collect();
    format!(
        "Connection: as psql. Settings are taken from the conninfo, then the flags, the service file and the environment.\n\
         Environment: {} PGSYSCONFDIR.\n\
         Different from psql: sslmode=allow means prefer; prefer does not continue in plaintext after TLS has failed; server \
          certificates that are self-signed, of X.509 v1, with a P-521 key or without a host in subjectAltName cannot be \
          verified.\nNot supported: GSSAPI, SSPI, sockets in the abstract namespace, and these options: {}.",
        variables.join(" "),
        not.join(" ")
    )
}
