//! Where and how to connect, by libpq's rules: flags, URI or `key=value`, service file, environment, defaults.

mod files;
mod parse;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

pub use files::Passwords;

/// What the command line says; `None` where it says nothing.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub host: Option<String>,
    pub port: Option<String>,
    pub username: Option<String>,
    /// `-d`: a name, a URI or `key=value`, as the positional argument.
    pub dbname: Option<String>,
    pub database: Option<String>,
    /// `-w`: never ask for a password.
    pub no_password: bool,
    /// `-W`: ask before connecting.
    pub password: bool,
}

/// What the rules read besides the command line.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub env: BTreeMap<String, String>,
    pub home: Option<PathBuf>,
    pub os_user: String,
}

impl Surroundings {
    pub fn of_process() -> Self {
        let env: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective())
            .ok()
            .flatten();
        let home = env
            .get("HOME")
            .map(PathBuf::from)
            .or_else(|| user.as_ref().map(|user| user.dir.clone()));
        let os_user = user.map(|user| user.name).unwrap_or_default();
        Self { env, home, os_user }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.env
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    }

    /// A file in `~/.postgresql`, where libpq looks for certificates.
    fn certificate(&self, name: &str) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(".postgresql").join(name))
    }
}

/// The options that are understood, with their environment variables.
const KEYWORDS: [(&str, &str); 17] = [
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
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
];

/// What libpq knows and hypertop does not: keyword, variable, and whether ignoring it would be unsafe.
pub const UNSUPPORTED: [(&str, &str, bool); 24] = [
    ("sslcrl", "PGSSLCRL", true),
    ("sslcrldir", "PGSSLCRLDIR", true),
    ("sslpassword", "", true),
    ("requirepeer", "PGREQUIREPEER", true),
    ("require_auth", "PGREQUIREAUTH", true),
    ("channel_binding", "PGCHANNELBINDING", true),
    ("gssencmode", "PGGSSENCMODE", true),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", true),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", true),
    ("sslnegotiation", "PGSSLNEGOTIATION", true),
    ("sslcertmode", "PGSSLCERTMODE", true),
    ("krbsrvname", "PGKRBSRVNAME", false),
    ("gsslib", "PGGSSLIB", false),
    ("gssdelegation", "PGGSSDELEGATION", false),
    ("sslcompression", "PGSSLCOMPRESSION", false),
    ("sslsni", "PGSSLSNI", false),
    ("client_encoding", "PGCLIENTENCODING", false),
    ("keepalives", "", false),
    ("keepalives_idle", "", false),
    ("keepalives_interval", "", false),
    ("keepalives_count", "", false),
    ("tcp_user_timeout", "", false),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", false),
    ("fallback_application_name", "", false),
];

