//! Resolves the connection settings by libpq's rules: flags, URI or `key=value`, service file, environment, defaults.

mod files;
mod hosts;
mod keepalive;
mod keywords;
mod parse;
mod provenance;
mod surroundings;
mod tls;
mod without_secrets;

#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry as Slot;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::model::trust::Trust;

use files::Passwords;
pub(crate) use hosts::Host;
pub(crate) use hosts::Place;
pub(super) use keepalive::Keepalive;
pub(crate) use keywords::{help, is_supported};
pub(crate) use provenance::is_secret;
pub(crate) use provenance::{Given, Provenance};
pub use tls::SslMode;
pub(crate) use tls::{Root, Versions};

use self::surroundings::Options;
use keywords::KEYWORDS;

pub use self::surroundings::Surroundings;
pub(crate) use without_secrets::without_secrets;

/// Default time limit for a host that does not answer; libpq would wait for ever.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Connection options of the command line. `None`: not given.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub host: Option<String>,
    pub port: Option<String>,
    pub username: Option<String>,
    /// Option `-d`: a database name, a URI or `key=value` pairs.
    pub dbname: Option<String>,
    /// As `dbname`, but given as an argument without `-d`.
    pub database: Option<String>,
    /// The connection of config.toml that `@NAME` refers to, if `dbname` or `database` has that form.
    pub defined: Option<Defined>,
    /// An argument that is ignored with a warning, as in psql.
    pub extra: Option<String>,
    /// Option `-w`: never ask for a password.
    pub no_password: bool,
    /// Option `-W`: ask for a password before connecting.
    pub password: bool,
}

/// A connection that has a name in config.toml.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defined {
    pub(crate) name: String,
    /// libpq's keywords with their values.
    pub(crate) options: Vec<(String, String)>,
    /// The name, and the file and line that define it, for messages.
    pub(crate) from: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// All settings of a connection. Their `Debug` text omits the password.
#[derive(Clone)]
pub struct Settings {
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) dbname: String,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) passwords: Passwords,
    /// The password file's path, whether or not the file exists.
    pub(crate) passfile: Option<PathBuf>,
    pub sslmode: SslMode,
    pub(crate) root: Root,
    /// File with root certificates, even if `sslmode` does not use it. `None`: there is no such file.
    pub(crate) usual_root: Option<PathBuf>,
    pub(crate) versions: Versions,
    /// Files of the client's certificate and its key. `None`: none is sent.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// File with certificate revocation lists. `None`: no check for revoked certificates.
    pub(crate) revoked: Option<PathBuf>,
    /// Time limit for each host. `None`: wait for ever, as the user chose.
    pub(crate) timeout: Option<Duration>,
    pub(crate) keepalive: Keepalive,
    pub(crate) options: Option<String>,
    pub(crate) application_name: String,
    pub(crate) wanted: Wanted,
    pub never_ask: bool,
    pub ask_first: bool,
    /// Roles whose code a read may run, from config.toml.
    pub trust: Vec<Trust>,
    /// Warnings about settings that are ignored.
    pub(crate) warnings: Vec<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("dbname", &self.dbname)
            .field("sslmode", &self.sslmode)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Resolves the settings in libpq's order: command line, service file, environment, defaults.
pub fn resolve(flags: &Flags, around: &Surroundings) -> Result<Settings> {
    resolve_with(flags, around, &mut Provenance::default())
}

