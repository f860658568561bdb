//! Connects to one host once, by socket or TCP, with or without TLS.

use std::io;
use std::path::PathBuf;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::SslMode as Negotiate;
use tokio_postgres::{Config, NoTls};

use super::connected::{Connected, Peer};
use super::error::{ConnectError, FailureKind, explain, together, unreachable};
use super::notices::drive;
use super::packet;
use super::tls::{self, Tls};
use crate::connect::conninfo::{CONNECT_TIMEOUT, Host, Keepalive, Place, Settings, SslMode};

pub(super) async fn open(
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
                .map_err(|error| ConnectError::new(FailureKind::Tls, format!("{error:#}")))?;
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
                // As in libpq, `prefer` tries again without TLS if the server refuses TLS. Unlike libpq, it does not do
                // so after a failed handshake: rustls accepts fewer certificates than OpenSSL, and the password would
                // be sent in plaintext.
                Err(first)
                    if mode == Negotiate::Prefer
                        && first.by_server
                        && matches!(first.kind, FailureKind::Tls | FailureKind::NotAdmitted) =>
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

/// Driver settings for a connection without TLS. `packed`: the start-up packet includes [`packet::options`].
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
        tls: None,
        password: None,
        trusted: Vec::new(),
        limit: CONNECT_TIMEOUT,
        connector: None,
        peer: Peer::Socket(path),
        at: host.clone(),
    })
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
    // If this fails, the connection is only slower.
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
        tls: agreed,
        password: None,
        trusted: Vec::new(),
        limit: CONNECT_TIMEOUT,
        connector,
        peer,
        at: host.clone(),
    })
}

/// Sets keepalive, with which the kernel detects a dead peer.
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
