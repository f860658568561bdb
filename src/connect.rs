//! Connecting: host after host, with the password that fits each, and errors that say the fix.

pub mod conninfo;
mod error;
pub mod packet;
pub mod tls;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Negotiate;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage};

use crate::connect::conninfo::{
    CONNECT_TIMEOUT, Host, Keepalive, Place, Settings, SslMode, Wanted,
};
use crate::connect::tls::Tls;
use crate::model::{text, trust};

pub use error::{ConnectError, Kind};
use error::{explain, timed_out, together, unreachable};

/// A connection that stands.
#[derive(Debug)]
pub struct Connected {
    pub client: Client,
    /// Ends when the connection does.
    pub driver: JoinHandle<()>,
    /// For the header: `db1:5432`, `[local]:5432`.
    pub host: String,
    /// Exactly what was connected to; see [`Host::way`].
    pub way: String,
    /// The TLS version; `None` where it is not encrypted.
    pub tls: Option<String>,
    /// What was asked from the person, to be used again.
    pub password: Option<String>,
    /// Whose code looking may run here.
    pub trusted: Vec<String>,
    /// The server's notices and warnings.
    pub notices: Receiver<String>,
    /// So long each answer that sets the session up is waited for.
    pub limit: Duration,
    connector: Option<Tls>,
    peer: Peer,
}

/// Where exactly it is connected to: a cancel has to reach the same server, and a name may lead to several.
#[derive(Debug, Clone)]
enum Peer {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

impl Peer {
    /// What is sent there leaves this machine, as far as the address tells.
    fn is_elsewhere(&self) -> bool {
        match self {
            Self::Socket(_) => false,
            Self::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        }
    }
}

impl Connected {
    /// It leads over a network: the peer is neither a socket of this machine nor a loopback address, whatever the host
    /// is called.
    pub fn is_by_network(&self) -> bool {
        self.peer.is_elsewhere()
    }