/// As [`resolve`]. Also records in `seen` what every source sets, even if there is an error later.
pub(crate) fn resolve_with(
    flags: &Flags,
    around: &Surroundings,
    seen: &mut Provenance,
) -> Result<Settings> {
    let mut options = command_line(flags, seen)?;
    let mut warnings: Vec<String> = (flags.extra.iter())
        .map(|extra| format!("extra command-line argument {extra:?} ignored"))
        .collect();
    let named = |options: &Options, keyword: &str, variable: &str| {
        options
            .get(keyword)
            .cloned()
            .or_else(|| around.variable(variable))
    };
    if let Some(service) = named(&options, "service", "PGSERVICE") {
        let own = named(&options, "servicefile", "PGSERVICEFILE").map(PathBuf::from);
        for entry in files::service(&service, own, around)? {
            let from = format!("service \"{}\" in {}", service.display(), entry.place);
            match options.entry(entry.keyword) {
                Slot::Vacant(slot) => {
                    keywords::check_text(slot.key(), &entry.value, || entry.place)?;
                    seen.take(slot.key(), &entry.value, from);
                    slot.insert(entry.value);
                }
                Slot::Occupied(slot) => seen.pass_over(slot.key(), &entry.value, from),
            }
        }
    }
    // This check comes after the service file, because the service file may set such options, too.
    keywords::refuse_unsupported(&options, around, &mut warnings)?;
    for (keyword, variable) in KEYWORDS {
        let Some(value) = around.variable(variable) else {
            continue;
        };
        let place = || format!("environment variable {variable}");
        if options.contains_key(keyword) {
            seen.pass_over(keyword, &value, place());
            continue;
        }
        keywords::check_text(keyword, &value, place)?;
        seen.take(keyword, &value, place());
        options.insert(keyword.to_owned(), value);
    }
    // `PGREQUIRESSL` applies unless `sslmode` or `PGSSLMODE` is set.
    let required = around.variable("PGREQUIRESSL");
    if required.is_some_and(|value| value.to_string_lossy().starts_with('1')) {
        let from = "environment variable PGREQUIRESSL";
        match options.entry("sslmode".to_owned()) {
            Slot::Vacant(slot) => {
                seen.take("sslmode", OsStr::new("require"), from);
                slot.insert("require".into());
            }
            Slot::Occupied(_) => seen.pass_over("sslmode", OsStr::new("require"), from),
        }
    }
    settle(&options, flags, around, warnings)
}

fn command_line(flags: &Flags, seen: &mut Provenance) -> Result<Options> {
    let mut options = Options::new();
    for (keyword, value, from) in [
        ("host", &flags.host, "flag -h"),
        ("port", &flags.port, "flag -p"),
        ("user", &flags.username, "flag -U"),
    ] {
        // As in libpq, an empty option of the command line is ignored, but an empty value in a conninfo is not.
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            seen.take(keyword, value.as_ref(), from);
            options.insert(keyword.to_owned(), value.into());
        }
    }
    // As in psql, a conninfo overrides the options -h, -p and -U.
    for (name, from) in [(&flags.dbname, "flag -d"), (&flags.database, "argument")] {
        let Some(name) = name else { continue };
        let is_it = |of: &&Defined| name.strip_prefix('@') == Some(&of.name);
        if let Some(defined) = flags.defined.as_ref().filter(is_it) {
            add(&mut options, defined, seen);
        } else if parse::is_conninfo(name) {
            let from = format!("connection string ({from})");
            for (keyword, value) in parse::conninfo(name)? {
                seen.take(&keyword, &value, &from);
                options.insert(keyword, value);
            }
        } else if !name.is_empty() {
            seen.take("dbname", name.as_ref(), from);
            options.insert("dbname".to_owned(), name.into());
        }
    }
    keywords::refuse_unknown(&options)?;
    for (keyword, value) in &options {
        keywords::check_text(keyword, value, || "connection string".to_owned())?;
    }
    Ok(options)
}

/// Adds the options of a connection from config.toml. Flags override these options, but not the options of a conninfo.
fn add(options: &mut Options, defined: &Defined, seen: &mut Provenance) {
    let other_host = options.contains_key("host");
    for (keyword, value) in &defined.options {
        let passed = options.contains_key(keyword) || keyword == "hostaddr" && other_host;
        if passed {
            seen.pass_over(keyword, value.as_ref(), defined.from.clone());
        } else {
            seen.take(keyword, value.as_ref(), defined.from.clone());
            options.insert(keyword.clone(), value.into());
        }
    }
}

