//! An open connection, the address of its server, and how to cancel its statements.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc::Receiver;
use tokio_postgres::{Client, NoTls};

use crate::connect::conninfo::{Host, Place, Settings, Wanted};
use crate::connect::tls::Tls;

/// Time limit for sending a cancel to a server that does not answer.
const CANCEL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Connected {
    pub client: Client,
    /// Server as shown in the header: `db1:5432`, `[local]:5432`.
    pub host: String,
    /// TLS version. `None`: not encrypted.
    pub tls: Option<String>,
    /// Password that the user entered, for later connections. `None`: none was entered.
    pub password: Option<String>,
    /// Roles whose code a read may run on this connection.
    pub(crate) trusted: Vec<String>,
    /// The server's notices and warnings.
    pub(crate) notices: Receiver<String>,
    /// Time limit for each answer while the session is set up.
    pub(crate) limit: Duration,
    pub(super) connector: Option<Tls>,
    pub(super) peer: Peer,
    pub(super) at: Host,
}

/// The server's exact address, for cancels. A host name may lead to several servers.
#[derive(Debug, Clone)]
pub(super) enum Peer {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

impl Peer {
    /// True if the address belongs to another machine.
    fn is_elsewhere(&self) -> bool {
        match self {
            Self::Socket(_) => false,
            Self::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        }
    }
}

impl Connected {
    /// Exact address of the server, as [`Host::way`].
    pub(crate) fn way(&self) -> String {
        self.at.way()
    }

    /// True if the connection uses a network. Its actual address decides: a socket and a loopback address are local.
    pub(crate) fn is_by_network(&self) -> bool {
        self.peer.is_elsewhere()
    }

    /// The settings with this connection's server as the only host, because a host name may lead to several servers.
    pub(crate) fn only_here(&self, settings: &Settings) -> Settings {
        let mut at = self.at.clone();
        // An IPv6 address with a scope cannot be written as a host, so the host keeps its name.
        if let (Place::Tcp { address, .. }, Peer::Tcp(peer)) = (&mut at.place, &self.peer)
            && !matches!(peer, SocketAddr::V6(peer) if peer.scope_id() != 0)
        {
            *address = Some(peer.ip().to_string());
        }
        Settings {
            hosts: vec![at],
            wanted: Wanted::Any,
            ..settings.clone()
        }
    }

    /// Returns a future that cancels the running statement. It waits (at most 5 s) until the server has signalled the backend, so
    /// that the cancel does not hit a later statement.
    pub fn canceller(&self) -> impl Future<Output = ()> + Send + use<> {
        let token = self.client.cancel_token();
        let (connector, peer) = (self.connector.clone(), self.peer.clone());
        async move {
            // Errors are ignored, because the statement has a time limit of its own.
            let cancel = async {
                match peer {
                    Peer::Socket(path) => {
                        let mut stream = UnixStream::connect(path).await?;
                        let sent = token.cancel_query_raw(&mut stream, NoTls).await;
                        sent.map_err(std::io::Error::other)?;
                        closed(stream).await
                    }
                    Peer::Tcp(address) => {
                        let stream = TcpStream::connect(address).await?.into_std()?;
                        let end = TcpStream::from_std(stream.try_clone()?)?;
                        let stream = TcpStream::from_std(stream)?;
                        let sent = match connector {
                            Some(tls) => token.cancel_query_raw(stream, tls).await,
                            None => token.cancel_query_raw(stream, NoTls).await,
                        };
                        sent.map_err(std::io::Error::other)?;
                        closed(end).await
                    }
                }
            };
            let _ = tokio::time::timeout(CANCEL, cancel).await;
        }
    }
}

/// Waits until the server closes the connection. The server does so after it has signalled the backend.
async fn closed(mut stream: impl AsyncRead + Unpin) -> std::io::Result<()> {
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
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
