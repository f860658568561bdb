//! Hosts: names, addresses, sockets and ports.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Folder of the server's socket.
    Socket(PathBuf),
    Tcp {
        /// Name for certificates, `.pgpass` and messages.
        name: String,
        /// Address to connect to. `None`: the name is looked up.
        address: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub place: Place,
    pub port: u16,
}

impl Host {
    /// The address to connect to, or else the name; empty for a socket.
    pub(crate) fn target(&self) -> &str {
        match &self.place {
            Place::Tcp { name, address } => address.as_ref().unwrap_or(name),
            Place::Socket(_) => "",
        }
    }

    /// Exact address: path of the socket, or address (else name) with the port.
    pub(crate) fn way(&self) -> String {
        let port = self.port;
        match &self.place {
            Place::Socket(folder) => {
                let path = folder.join(format!(".s.PGSQL.{port}"));
                path.display().to_string()
            }
            Place::Tcp { .. } => {
                let target = self.target();
                if target.contains(':') {
                    format!("[{target}]:{port}")
                } else {
                    format!("{target}:{port}")
                }
            }
        }
    }
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

pub(super) fn hosts(
    host: Option<&str>,
    hostaddr: Option<&str>,
    port: Option<&str>,
) -> Result<Vec<Host>> {
    let list = |text: Option<&str>| {
        text.map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>())
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
    let Ok(port) = text.trim().parse::<i64>() else {
        bail!(
            "invalid integer value {text:?} for connection option \"port\"; give a number between 1 and 65535 with -p, port= or PGPORT"
        );
    };
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .with_context(|| {
            format!("invalid port number: {text:?}; write a number between 1 and 65535")
        })
}

/// True if the text is an IP address. As in libpq, short forms (`127.1`) and IPv6 scopes (`fe80::1%eth0`) are accepted.
fn is_address(text: &str) -> bool {
    if text.contains(':') {
        let bare = text.split_once('%').map_or(text, |(bare, _)| bare);
        return bare.parse::<Ipv6Addr>().is_ok();
    }
    let is_number = |part: &str| {
        let hexadecimal = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        hexadecimal.map_or_else(
            || part.parse::<u32>().is_ok(),
            |digits| u32::from_str_radix(digits, 16).is_ok(),
        )
    };
    text.split('.').count() <= 4 && text.split('.').all(is_number)
}

fn place(name: Option<String>, address: Option<String>, port: u16) -> Result<Place> {
    if let Some(address) = &address {
        ensure!(
            is_address(address),
            "could not parse network address {address:?}: hostaddr must be an IP address; give a name with -h or host="
        );
    }
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

/// The first folder with a socket for this port: Debian's default, then PostgreSQL's own. `None`: there is no socket.
fn default_socket(port: u16) -> Option<PathBuf> {
    let folders = ["/var/run/postgresql", "/tmp"].map(PathBuf::from);
    folders
        .into_iter()
        .find(|folder| folder.join(format!(".s.PGSQL.{port}")).exists())
}
