//! Connecting: host after host, with the password that fits each, and errors that say the mend.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Negotiate;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::conninfo::{Host, Place, Settings, SslMode, Wanted};
use crate::tls::{self, Tls};

/// A connection that stands.
#[derive(Debug)]
pub struct Connected {
    pub client: Client,
    /// Ends when the connection does.
    pub driver: JoinHandle<()>,
    /// For the header: `db1:5432`, `[local]:5432`.
    pub host: String,
    /// The TLS version; `None` where it is not encrypted.
    pub tls: Option<String>,
    /// What was asked from the person, to be used again.
    pub password: Option<String>,
    connector: Option<Tls>,
    place: Host,
}

impl Connected {
    /// Stops on the server what this connection runs.
    pub fn canceller(&self) -> impl Future<Output = ()> + Send + use<> {
        let token = self.client.cancel_token();
        let (connector, place) = (self.connector.clone(), self.place.clone());
        async move {
            // A cancel that does not get through changes nothing: the statement has its own time limit.
            let _ = match (place.place, connector) {
                (Place::Socket(folder), _) => {
                    let path = folder.join(format!(".s.PGSQL.{}", place.port));
                    match UnixStream::connect(path).await {
                        Ok(stream) => token.cancel_query_raw(stream, NoTls).await.is_ok(),
                        Err(_) => false,
                    }
                }
                (Place::Tcp { name, address }, connector) => {
                    let target = address.unwrap_or(name);
                    match (
                        TcpStream::connect((target.as_str(), place.port)).await,
                        connector,
                    ) {
                        (Ok(stream), Some(tls)) => {
                            token.cancel_query_raw(stream, tls).await.is_ok()
                        }
                        (Ok(stream), None) => token.cancel_query_raw(stream, NoTls).await.is_ok(),
                        (Err(_), _) => false,
                    }
                }
            };
        }
    }
}

/// What kind of failure it was, for those who branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nobody answers there.
    Unreachable,
    /// The server wants a password, and there is none.
    NoPassword,
    Password,
    Database,
    Role,
    Tls,
    Other,
}

