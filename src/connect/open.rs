//! Connects to one host once, by socket or TCP, with or without TLS.

use std::io;
use std::path::PathBuf;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc::Receiver;
use tokio_postgres::config::SslMode as Negotiate;
use tokio_postgres::{Client, Config, NoTls};

use super::connected::{Connected, Peer};
use super::error::{ConnectError, FailureKind, explain, together, unreachable};
use super::notices::drive;
use super::packet;
use super::tap::Tap;
use super::tls::{self, Chain, Tls};
use super::trace::Trace;
use crate::connect::conninfo::{CONNECT_TIMEOUT, Host, Keepalive, Place, Settings, SslMode};

pub(super) async fn open(
    settings: &Settings,
    host: &Host,
    password: Option<&[u8]>,
    packed: bool,
    trace: &Trace,
) -> Result<Connected, ConnectError> {
    let config = config(settings, password, packed);
    let way = Way {
        host,
        keepalive: settings.keepalive,
        had_password: password.is_some(),
        trace,
    };
    let Place::Tcp { name, .. } = &host.place else {
        return way.socket(config).await;
    };
    let mode = match settings.sslmode {
        SslMode::Disable => return way.tcp(config, None, Chain::default()).await,
        SslMode::Prefer => Negotiate::Prefer,
        _ => Negotiate::Require,
    };
    let chain = Chain::default();
    let rules = tls::config(settings, chain.clone()).map_err(|error| {
        trace.begin(host, true, chain.clone());
        ConnectError::new(FailureKind::Tls, format!("{error:#}"))
    })?;
    let connector = Tls::new(rules, name.clone(), settings.sslmode == SslMode::VerifyFull);
    let mut secured = config.clone();
    secured.ssl_mode(mode);
    match way.tcp(secured, Some(connector), chain).await {
        // As in libpq, `prefer` tries again without TLS if the server refuses TLS. Unlike libpq, hypertop does not try again after a failed
        // handshake: rustls accepts fewer certificates than OpenSSL, and the password would be sent in plaintext.
        Err(first)
            if mode == Negotiate::Prefer
                && first.by_server
                && matches!(first.kind, FailureKind::Tls | FailureKind::NotAdmitted) =>
        {
            let second = way.tcp(config, None, Chain::default()).await;
            second.map_err(|second| together(vec![first, second]))
        }
        other => other,
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

/// The parameters that all attempts at a host share.
struct Way<'a> {
    host: &'a Host,
    keepalive: Keepalive,
    had_password: bool,
    trace: &'a Trace,
}

impl Way<'_> {
    async fn socket(&self, config: Config) -> Result<Connected, ConnectError> {
        let path = PathBuf::from(self.host.way());
        let ears = self.trace.begin(self.host, false, Chain::default());
        self.trace.tries(path.display().to_string());
        let opened = UnixStream::connect(&path).await;
        self.trace.tried(&opened);
        let stream = opened
            .map_err(|error| unreachable(&format!("socket \"{}\"", path.display()), &error))?;
        let (client, connection) = config
            .connect_raw(Tap::new(stream, ears, false), NoTls)
            .await
            .map_err(|error| self.failed(&error))?;
        let notices = drive(connection);
        Ok(self.connected(client, notices, Peer::Socket(path), None))
    }

    async fn tcp(
        &self,
        config: Config,
        connector: Option<Tls>,
        chain: Chain,
    ) -> Result<Connected, ConnectError> {
        let ears = self.trace.begin(self.host, connector.is_some(), chain);
        let target = self.host.target();
        let lost = |error: io::Error| {
            unreachable(&format!("\"{target}\", port {}", self.host.port), &error)
        };
        let stream = self.reach(target).await.map_err(lost)?;
        let peer = Peer::Tcp(stream.peer_addr().map_err(lost)?);
        // An error is ignored: without TCP_NODELAY the connection is only slower.
        let _ = stream.set_nodelay(true);
        believe(&stream, self.keepalive).map_err(lost)?;
        let stream = Tap::new(stream, ears.clone(), connector.is_some());
        let failed = |error: tokio_postgres::Error| self.failed(&error);
        let Some(tls) = connector else {
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
            return Ok(self.connected(client, drive(connection), peer, None));
        };
        let tls = tls.heard_by(ears);
        let agreed = tls.agreed();
        let version = || agreed.lock().ok().and_then(|agreed| agreed.clone());
        let opened = config.connect_raw(stream, tls.clone()).await;
        self.trace.agreed(version());
        let (client, connection) = opened.map_err(failed)?;
        let connected = self.connected(client, drive(connection), peer, Some(tls));
        Ok(Connected {
            tls: version(),
            ..connected
        })
    }

    /// Connects to the addresses of a name, one after the other, until one answers.
    async fn reach(&self, target: &str) -> io::Result<TcpStream> {
        let addresses: Vec<_> = tokio::net::lookup_host((target, self.host.port))
            .await?
            .collect();
        self.trace.found(&addresses);
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
        for address in addresses {
            self.trace.tries(address.to_string());
            let opened = TcpStream::connect(address).await;
            self.trace.tried(&opened);
            match opened {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn failed(&self, error: &tokio_postgres::Error) -> ConnectError {
        let error = explain(error, self.host, self.had_password);
        self.trace.fails(&error);
        error
    }

    fn connected(
        &self,
        client: Client,
        notices: Receiver<String>,
        peer: Peer,
        connector: Option<Tls>,
    ) -> Connected {
        Connected {
            client,
            notices,
            host: self.host.to_string(),
            tls: None,
            password: None,
            trusted: Vec::new(),
            limit: CONNECT_TIMEOUT,
            connector,
            peer,
            at: self.host.clone(),
        }
    }
}

/// Sets keepalive, by which the kernel notices a dead peer.
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
