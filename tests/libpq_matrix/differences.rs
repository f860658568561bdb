//! All remaining differences from psql, each with its reason. If a difference disappears, the test fails, so that the
//! list stays right. Each has the environment and arguments as in `rows.rs`, then psql's outcome, hypertop's, and the
//! reason.

pub struct Difference {
    pub row: (&'static str, &'static [&'static str]),
    pub psql: &'static str,
    pub ours: &'static str,
    pub why: &'static str,
    /// Major versions of libpq for which `psql` is right.
    pub versions: std::ops::RangeInclusive<u32>,
}

const ALL: std::ops::RangeInclusive<u32> = 0..=u32::MAX;

const fn differs(
    row: (&'static str, &'static [&'static str]),
    psql: &'static str,
    ours: &'static str,
    why: &'static str,
) -> Difference {
    Difference { row, psql, ours, why, versions: ALL }
}

pub const DIFFERENCES: &[Difference] = &[
    differs(
        ("", &["host=127.0.0.1 port={A} user=ana sslmode=allow"]),
        "ana ana A plain", "ana ana A tls",
        "allow is taken as prefer: what may be encrypted is",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=twofold dbname=app password=wrong"]),
        "twofold app A plain", "no",
        "a password that was refused with TLS is not sent again without",
    ),
    differs(
        ("HOME={F}/home_another", &["host=127.0.0.1 port={A} user=ana sslmode=prefer"]),
        "ana ana A plain", "ana ana A tls",
        "prefer verifies nothing: libpq verifies where there is a root.crt, and goes on in clear where that fails",
    ),
    differs(
        ("HOME={F}/home_revoked", &["host=127.0.0.1 port={A} user=ana sslmode=prefer"]),
        "ana ana A plain", "ana ana A tls",
        "as before, with a root.crl",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=ana sslcert={F}/holder.crt sslkey={F}/no_such.key"]),
        "ana ana A plain", "ana ana A tls",
        "prefer leaves a client certificate that cannot be used out, with a warning; libpq leaves TLS out",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=ana sslcert={F}/holder.crt sslkey={F}/open.key"]),
        "ana ana A plain", "ana ana A tls",
        "as before",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=ana sslcert={F}/services sslkey={F}/holder.key"]),
        "ana ana A plain", "no",
        "prefer does not go on in clear where TLS fails on this side",
    ),
    differs(
        ("", &["host={SA} port={A} user=ana requirepeer=postgres"]),
        "ana ana A socket", "no",
        "requirepeer is not supported, and a protection that was asked for is not left out",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=locked dbname=app password='right one' channel_binding=require"]),
        "locked app A tls", "no",
        "channel binding is not supported, and a protection that was asked for is not left out",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=holder dbname=app sslcert={F}/holder.crt sslkey={F}/secret.key sslpassword=secret"]),
        "holder app A tls", "no",
        "keys under a password are not supported",
    ),
    differs(
        ("", &["host={SA} port={A} user=ana keepalives_idle=soon"]),
        "ana ana A socket", "no",
        "a wrong number is an error here also where nothing would be done with it",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=postgres replication=database"]),
        "postgres postgres A tls", "no",
        "no screen can be read over a replication connection",
    ),
    differs(
        ("PGTZ=Asia/Kolkata", &["host=127.0.0.1 port={A} user=ana"]),
        "ana ana A tls zone=Asia/Kolkata", "ana ana A tls",
        "the time zone is left to server, database and role; PGOPTIONS='-c TimeZone=...' sets it",
    ),
    differs(
        ("PGHOST=127.0.0.1; PGPORT={A}; PGDATABASE=app", &["-U", "u{E9}"]),
        "u app A tls", "no",
        "the driver takes names as UTF-8 alone",
    ),
    differs(
        ("PGHOST=127.0.0.1; PGPORT={A}; PGUSER=u{E9}; PGDATABASE=app", &[]),
        "u app A tls", "no",
        "as before; the message names the variable",
    ),
    differs(
        ("PGSERVICEFILE={F}/services; PGSERVICE=bytes_user", &[]),
        "u app A tls", "no",
        "as before; the message names the file, the line and the keyword",
    ),
    differs(
        ("", &["host=127.0.0.1 port={A} user=ana application_name=''"]),
        "ana ana A tls app=", "ana ana A tls",
        "hypertop's sessions are known by their name",
    ),
    differs(
        ("PGHOST=127.0.0.1", &["host='' port={A} user=ana"]),
        "no", "ana ana A tls",
        "where there is no socket in the usual folders, localhost is tried: each build of libpq has one folder of its own",
    ),
    differs(
        ("PGHOST=nowhere.invalid; PGPORT={A}; PGUSER=ana", &["postgresql:///?host="]),
        "no", "ana ana A tls",
        "as before",
    ),
];

/// Outcomes by server certificate, sslmode and root certificate (none, the authority's, another one's, the server's
/// own).
pub struct OfCertificates {
    pub kinds: &'static [&'static str],
    pub modes: &'static [&'static str],
    pub roots: &'static [&'static str],
    pub psql: &'static str,
    pub ours: &'static str,
    /// Words of a refusal: the reason and the remedy.
    pub words: [&'static str; 2],
    pub why: &'static str,
}

const VERIFYING: &[&str] = &["require", "verify-ca", "verify-full"];
const RUSTLS: &str = "rustls does not read it; OpenSSL does";

const fn unverified(kinds: &'static [&'static str], roots: &'static [&'static str]) -> OfCertificates {
    OfCertificates {
        kinds, modes: &["prefer"], roots,
        psql: "ana ana A plain", ours: "ana ana A tls", words: ["", ""],
        why: "prefer verifies nothing: libpq verifies where there is a root certificate, and goes on in clear where that fails",
    }
}

const fn refused(
    kind: &'static [&'static str],
    modes: &'static [&'static str],
    roots: &'static [&'static str],
    words: [&'static str; 2],
    why: &'static str,
) -> OfCertificates {
    OfCertificates { kinds: kind, modes, roots, psql: "ana ana A tls", ours: "no", words, why }
}

pub const CERTIFICATES: &[OfCertificates] = &[
    unverified(&["server", "cn_only", "version_1", "p521"], &["another", "itself"]),
    unverified(&["self_signed_authority", "self_signed"], &["ours", "another"]),
    unverified(&["expired"], &["ours", "another", "itself"]),
    refused(
        &["cn_only"], &["verify-full"], &["ours"],
        ["has no host name in subjectAltName", "Use sslmode=verify-ca, or renew the certificate with the name"],
        "a common name as the host's is given up since RFC 6125, and rustls does not read it",
    ),
    refused(
        &["self_signed_authority"], VERIFYING, &["itself"],
        ["uses the self-signed certificate of an authority", "let the authority sign a certificate for the server"],
        "rustls takes an authority's certificate for signing alone",
    ),
    refused(
        &["version_1"], VERIFYING, &["ours"],
        ["is of X.509 version 1", "Renew that certificate as X.509 v3"],
        RUSTLS,
    ),
    refused(
        &["p521"], VERIFYING, &["ours"],
        ["has a key (such as P-521) that cannot be verified here", "Renew that certificate as X.509 v3 with a P-256"],
        RUSTLS,
    ),
];
