//! Errors of a failed connection: the server's message with a remedy.

use std::time::Duration;
use std::{fmt, io};

use tokio_postgres::error::SqlState;

use super::packet;
use crate::connect::conninfo::Host;
use crate::connect::tls;
use crate::model::text;

/// Kind of failure, for callers that react to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No server answers at the address.
    Unreachable,
    /// The server requires a password, and none was given.
    NoPassword,
    Password,
    Database,
    Role,
    /// No line of `pg_hba.conf` matches this host, user, database and connection type.
    NotAdmitted,
    Tls,
    /// A pooler refuses `options` in the start-up packet.
    Options,
    Other,
}

#[derive(Debug, Clone)]
pub struct ConnectError {
    pub kind: FailureKind,
    /// True if the server itself reported the error.
    pub(crate) by_server: bool,
    /// The server's SQLSTATE. `None`: the error is not the server's.
    pub(crate) code: Option<String>,
    text: String,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConnectError {}

impl ConnectError {
    pub(super) fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            by_server: false,
            code: None,
            text: text.into(),
        }
    }
}

/// Joins the errors of all hosts, without duplicates. The kind is that of the last error.
pub(super) fn together(failures: Vec<ConnectError>) -> ConnectError {
    let (kind, by_server, code) = failures.last().map_or_else(
        || (FailureKind::Other, false, None),
        |last| (last.kind, last.by_server, last.code.clone()),
    );
    let mut texts: Vec<String> = Vec::new();
    for failure in failures {
        if !texts.contains(&failure.text) {
            texts.push(failure.text);
        }
    }
    ConnectError {
        by_server,
        code,
        ..ConnectError::new(kind, texts.join("\n"))
    }
}

pub(super) fn timed_out(host: &Host, limit: Duration) -> ConnectError {
    let text = format!(
        "connection to server at {host} timed out after {} s: is a firewall in between? (connect_timeout)",
        limit.as_secs()
    );
    ConnectError::new(FailureKind::Unreachable, text)
}

pub(super) fn unreachable(target: &str, error: &io::Error) -> ConnectError {
    use io::ErrorKind;
    let fix = match error.kind() {
        ErrorKind::ConnectionRefused => "Is the server running there and accepting connections?",
        ErrorKind::NotFound => {
            "Is the server running locally and accepting connections on that socket? Give another folder with -h, or a host."
        }
        ErrorKind::PermissionDenied => "This operating system user may not open the socket.",
        ErrorKind::TimedOut => "Is a firewall in between?",
        _ => "Check the host's name, and that this machine can reach it.",
    };
    ConnectError::new(
        FailureKind::Unreachable,
        format!("connection to server at {target} failed: {error}\n{fix}"),
    )
}

/// The server's message with a remedy.
pub(super) fn explain(
    error: &tokio_postgres::Error,
    host: &Host,
    had_password: bool,
) -> ConnectError {
    let Some(reported) = error.as_db_error() else {
        return explain_client(error, host, had_password);
    };
    let (kind, fix) = if packet::is_refused(reported.message()) {
        (
            FailureKind::Options,
            "A pooler between hypertop and the server does not accept options: unset PGOPTIONS and options=, or connect to the server itself.",
        )
    } else {
        fix(reported.code(), reported.message())
    };
    let text = format!(
        "connection to server at {host} failed: {}: {}",
        reported.severity(),
        text::bounded(reported.message())
    );
    ConnectError {
        by_server: true,
        code: Some(reported.code().code().to_owned()),
        ..ConnectError::new(kind, with_fix(text, fix))
    }
}

fn with_fix(text: String, fix: &str) -> String {
    if fix.is_empty() {
        text
    } else {
        format!("{text}\n{fix}")
    }
}

fn fix(code: &SqlState, message: &str) -> (FailureKind, &'static str) {
    if *code == SqlState::PROTOCOL_VIOLATION && message.contains("no such database") {
        (
            FailureKind::Database,
            "The pooler (PgBouncer) does not know this database: name one of its [databases] section with -d.",
        )
    } else if *code == SqlState::INVALID_PASSWORD {
        (
            FailureKind::Password,
            "Check the password that you typed, or that PGPASSWORD or ~/.pgpass has.",
        )
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        (
            FailureKind::Database,
            "psql -l lists the databases; name one with -d.",
        )
    } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
        unauthorized(message)
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        (
            FailureKind::Other,
            "The role may not connect to this database: GRANT CONNECT ON DATABASE allows it.",
        )
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        (
            FailureKind::Other,
            "The connection limit is reached (max_connections, or that of the role or database). hypertop needs two connections.",
        )
    } else if *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE && message.contains("database") {
        (
            FailureKind::Database,
            "The database accepts no connections (datallowconn is false): name another one with -d (psql -l lists all databases).",
        )
    } else if [
        SqlState::UNDEFINED_OBJECT,
        SqlState::INVALID_PARAMETER_VALUE,
        SqlState::CANT_CHANGE_RUNTIME_PARAM,
        SqlState::SYNTAX_ERROR,
    ]
    .contains(code)
    {
        (
            FailureKind::Other,
            "A session setting causes this: correct PGOPTIONS, or options= in the connection string.",
        )
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        (
            FailureKind::Unreachable,
            "The server is starting or stopping; try again in a moment.",
        )
    } else {
        (FailureKind::Other, "")
    }
}

