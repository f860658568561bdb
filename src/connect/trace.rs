//! Records each attempt to connect to a host, for `hypertop doctor`.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ConnectError;
use super::tap::{Ears, Heard};
use super::tls::Chain;
use crate::connect::conninfo::Host;

/// One attempt at one host.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub host: Host,
    /// The addresses of the host's name, in the order in which they are tried; empty for a socket.
    pub addresses: Vec<SocketAddr>,
    /// Each address or socket that was tried.
    pub tries: Vec<Try>,
    /// Whether TLS is requested.
    pub asks_tls: bool,
    /// The TLS version, once the handshake is done.
    pub agreed: Option<String>,
    /// The certificates that the server sent: its own, then its authorities'.
    pub chain: Chain,
    ears: Ears,
    pub failure: Option<ConnectError>,
}

/// An attempt to open an address or a socket.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    /// Address with its port, or path of the socket.
    pub target: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No answer yet.
    Pending,
    Open,
    Failed(io::ErrorKind, String),
}

impl Attempt {
    pub(crate) fn heard(&self) -> Heard {
        self.ears.heard()
    }

    /// Whether an address or a socket was opened.
    pub(crate) fn is_open(&self) -> bool {
        let last = self.tries.last();
        last.is_some_and(|last| last.outcome == Outcome::Open)
    }
}

/// All attempts, in order; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<Attempt>>>);

impl Trace {
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self, change: impl FnOnce(&mut Attempt)) {
        if let Some(last) = self.lock().last_mut() {
            change(last);
        }
    }

    pub(super) fn begin(&self, host: &Host, asks_tls: bool, chain: Chain) -> Ears {
        let ears = Ears::default();
        self.lock().push(Attempt {
            host: host.clone(),
            addresses: Vec::new(),
            tries: Vec::new(),
            asks_tls,
            agreed: None,
            chain,
            ears: ears.clone(),
            failure: None,
        });
        ears
    }

    pub(super) fn found(&self, addresses: &[SocketAddr]) {
        self.last(|of| of.addresses = addresses.to_vec());
    }

    pub(super) fn tries(&self, target: impl Into<String>) {
        let target = target.into();
        let outcome = Outcome::Pending;
        self.last(|of| of.tries.push(Try { target, outcome }));
    }

    /// Records how the last [`Try`] ended.
    pub(super) fn tried<T>(&self, ended: &io::Result<T>) {
        let outcome = match ended {
            Ok(_) => Outcome::Open,
            Err(error) => Outcome::Failed(error.kind(), error.to_string()),
        };
        self.last(|of| {
            if let Some(last) = of.tries.last_mut() {
                last.outcome = outcome;
            }
        });
    }

    pub(super) fn agreed(&self, version: Option<String>) {
        self.last(|of| of.agreed = version);
    }

    pub(super) fn fails(&self, error: &ConnectError) {
        self.last(|of| of.failure = Some(error.clone()));
    }
}