#[derive(Debug, Clone)]
pub struct ConnectError {
    pub kind: Kind,
    text: String,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConnectError {}

impl ConnectError {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

/// How a person is asked for a password: the prompt in, the password out.
pub type Ask<'a> = &'a mut dyn FnMut(&str) -> Result<String>;

/// Connects, asking for a password where one is wanted and none is known (unless `-w`).
pub async fn connect(settings: &Settings, ask: Ask<'_>) -> Result<Connected, ConnectError> {
    let prompt = format!("Password for user {}: ", settings.user);
    let mut asked = None;
    let mut ask_now = |asked: &mut Option<String>| -> Result<(), ConnectError> {
        let password = ask(&prompt)
            .map_err(|error| ConnectError::new(Kind::NoPassword, format!("{error:#}")))?;
        *asked = Some(password);
        Ok(())
    };
    if settings.ask_first {
        ask_now(&mut asked)?;
    }
    match again(settings, asked.as_deref()).await {
        Err(error) if error.kind == Kind::NoPassword && !settings.never_ask && asked.is_none() => {
            ask_now(&mut asked)?;
            again(settings, asked.as_deref()).await
        }
        other => other,
    }
}

/// Connects without asking anybody: `password` is what a person gave before.
pub async fn again(settings: &Settings, password: Option<&str>) -> Result<Connected, ConnectError> {
    let passes: &[Wanted] = match settings.wanted {
        Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
        ref wanted => std::slice::from_ref(wanted),
    };
    let mut failures: Vec<ConnectError> = Vec::new();
    for wanted in passes {
        for host in &settings.hosts {
            match try_host(settings, host, password, *wanted).await {
                Ok(connected) => return Ok(connected),
                // As libpq: a wrong password is final, a server that is not there is not.
                Err(error) if matches!(error.kind, Kind::Password | Kind::NoPassword) => {
                    return Err(error);
                }
                Err(error) => failures.push(error),
            }
        }
    }
    let kind = failures.last().map_or(Kind::Other, |error| error.kind);
    failures.dedup_by(|a, b| a.text == b.text);
    let texts: Vec<_> = failures.into_iter().map(|error| error.text).collect();
    Err(ConnectError::new(kind, texts.join("\n")))
}

async fn try_host(
    settings: &Settings,
    host: &Host,
    asked: Option<&str>,
    wanted: Wanted,
) -> Result<Connected, ConnectError> {
    let known = settings.password.as_deref().or_else(|| {
        settings
            .passwords
            .find(host, &settings.dbname, &settings.user)
    });
    let password = asked.or(known);
    let attempt = async {
        let connected = open(settings, host, password).await?;
        check_wanted(&connected, host, wanted).await?;
        Ok(connected)
    };
    let mut connected = match settings.timeout {
        None => attempt.await?,
        Some(limit) => tokio::time::timeout(limit, attempt)
            .await
            .unwrap_or_else(|_| Err(timed_out(host, limit)))?,
    };
    connected.password = asked.map(str::to_owned);
    Ok(connected)
}

fn timed_out(host: &Host, limit: Duration) -> ConnectError {
    let text = format!(
        "connection to server at {host} timed out after {} s: is a firewall in between? (connect_timeout)",
        limit.as_secs()
    );
    ConnectError::new(Kind::Unreachable, text)
}

async fn open(
    settings: &Settings,
    host: &Host,
    password: Option<&str>,
) -> Result<Connected, ConnectError> {
    let mut config = Config::new();
    config
        .user(&settings.user)
        .dbname(&settings.dbname)
        .application_name(&settings.application_name);
    if let Some(password) = password {
        config.password(password);
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    let failed = |error: tokio_postgres::Error| explain(&error, settings, host, password.is_some());
    match &host.place {
        Place::Socket(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", host.port));
            let stream = UnixStream::connect(&path)
                .await
                .map_err(|error| unreachable(&format!("socket \"{}\"", path.display()), &error))?;
            config.ssl_mode(Negotiate::Disable);
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
            Ok(connected(
                client,
                tokio::spawn(drive(connection)),
                host,
                None,
            ))
        }
        Place::Tcp { name, address } => {
            let target = address.as_deref().unwrap_or(name);
            let stream = TcpStream::connect((target, host.port)).await;
            let stream = stream.map_err(|error| {
                unreachable(&format!("\"{target}\", port {}", host.port), &error)
            })?;
            let _ = stream.set_nodelay(true);
            if settings.sslmode == SslMode::Disable {
                config.ssl_mode(Negotiate::Disable);
                let (client, connection) =
                    config.connect_raw(stream, NoTls).await.map_err(failed)?;
                return Ok(connected(
                    client,
                    tokio::spawn(drive(connection)),
                    host,
                    None,
                ));
            }
            config.ssl_mode(if settings.sslmode == SslMode::Prefer {
                Negotiate::Prefer
            } else {
                Negotiate::Require
            });
            let rules = tls::config(settings)
                .map_err(|error| ConnectError::new(Kind::Tls, format!("{error:#}")))?;
            let connector = Tls::new(rules, name.clone());
            let agreed = connector.agreed();
            let (client, connection) = config
                .connect_raw(stream, connector.clone())
                .await
                .map_err(failed)?;
            let mut connected = connected(
                client,
                tokio::spawn(drive(connection)),
                host,
                Some(connector),
            );
            connected.tls = agreed.lock().ok().and_then(|agreed| agreed.clone());
            Ok(connected)
        }
    }
}

fn connected(
    client: Client,
    driver: JoinHandle<()>,
    host: &Host,
    connector: Option<Tls>,
) -> Connected {
    Connected {
        client,
        driver,
        host: host.to_string(),
        tls: None,
        password: None,
        connector,
        place: host.clone(),
    }
}

/// Runs the connection until it ends; the server's notices are read and dropped.
async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // Why it ended is told to whoever waits for an answer.
    let _ = connection.await;
}

async fn check_wanted(
    connected: &Connected,
    host: &Host,
    wanted: Wanted,
) -> Result<(), ConnectError> {
    if wanted == Wanted::Any {
        return Ok(());
    }
    let asked = connected
        .client
        .query_typed(
            "select pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'",
            &[],
        )
        .await;
    let facts = asked.ok().and_then(|rows| {
        Some((
            rows.first()?.try_get(0).ok()?,
            rows.first()?.try_get(1).ok()?,
        ))
    });
    let Some((standby, read_only)): Option<(bool, bool)> = facts else {
        return Err(ConnectError::new(
            Kind::Other,
            format!("server at {host} did not say whether it is a standby"),
        ));
    };
    let refused = match wanted {
        Wanted::ReadWrite if standby || read_only => "session is read-only",
        Wanted::ReadOnly if !standby && !read_only => "session is not read-only",
        Wanted::Primary if standby => "server is in hot standby mode",
        Wanted::Standby | Wanted::PreferStandby if !standby => "server is not in hot standby mode",
        _ => return Ok(()),
    };
    Err(ConnectError::new(
        Kind::Unreachable,
        format!("connection to server at {host} failed: {refused} (target_session_attrs)"),
    ))
}

fn unreachable(target: &str, error: &std::io::Error) -> ConnectError {
    use std::io::ErrorKind;
    let mend = match error.kind() {
        ErrorKind::ConnectionRefused => "Is the server running there and accepting connections?",
        ErrorKind::NotFound => {
            "Is the server running locally and accepting connections on that socket? Give another folder with -h, or a host."
        }
        ErrorKind::PermissionDenied => "This user may not open it.",
        ErrorKind::TimedOut => "Is a firewall in between?",
        _ => "Is the host's name right, and can it be reached?",
    };
    ConnectError::new(
        Kind::Unreachable,
        format!("connection to server at {target} failed: {error}\n{mend}"),
    )
}

/// The server's own words, and what mends it.
fn explain(
    error: &tokio_postgres::Error,
    settings: &Settings,
    host: &Host,
    had_password: bool,
) -> ConnectError {
    let Some(told) = error.as_db_error() else {
        return explain_client(error, host, had_password);
    };
    let code = told.code();
    let (kind, mend) = if *code == SqlState::INVALID_PASSWORD {
        (
            Kind::Password,
            "Check the password: PGPASSWORD, ~/.pgpass or what was typed.",
        )
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        (
            Kind::Database,
            "psql -l lists the databases; name one with -d.",
        )
    } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        && told.message().contains("pg_hba.conf")
    {
        (
            Kind::Other,
            "The server's pg_hba.conf has no line that admits this host, user and database (or it wants another sslmode).",
        )
    } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
        (
            Kind::Role,
            "Name another role with -U; the default is the operating system's user.",
        )
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        (
            Kind::Other,
            "max_connections is reached: hypertop needs two connections.",
        )
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        (
            Kind::Unreachable,
            "The server is starting or stopping; try again in a moment.",
        )
    } else {
        (Kind::Other, "")
    };
    let text = format!(
        "connection to server at {host} failed: {}: {}",
        told.severity(),
        told.message()
    );
    let _ = settings;
    ConnectError::new(
        kind,
        if mend.is_empty() {
            text
        } else {
            format!("{text}\n{mend}")
        },
    )
}

fn explain_client(error: &tokio_postgres::Error, host: &Host, had_password: bool) -> ConnectError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    if text.contains("password missing") && !had_password {
        let mend = "fe_sendauth: no password supplied\nGive one in ~/.pgpass or PGPASSWORD, or leave -w out to be asked.";
        return ConnectError::new(
            Kind::NoPassword,
            format!("connection to server at {host} failed: {mend}"),
        );
    }
    let tls = ["certificate", "TLS", "tls"]
        .iter()
        .any(|word| text.contains(word));
    let mend = if text.contains("does not support TLS") {
        "The server has no TLS: sslmode=prefer or disable connects without it."
    } else if text.contains("UnknownIssuer") {
        "The server's certificate is not signed by an authority in sslrootcert."
    } else if text.contains("not valid for name") {
        "The certificate is for another host name: connect by that name (hostaddr gives the address), or use sslmode=verify-ca."
    } else if tls {
        "sslmode, sslrootcert and sslcert decide how TLS is checked."
    } else {
        ""
    };
    let kind = if tls { Kind::Tls } else { Kind::Other };
    let text = format!("connection to server at {host} failed: {text}");
    ConnectError::new(
        kind,
        if mend.is_empty() {
            text
        } else {
            format!("{text}\n{mend}")
        },
    )
}