fn unauthorized(message: &str) -> (FailureKind, &'static str) {
    if message.contains("pg_hba.conf") {
        (
            FailureKind::NotAdmitted,
            "No line of the server's pg_hba.conf matches this host, user and database (or the line requires another sslmode).",
        )
    } else if message.contains("certificate") {
        (
            FailureKind::Tls,
            "The server requires a client certificate for this role: give sslcert and sslkey, and sslmode=require or stricter.",
        )
    } else if message.contains("does not exist") {
        (
            FailureKind::Role,
            "Name another role with -U; the default is the operating system's user.",
        )
    } else {
        (
            FailureKind::Role,
            "The server does not let this role in by this authentication method: name another role with -U, or connect by TCP \
             with -h.",
        )
    }
}

fn explain_client(error: &tokio_postgres::Error, host: &Host, had_password: bool) -> ConnectError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    if text.contains("password missing") && !had_password {
        let fix = "fe_sendauth: no password supplied\nSet one in ~/.pgpass or PGPASSWORD, or leave out -w to be asked for it.";
        return ConnectError::new(
            FailureKind::NoPassword,
            format!("connection to server at {host} failed: {fix}"),
        );
    }
    // If the server refuses a client certificate, the text has "received fatal alert".
    let is_tls = ["certificate", "TLS", "tls", "fatal alert"]
        .iter()
        .any(|word| text.contains(word));
    let stranger = [
        "InvalidContentType",
        "bytes remaining on stream",
        "unexpected message from server",
        "connection closed",
        "Connection reset",
    ]
    .iter()
    .any(|words| text.contains(words));
    let fix = if stranger {
        "The answer does not come from PostgreSQL, or the connection was closed: check the host (-h) and the port (-p)."
    } else if text.contains("does not support TLS") {
        "The server does not support TLS: connect with sslmode=prefer or disable. If this is not PostgreSQL, check -h and -p."
    } else if text.contains(tls::VERSION_1) || text.contains(tls::UNKNOWN_KEY) {
        "Renew that certificate as X.509 v3 with a P-256, P-384, Ed25519 or RSA key (2048 bits and more). Until then, sslmode=require without a root certificate encrypts but verifies nothing."
    } else if text.contains("HandshakeFailure") || text.contains("ProtocolVersion") {
        "The server and hypertop have no version or cipher of TLS in common. hypertop needs TLS 1.3, or TLS 1.2 with ECDHE: check ssl_min_protocol_version and ssl_ciphers."
    } else if text.contains("UnknownIssuer") {
        "The server's certificate is not signed by an authority in sslrootcert."
    } else if text.contains("Revoked") || text.contains("UnknownRevocationStatus") {
        "The file of revoked certificates (sslcrl, or else ~/.postgresql/root.crl) lists this certificate (renew it), or has no list for an authority in the chain (add it)."
    } else if text.contains("CaUsedAsEndEntity") {
        "The server uses the self-signed certificate of an authority, which is not supported: let the authority sign a certificate for the server, or use sslmode=require without a root certificate."
    } else if text.contains("not valid for any names") {
        "The server's certificate has no host name in subjectAltName (its common name does not count). Use sslmode=verify-ca, or renew the certificate with the name."
    } else if text.contains("not valid for name") {
        "The certificate is for another host name: connect by that name (hostaddr gives the address), or use sslmode=verify-ca."
    } else if text.contains("fatal alert") {
        "The server does not accept the client certificate: check sslcert and sslkey."
    } else if is_tls {
        "Check sslmode, sslrootcert and sslcert."
    } else {
        ""
    };
    let kind = if is_tls {
        FailureKind::Tls
    } else {
        FailureKind::Other
    };
    let text = format!("connection to server at {host} failed: {text}");
    ConnectError::new(kind, with_fix(text, fix))
}