    /// Stops on the server what this connection runs.
    pub fn canceller(&self) -> impl Future<Output = ()> + Send + use<> {
        let token = self.client.cancel_token();
        let (connector, peer) = (self.connector.clone(), self.peer.clone());
        async move {
            // A cancel that does not get through changes nothing: the statement has its own time limit.
            let _ = match (peer, connector) {
                (Peer::Socket(path), _) => match UnixStream::connect(path).await {
                    Ok(stream) => token.cancel_query_raw(stream, NoTls).await.is_ok(),
                    Err(_) => false,
                },
                (Peer::Tcp(address), connector) => {
                    match (TcpStream::connect(address).await, connector) {
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
    match attempt(settings, asked.as_deref(), settings.timeout).await {
        Err(error) if error.kind == Kind::NoPassword && !settings.never_ask && asked.is_none() => {
            ask_now(&mut asked)?;
            attempt(settings, asked.as_deref(), settings.timeout).await
        }
        other => other,
    }
}

/// Connects without asking anybody: `password` is what a person gave before. As nobody looks on, it never waits for ever.
pub async fn again(settings: &Settings, password: Option<&str>) -> Result<Connected, ConnectError> {
    let limit = settings.timeout.unwrap_or(CONNECT_TIMEOUT);
    attempt(settings, password, Some(limit)).await
}

async fn attempt(
    settings: &Settings,
    password: Option<&str>,
    limit: Option<Duration>,
) -> Result<Connected, ConnectError> {
    let passes: &[Wanted] = match settings.wanted {
        Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
        ref wanted => std::slice::from_ref(wanted),
    };
    let mut failures: Vec<ConnectError> = Vec::new();
    for wanted in passes {
        for host in &settings.hosts {
            match try_host(settings, host, password, *wanted, limit).await {
                Ok(connected) => return Ok(connected),
                Err(error) if error.kind == Kind::Unreachable => failures.push(error),
                // As libpq: a server that answers no is final, one that is not there or not wanted is not.
                Err(error) => {
                    failures.push(error);
                    return Err(together(failures));
                }
            }
        }
    }
    Err(together(failures))
}

async fn try_host(
    settings: &Settings,
    host: &Host,
    asked: Option<&str>,
    wanted: Wanted,
    limit: Option<Duration>,
) -> Result<Connected, ConnectError> {
    let given = asked.map(|text| text.as_bytes().to_vec());
    let given = given.or_else(|| settings.password.clone());
    let kept = || {
        let (dbname, user) = (&settings.dbname, &settings.user);
        settings.passwords.find(host, dbname, user)
    };
    // As libpq: an empty one is none.
    let password = given.or_else(kept);
    let password = password.as_deref().filter(|password| !password.is_empty());
    let attempt = async {
        let connected = match open(settings, host, password, true).await {
            // Its session is set up by statements alone.
            Err(error) if error.kind == Kind::Options => {
                open(settings, host, password, false).await?
            }
            other => other?,
        };
        let set = packet::statements();
        (connected.client.batch_execute(&set).await)
            .map_err(|error| explain(&error, host, password.is_some()))?;
        check_wanted(&connected, host, wanted).await?;
        Ok(connected)
    };
    let mut connected = match limit {
        None => attempt.await?,
        Some(limit) => tokio::time::timeout(limit, attempt)
            .await
            .unwrap_or_else(|_| Err(timed_out(host, limit)))?,
    };
    connected.password = asked.map(str::to_owned);
    connected.trusted = trust::owners(&settings.trust, &connected.host, &settings.dbname);
    connected.limit = limit.unwrap_or(CONNECT_TIMEOUT);
    Ok(connected)
}

async fn open(
    settings: &Settings,
    host: &Host,
    password: Option<&[u8]>,
    packed: bool,
) -> Result<Connected, ConnectError> {
    let config = config(settings, password, packed);
    match &host.place {
        Place::Socket(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", host.port));
            open_socket(config, host, path, password.is_some()).await
        }
        Place::Tcp { name, .. } => {
            let mode = match settings.sslmode {
                SslMode::Disable => {
                    return open_tcp(config, settings.keepalive, host, None, password.is_some())
                        .await;
                }
                SslMode::Prefer => Negotiate::Prefer,
                _ => Negotiate::Require,
            };
            let rules = tls::config(settings)
                .map_err(|error| ConnectError::new(Kind::Tls, format!("{error:#}")))?;
            let connector = Tls::new(rules, name.clone(), settings.sslmode == SslMode::VerifyFull);
            let mut secured = config.clone();
            secured.ssl_mode(mode);
            match open_tcp(
                secured,
                settings.keepalive,
                host,
                Some(connector),
                password.is_some(),
            )
            .await
            {
                // As libpq: prefer tries without TLS where the server does not admit it with TLS. Not where the handshake
                // fails: rustls takes less than OpenSSL does, and the password would go out in clear.
                Err(first)
                    if mode == Negotiate::Prefer
                        && first.by_server
                        && matches!(first.kind, Kind::Tls | Kind::NotAdmitted) =>
                {
                    let second =
                        open_tcp(config, settings.keepalive, host, None, password.is_some()).await;
                    second.map_err(|second| together(vec![first, second]))
                }
                other => other,
            }
        }
    }
}

/// Without TLS, until that is set; `packed`: with what every session has in its start-up packet.
fn config(settings: &Settings, password: Option<&[u8]>, packed: bool) -> Config {
    let mut config = Config::new();
    config
        .user(&settings.user)
        .dbname(&settings.dbname)
        .application_name(&settings.application_name)
        .ssl_mode(Negotiate::Disable);
    if let Some(password) = password {
        config.password(password);
    }
    let own = settings.options.as_deref();
    if packed {
        config.options(packet::options(own));
    } else if let Some(own) = own {
        config.options(own);
    }
    config
}

async fn open_socket(
    config: Config,
    host: &Host,
    path: PathBuf,
    had_password: bool,
) -> Result<Connected, ConnectError> {
    let stream = UnixStream::connect(&path)
        .await
        .map_err(|error| unreachable(&format!("socket \"{}\"", path.display()), &error))?;
    let (client, connection) = config
        .connect_raw(stream, NoTls)
        .await
        .map_err(|error| explain(&error, host, had_password))?;
    let (driver, notices) = drive(connection);
    Ok(Connected {
        client,
        driver,
        notices,
        host: host.to_string(),
        way: host.way(),
        tls: None,
        password: None,
        trusted: Vec::new(),
        limit: CONNECT_TIMEOUT,
        connector: None,
        peer: Peer::Socket(path),
    })
}

/// Lets the kernel find out that the peer is dead.
fn believe(stream: &TcpStream, keepalive: Keepalive) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_keepalive(keepalive.on)?;
    if keepalive.on {
        let mut rules = TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            rules = rules.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            rules = rules.with_interval(interval);
        }
        if let Some(count) = keepalive.count {
            rules = rules.with_retries(count);
        }
        socket.set_tcp_keepalive(&rules)?;
    }
    #[cfg(target_os = "linux")]
    if keepalive.user_timeout.is_some() {
        socket.set_tcp_user_timeout(keepalive.user_timeout)?;
    }
    Ok(())
}

async fn open_tcp(
    config: Config,
    keepalive: Keepalive,
    host: &Host,
    connector: Option<Tls>,
    had_password: bool,
) -> Result<Connected, ConnectError> {
    let target = match &host.place {
        Place::Tcp {
            address: Some(address),
            ..
        } => address,
        Place::Tcp { name, .. } => name,
        Place::Socket(_) => "",
    };
    let lost = |error: io::Error| unreachable(&format!("\"{target}\", port {}", host.port), &error);
    let stream = TcpStream::connect((target, host.port))
        .await
        .map_err(lost)?;
    let peer = Peer::Tcp(stream.peer_addr().map_err(lost)?);
    // Slower without, but no reason to fail.
    let _ = stream.set_nodelay(true);
    believe(&stream, keepalive).map_err(lost)?;
    let failed = |error: tokio_postgres::Error| explain(&error, host, had_password);
    let (client, (driver, notices), agreed) = match connector.clone() {
        None => {
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
            (client, drive(connection), None)
        }
        Some(tls) => {
            let agreed = tls.agreed();
            let (client, connection) = config.connect_raw(stream, tls).await.map_err(failed)?;
            let agreed = agreed.lock().ok().and_then(|agreed| agreed.clone());
            (client, drive(connection), agreed)
        }
    };
    Ok(Connected {
        client,
        driver,
        notices,
        host: host.to_string(),
        way: host.way(),
        tls: agreed,
        password: None,
        trusted: Vec::new(),
        limit: CONNECT_TIMEOUT,
        connector,
        peer,
    })
}

/// So many notices are kept until somebody reads them.
const NOTICES: usize = 500;

/// Runs the connection until it ends, and collects the server's notices.
fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
) -> (JoinHandle<()>, Receiver<String>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (told, notices) = channel(NOTICES);
    let driver = tokio::spawn(async move {
        // Why it ended is told to whoever waits for an answer.
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message {
                // A session whose notices nobody reads drops them, and one that is flooded does not fill the memory.
                let mut words = text::bounded(notice.message());
                if let Some(detail) = notice.detail().filter(|_| notice.severity() == "WARNING") {
                    words = format!("{words} ({})", text::bounded(detail));
                }
                let _ = told.try_send(match told.capacity() {
                    0 => continue,
                    1 => "further notices came faster than they were read, and are left out"
                        .to_owned(),
                    _ => format!("{}: {words}", notice.severity()),
                });
            }
        }
    });
    (driver, notices)
}

async fn check_wanted(
    connected: &Connected,
    host: &Host,
    wanted: Wanted,
) -> Result<(), ConnectError> {
    if wanted == Wanted::Any {
        return Ok(());
    }
    let client = &connected.client;
    let standby = said(client, "select pg_catalog.pg_is_in_recovery()", "t").await;
    let read_only = said(client, "show default_transaction_read_only", "on").await;
    let Some((standby, read_only)) = standby.zip(read_only) else {
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

/// Whether the server's one answer is this; `None`: it gave none. As libpq, asked with nothing that can be shadowed.
async fn said(client: &Client, sql: &str, expected: &str) -> Option<bool> {
    let answer = client.simple_query(sql).await.ok()?;
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0) == Some(expected)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_and_a_loopback_address_are_of_this_machine_and_nothing_else_is() {
        assert!(!Peer::Socket(PathBuf::from("/tmp/.s.PGSQL.5432")).is_elsewhere());
        for (address, elsewhere) in [
            ("127.0.0.1:5432", false),
            ("127.8.9.10:5432", false),
            ("[::1]:5432", false),
            ("[::ffff:127.0.0.1]:5432", false),
            ("10.0.0.5:5432", true),
            ("128.0.0.1:5432", true),
            ("[::ffff:10.0.0.5]:5432", true),
            ("[fe80::1]:5432", true),
            ("0.0.0.0:5432", true),
        ] {
            let peer = Peer::Tcp(address.parse().unwrap());
            assert_eq!(peer.is_elsewhere(), elsewhere, "{address}");
        }
    }
}