/// Whether an option that is not supported has a value with which hypertop does the same anyway.
fn is_harmless(keyword: &str, value: &str) -> bool {
    match keyword {
        "channel_binding" | "gssencmode" => matches!(value, "prefer" | "disable"),
        "sslcertmode" => value == "allow",
        // What rustls speaks.
        "ssl_min_protocol_version" => matches!(value, "TLSv1" | "TLSv1.1" | "TLSv1.2"),
        "ssl_max_protocol_version" => value == "TLSv1.3",
        "sslnegotiation" | "krbsrvname" => value == "postgres",
        "keepalives" | "sslsni" => value == "1",
        "client_encoding" => matches!(
            value.to_ascii_lowercase().as_str(),
            "utf8" | "utf-8" | "unicode"
        ),
        "load_balance_hosts" => value == "disable",
        "sslcompression" | "gssdelegation" => value == "0",
        _ => false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// Certificates are not checked.
    None,
    /// The platform's own store.
    System,
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder with the server's socket.
    Socket(PathBuf),
    Tcp {
        /// The name, for certificates, `.pgpass` and messages.
        name: String,
        /// Where to connect instead of looking the name up.
        address: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub place: Place,
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Socket(_) => write!(f, "[local]:{}", self.port),
            Place::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Place::Tcp { name, .. } => write!(f, "{name}:{}", self.port),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// Everything that is needed to connect. Its `Debug` keeps the password to itself.
#[derive(Clone)]
pub struct Settings {
    pub hosts: Vec<Host>,
    pub user: String,
    pub dbname: String,
    pub password: Option<String>,
    pub passwords: Passwords,
    pub sslmode: SslMode,
    pub root: Root,
    pub certificate: Option<(PathBuf, PathBuf)>,
    pub timeout: Option<Duration>,
    pub options: Option<String>,
    pub application_name: String,
    pub wanted: Wanted,
    pub never_ask: bool,
    pub ask_first: bool,
    /// What was found and not used, for the person to know.
    pub warnings: Vec<String>,
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

/// Options by keyword, as one source gives them.
type Options = BTreeMap<String, String>;

/// Works out the settings, in libpq's order: command line, service, environment, default.
pub fn resolve(flags: &Flags, around: &Surroundings) -> Result<Settings> {
    let mut options = command_line(flags)?;
    let mut warnings = Vec::new();
    let named = |options: &Options, keyword: &str, variable: &str| {
        options
            .get(keyword)
            .cloned()
            .or_else(|| around.variable(variable))
    };
    if let Some(service) = named(&options, "service", "PGSERVICE") {
        let own = named(&options, "servicefile", "PGSERVICEFILE").map(PathBuf::from);
        for (keyword, value) in files::service(&service, own, around)? {
            options.entry(keyword).or_insert(value);
        }
    }
    // After the service file, which may ask for protection too.
    refuse_unsupported(&options, around, &mut warnings)?;
    for (keyword, variable) in KEYWORDS {
        if let Some(value) = around.variable(variable) {
            options.entry(keyword.to_owned()).or_insert(value);
        }
    }
    settle(&options, flags, around, warnings)
}

fn command_line(flags: &Flags) -> Result<Options> {
    let mut options = Options::new();
    // As psql: a conninfo is read first, and the flags beside it win.
    for name in [&flags.dbname, &flags.database].into_iter().flatten() {
        if parse::is_conninfo(name) {
            options.extend(parse::conninfo(name)?);
        } else {
            options.insert("dbname".to_owned(), name.clone());
        }
    }
    for (keyword, value) in [
        ("host", &flags.host),
        ("port", &flags.port),
        ("user", &flags.username),
    ] {
        if let Some(value) = value {
            options.insert(keyword.to_owned(), value.clone());
        }
    }
    // An empty value means that the option is not given.
    options.retain(|_, value| !value.is_empty());
    if let Some(unknown) = options.keys().find(|key| !is_known(key)) {
        let known: Vec<_> = KEYWORDS.iter().map(|(known, _)| *known).collect();
        bail!(
            "invalid connection option \"{unknown}\"{}\nRemove it from the connection string; known are: {}",
            nearest(unknown),
            known.join(", ")
        );
    }
    Ok(options)
}

fn is_known(keyword: &str) -> bool {
    KEYWORDS.iter().any(|(known, _)| *known == keyword)
        || UNSUPPORTED.iter().any(|(known, ..)| *known == keyword)
}

/// The known option that begins alike, as a hint.
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

fn refuse_unsupported(
    options: &Options,
    around: &Surroundings,
    warnings: &mut Vec<String>,
) -> Result<()> {
    for (keyword, variable, unsafe_to_ignore) in UNSUPPORTED {
        let value = options
            .get(keyword)
            .cloned()
            .or_else(|| around.variable(variable))
            .filter(|value| !value.is_empty());
        let Some(value) = value.filter(|value| !is_harmless(keyword, value)) else {
            continue;
        };
        ensure!(
            !unsafe_to_ignore,
            "connection option \"{keyword}\" is not supported, and ignoring {value:?} would be unsafe; remove it{}",
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

fn settle(
    options: &Options,
    flags: &Flags,
    around: &Surroundings,
    mut warnings: Vec<String>,
) -> Result<Settings> {
    let get = |keyword: &str| {
        options
            .get(keyword)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let user = get("user").unwrap_or(&around.os_user).to_owned();
    ensure!(!user.is_empty(), "no user name: give one with -U or PGUSER");
    let hosts = hosts(get("host"), get("hostaddr"), get("port"))?;
    let sockets_only = hosts
        .iter()
        .all(|host| matches!(host.place, Place::Socket(_)));
    let (sslmode, root) = if sockets_only {
        // As libpq: TLS is no matter of sockets, so that nothing of it can be missing.
        (
            sslmode(get("sslmode"))?.unwrap_or(SslMode::Prefer),
            Root::None,
        )
    } else {
        tls(get("sslmode"), get("sslrootcert"), around)?
    };
    let certificate = if sockets_only || sslmode == SslMode::Disable {
        None
    } else {
        certificate(
            get("sslcert"),
            get("sslkey"),
            sslmode,
            around,
            &mut warnings,
        )?
    };
    let passfile = get("passfile")
        .map(PathBuf::from)
        .or_else(|| Some(around.home.as_ref()?.join(".pgpass")));
    let passwords = Passwords::read(passfile.as_deref(), &mut warnings);
    let timeout = match get("connect_timeout") {
        None => None,
        Some(text) => {
            let seconds: i64 = text.trim().parse().with_context(|| {
                format!("invalid integer value {text:?} for connection option \"connect_timeout\"")
            })?;
            // As libpq: zero and below wait for ever, and one second is too short to be meant.
            (seconds > 0).then(|| Duration::from_secs(seconds.unsigned_abs().max(2)))
        }
    };
    Ok(Settings {
        hosts,
        dbname: get("dbname").unwrap_or(&user).to_owned(),
        user,
        password: get("password").map(str::to_owned),
        passwords,
        sslmode,
        root,
        certificate,
        timeout,
        options: get("options").map(str::to_owned),
        application_name: get("application_name").unwrap_or("hypertop").to_owned(),
        wanted: wanted(get("target_session_attrs"))?,
        never_ask: flags.no_password,
        ask_first: flags.password,
        warnings,
    })
}

fn sslmode(text: Option<&str>) -> Result<Option<SslMode>> {
    Ok(Some(match text {
        None => return Ok(None),
        Some("disable") => SslMode::Disable,
        Some("prefer" | "allow") => SslMode::Prefer,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        Some(other) => bail!(
            "invalid sslmode value: {other:?}; it is disable, allow, prefer, require, verify-ca or verify-full"
        ),
    }))
}

fn tls(mode: Option<&str>, root: Option<&str>, around: &Surroundings) -> Result<(SslMode, Root)> {
    let system = root == Some("system");
    let mut sslmode = sslmode(mode)?.unwrap_or(if system {
        SslMode::VerifyFull
    } else {
        SslMode::Prefer
    });
    if system {
        ensure!(
            sslmode == SslMode::VerifyFull,
            "weak sslmode {:?} may not be used with sslrootcert=system (use \"verify-full\")",
            mode.unwrap_or("")
        );
        return Ok((sslmode, Root::System));
    }
    let given = root.map(PathBuf::from);
    let file = given
        .clone()
        .or_else(|| around.certificate("root.crt"))
        .filter(|path| path.exists());
    if let Some(path) = &given
        && file.is_none()
        && sslmode >= SslMode::VerifyCa
    {
        bail!(
            "root certificate file {} does not exist: give the file with sslrootcert, or sslrootcert=system",
            path.display()
        );
    }
    let root = match (sslmode, file) {
        (SslMode::Disable | SslMode::Prefer, _) | (SslMode::Require, None) => Root::None,
        (SslMode::Require, Some(file)) => {
            // For compatibility with old libpq: require with a root certificate verifies the authority.
            sslmode = SslMode::VerifyCa;
            Root::File(file)
        }
        (_, Some(file)) => Root::File(file),
        (_, None) => bail!(
            "sslmode {:?} needs a root certificate: give it with sslrootcert, put it in ~/.postgresql/root.crt, or use sslrootcert=system",
            mode.unwrap_or("")
        ),
    };
    Ok((sslmode, root))
}

/// The client's certificate and key. As libpq, one that is not there is not sent.
fn certificate(
    cert: Option<&str>,
    key: Option<&str>,
    sslmode: SslMode,
    around: &Surroundings,
    warnings: &mut Vec<String>,
) -> Result<Option<(PathBuf, PathBuf)>> {
    let Some(cert_file) = cert
        .map(PathBuf::from)
        .or_else(|| around.certificate("postgresql.crt"))
    else {
        return Ok(None);
    };
    if !cert_file.exists() {
        if cert.is_some() {
            warnings.push(format!(
                "certificate file \"{}\" does not exist: no certificate is sent to the server",
                cert_file.display()
            ));
        }
        return Ok(None);
    }
    let usable = key
        .map(PathBuf::from)
        .or_else(|| around.certificate("postgresql.key"))
        .filter(|path| path.exists())
        .with_context(|| {
            format!(
                "certificate \"{}\" is there, but not its private key: give it with sslkey",
                cert_file.display()
            )
        })
        .and_then(|file| files::check_key(&file).map(|()| file));
    match usable {
        Ok(key_file) => Ok(Some((cert_file, key_file))),
        Err(error) if sslmode == SslMode::Prefer => {
            warnings.push(format!("{error:#}; no certificate is sent to the server"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
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
            "invalid target_session_attrs value: {other:?}; it is any, read-write, read-only, primary, standby or prefer-standby"
        ),
    })
}

fn hosts(host: Option<&str>, hostaddr: Option<&str>, port: Option<&str>) -> Result<Vec<Host>> {
    let list = |text: Option<&str>| {
        text.map(|text| {
            text.split(',')
                .map(|item| item.trim().to_owned())
                .collect::<Vec<_>>()
        })
    };
    let (names, addresses) = (list(host), list(hostaddr));
    if let (Some(names), Some(addresses)) = (&names, &addresses) {
        ensure!(
            names.len() == addresses.len(),
            "could not match {} host names to {} hostaddr values",
            names.len(),
            addresses.len()
        );
    }
    let count = names.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    let ports = list(port).unwrap_or_else(|| vec![String::new()]);
    ensure!(
        ports.len() == 1 || ports.len() == count,
        "could not match {} port numbers to {count} hosts",
        ports.len()
    );
    let mut hosts = Vec::new();
    for at in 0..count {
        let port = port_number(&ports[if ports.len() == 1 { 0 } else { at }])?;
        let item = |list: &Option<Vec<String>>| {
            list.as_ref()
                .map(|list| list[at].clone())
                .filter(|item| !item.is_empty())
        };
        hosts.push(Host {
            place: place(item(&names), item(&addresses), port)?,
            port,
        });
    }
    Ok(hosts)
}

fn port_number(text: &str) -> Result<u16> {
    if text.is_empty() {
        return Ok(5432);
    }
    let Ok(port) = text.parse::<i64>() else {
        bail!(
            "invalid integer value {text:?} for connection option \"port\"; give a number between 1 and 65535 with -p, port= or PGPORT"
        );
    };
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .with_context(|| format!("invalid port number: {text:?}; it is between 1 and 65535"))
}

fn place(name: Option<String>, address: Option<String>, port: u16) -> Result<Place> {
    Ok(match (name, address) {
        (Some(name), None) if name.starts_with('/') => Place::Socket(PathBuf::from(name)),
        (Some(name), None) if name.starts_with('@') => {
            bail!("host {name:?}: sockets in the abstract namespace are not supported")
        }
        (None, None) => default_socket(port).map_or_else(
            || Place::Tcp {
                name: "localhost".to_owned(),
                address: None,
            },
            Place::Socket,
        ),
        (name, address) => Place::Tcp {
            name: name.or_else(|| address.clone()).unwrap_or_default(),
            address,
        },
    })
}

/// Where Debian's and PostgreSQL's own builds put the socket.
fn default_socket(port: u16) -> Option<PathBuf> {
    let folders = ["/var/run/postgresql", "/tmp"].map(PathBuf::from);
    folders
        .into_iter()
        .find(|folder| folder.join(format!(".s.PGSQL.{port}")).exists())
}

/// For `--help`: the variables that are read, and what is not supported.
pub fn help() -> String {
    let variables: Vec<_> = KEYWORDS.iter().map(|(_, variable)| *variable).collect();
    let not: Vec<_> = UNSUPPORTED.iter().map(|(keyword, ..)| *keyword).collect();
    format!(
        "Connection: as psql. Flags and conninfo before the service file, that before the environment.\n\
         Environment: {} PGSYSCONFDIR.\n\
         Not supported: GSSAPI and SSPI, sockets in the abstract namespace, sslmode=allow is taken as prefer, \
         server certificates that are self-signed or name no host in subjectAltName cannot be verified, and these options: {}.",
        variables.join(" "),
        not.join(" ")
    )
}

#[cfg(test)]
mod tests;