fn settle(
    options: &Options,
    flags: &Flags,
    around: &Surroundings,
    mut warnings: Vec<String>,
) -> Result<Settings> {
    let bytes = |keyword: &str| {
        let value = options.get(keyword).map(OsString::as_os_str);
        value.filter(|value| !value.is_empty())
    };
    // As in libpq, an empty value means the default. But an empty value of an option that is read with `set` is passed on, and may be an
    // error.
    let set = |keyword: &str| options.get(keyword).and_then(|value| value.to_str());
    let get = |keyword: &str| set(keyword).filter(|value| !value.is_empty());
    let user = get("user").unwrap_or(&around.os_user).to_owned();
    ensure!(!user.is_empty(), "no user name: give one with -U or PGUSER");
    let hosts = hosts::hosts(get("host"), get("hostaddr"), get("port"))?;
    let sockets_only = hosts
        .iter()
        .all(|host| matches!(host.place, Place::Socket(_)));
    let mode = set("sslmode");
    let (sslmode, root, certificate) = if sockets_only {
        // As in libpq, sockets never use TLS, so a missing certificate is no error.
        let mode = tls::sslmode(mode)?;
        (mode.unwrap_or(SslMode::Prefer), Root::None, None)
    } else {
        let (sslmode, root) = tls::tls(mode, bytes("sslrootcert"), around)?;
        let (own, key) = (bytes("sslcert"), bytes("sslkey"));
        let certificate = tls::certificate(own, key, sslmode, around, &mut warnings)?;
        (sslmode, root, certificate)
    };
    let usual_root = tls::root_file(bytes("sslrootcert"), around);
    let passfile = bytes("passfile")
        .map(PathBuf::from)
        .or_else(|| Some(around.home.as_ref()?.join(".pgpass")));
    let passwords = Passwords::read(passfile.as_deref(), &mut warnings);
    Ok(Settings {
        hosts,
        dbname: get("dbname").unwrap_or(&user).to_owned(),
        user,
        password: bytes("password").map(|password| password.as_bytes().to_vec()),
        passwords,
        passfile,
        sslmode,
        root,
        usual_root,
        versions: tls::versions(get)?,
        certificate,
        revoked: tls::revoked(bytes("sslcrl"), around),
        timeout: timeout(set("connect_timeout"))?,
        keepalive: keepalive::keepalive(set)?,
        options: get("options").map(str::to_owned),
        application_name: get("application_name").unwrap_or("hypertop").to_owned(),
        wanted: wanted(set("target_session_attrs"))?,
        never_ask: flags.no_password,
        ask_first: flags.password,
        trust: Vec::new(),
        warnings,
    })
}

/// Parses `connect_timeout`. `None`: wait for ever.
fn timeout(text: Option<&str>) -> Result<Option<Duration>> {
    let Some(text) = text else {
        return Ok(Some(CONNECT_TIMEOUT));
    };
    let seconds: i32 = text.trim().parse().with_context(|| {
        format!("invalid integer value {text:?} for connection option \"connect_timeout\"")
    })?;
    // As in libpq, zero or less means to wait for ever, and 1 means two seconds.
    Ok((seconds > 0).then(|| Duration::from_secs(seconds.unsigned_abs().max(2).into())))
}

fn wanted(text: Option<&str>) -> Result<Wanted> {
    Ok(match text.unwrap_or("any") {
        "any" => Wanted::Any,
        "read-write" => Wanted::ReadWrite,
        "read-only" => Wanted::ReadOnly,
        "primary" => Wanted::Primary,
        "standby" => Wanted::Standby,
        "prefer-standby" => Wanted::PreferStandby,
        other => bail!(
            "invalid target_session_attrs value: {other:?}; write any, read-write, read-only, primary, standby or prefer-standby"
        ),
    })
}
