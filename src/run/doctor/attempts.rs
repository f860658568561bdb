//! The doctor's steps for the connection. They come from the trace of what the connector did.

use std::io::ErrorKind;

use super::encryption;
use super::journey::Journey;
use super::stage::{Stage, blame, failed_at};
use super::step::{State, Step};
use crate::connect::conninfo::{Place, Wanted};
use crate::connect::tap::Heard;
use crate::connect::trace::{Attempt, Outcome};

/// The steps from looking up the host name to the database.
pub(super) fn steps(journey: &Journey<'_>) -> Vec<Step> {
    let stages = Stage::OF_ATTEMPTS.into_iter();
    stages.map(|stage| journey.step(stage)).collect()
}

impl Journey<'_> {
    fn step(&self, stage: Stage) -> Step {
        let end = self.end();
        let name = stage.name();
        if let Some(end) = end.filter(|end| *end < stage) {
            return Step::skipped(name, format!("not reached: {} failed", end.name()));
        }
        let mut step = Step::lines(name, Vec::new());
        for (nth, attempt) in self.attempts.iter().enumerate() {
            let at = failed_at(attempt);
            let is_last = nth + 1 == self.attempts.len();
            // An attempt that failed before this step has no evidence for it.
            let reached = at.is_none_or(|at| at >= stage);
            if reached {
                let before = step.evidence.len();
                step = self.seen(stage, attempt, step);
                // Repeated attempts at one host have the same evidence, which is kept once.
                let new = step.evidence.split_off(before);
                let new: Vec<_> = new
                    .into_iter()
                    .filter(|line| !step.evidence.contains(line))
                    .collect();
                step.evidence.extend(new);
            }
            if at != Some(stage) {
                continue;
            }
            let before = step.state;
            step = failed(stage, attempt, step, self);
            let by_choice = stage == Stage::Target && self.settings.wanted == Wanted::PreferStandby;
            if self.connected || !is_last {
                // Another attempt followed, so this failure is not final.
                step.state = if by_choice { before } else { State::Warn };
            }
        }
        if step.evidence.is_empty() {
            let why = match end {
                // A full server, or a pooler that does not know the database, refuses the connection before the login.
                Some(end) if end > stage => "not reached: the connection was refused earlier",
                _ => "not tried",
            };
            return Step::skipped(name, why);
        }
        step
    }

    /// Adds the evidence of an attempt that reached the step.
    fn seen(&self, stage: Stage, attempt: &Attempt, step: Step) -> Step {
        let heard = attempt.heard();
        match stage {
            Stage::Name => name(attempt, step),
            Stage::Network => network(attempt, step),
            Stage::Tls => encryption::seen(self, attempt, step),
            Stage::Server => server(&heard, step),
            Stage::Login => login(&heard, attempt, self, step),
            Stage::Database if heard.pid.is_some() => step.and(format!(
                "database {:?} admits role {}",
                self.settings.dbname, self.settings.user
            )),
            Stage::Target if attempt.failure.is_none() => {
                let wanted = self.settings.wanted;
                step.and(match wanted {
                    Wanted::Any => "any server is accepted".to_owned(),
                    _ => format!("{} fits target_session_attrs", attempt.host),
                })
            }
            _ => step,
        }
    }
}

fn name(attempt: &Attempt, step: Step) -> Step {
    let Place::Tcp { name, address } = &attempt.host.place else {
        return step.and("a socket on this machine: no name to look up");
    };
    let asked = address.as_ref().unwrap_or(name);
    if attempt.addresses.is_empty() {
        return step;
    }
    let all: Vec<_> = attempt
        .addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    let by = if address.is_some() { " (hostaddr)" } else { "" };
    step.and(if all == [asked.clone()] {
        format!("{asked}{by} is an address")
    } else {
        format!("{asked}{by} is {}", all.join(", "))
    })
}

fn network(attempt: &Attempt, mut step: Step) -> Step {
    for tried in &attempt.tries {
        let ended = match &tried.outcome {
            Outcome::Open => "open".to_owned(),
            Outcome::Pending => "no answer".to_owned(),
            Outcome::Failed(_, error) => error.clone(),
        };
        step = step.and(format!("{}: {ended}", tried.target));
        // Another address of the same name works, but every connection first tries this address and waits for it.
        if matches!(tried.outcome, Outcome::Failed(..)) && attempt.is_open() {
            step = step.warn(format!(
                "remove the address {} from the host name (DNS or /etc/hosts), or let the server listen on it",
                tried.target
            ));
        }
    }
    step
}

fn server(heard: &Heard, step: Step) -> Step {
    if heard.anything && heard.foreign.is_none() {
        step.and("speaks PostgreSQL's protocol")
    } else {
        step
    }
}

fn login(heard: &Heard, attempt: &Attempt, journey: &Journey<'_>, step: Step) -> Step {
    let Some(method) = heard.method else {
        return step;
    };
    let how = match method {
        0 => "no password (trust, peer, ident or a certificate)",
        3 => "a password in plaintext (password, ldap, pam or radius)",
        5 => "a password by MD5",
        7 | 8 => "GSSAPI",
        9 => "SSPI",
        10 => "a password by SCRAM",
        _ => "an unknown method",
    };
    let user = &journey.settings.user;
    let step = step.and(if heard.admitted {
        format!("{user} is admitted: the server required {how}")
    } else {
        format!("for {user} the server requires {how}")
    });
    if method == 3 && attempt.agreed.is_none() && !matches!(attempt.host.place, Place::Socket(_)) {
        return step.warn("the password crosses the network in plaintext: use sslmode=verify-full, or scram-sha-256 in pg_hba.conf");
    }
    step
}

/// Adds the failure, with its fix.
fn failed(stage: Stage, attempt: &Attempt, step: Step, journey: &Journey<'_>) -> Step {
    let Some(failure) = &attempt.failure else {
        return step;
    };
    match stage {
        Stage::Name => {
            let what = failure.to_string();
            let what = what.lines().next().unwrap_or_default();
            step.and(what).fail(
                "correct the name (-h), or add it to DNS or /etc/hosts; hostaddr= sets the address directly",
            )
        }
        Stage::Network => unreached(attempt, step),
        Stage::Tls => encryption::failed(journey, attempt, step, failure),
        Stage::Server if attempt.heard().foreign.is_some() => {
            let heard = attempt.heard().foreign.unwrap_or_default();
            let heard: String = heard.escape_ascii().to_string();
            step.and(format!("the answer is not PostgreSQL's: {heard}"))
                .fail("another program uses this port: correct the host (-h) and the port (-p)")
        }
        Stage::Target => step.and(failure.to_string()).fail(
            "name a host that fits target_session_attrs (-h, several with commas), or change target_session_attrs",
        ),
        _ => blame(step, failure),
    }
}

/// Adds the fix for an attempt that got no answer from PostgreSQL. The fix depends on the cause.
fn unreached(attempt: &Attempt, step: Step) -> Step {
    let port = attempt.host.port;
    if attempt.is_open() {
        let timed_out = (attempt.failure.as_ref())
            .is_some_and(|failure| failure.to_string().contains("timed out"));
        return if timed_out {
            step.and("the connection is accepted, but nothing is sent").fail(
                "a proxy or load balancer accepts connections while its server is down, or the server hangs: check the server on its own machine (pg_isready), and everything in between",
            )
        } else {
            step.and("the connection is accepted and closed at once, before anything is sent").fail(
                "a proxy, load balancer or port forward (ssh -L, kubectl) accepts connections, but has no server behind it: correct its target, or connect to the server itself",
            )
        };
    }
    let last = attempt.tries.last();
    let kind = last.and_then(|last| match &last.outcome {
        Outcome::Failed(kind, _) => Some(*kind),
        _ => None,
    });
    let at_socket = matches!(attempt.host.place, Place::Socket(_));
    step.fail(match kind {
        None | Some(ErrorKind::TimedOut) => format!(
            "no answer: a firewall, a security group or a network policy drops the packets. Allow this machine to reach TCP port {port} of the server (connect_timeout limits the wait)"
        ),
        Some(ErrorKind::ConnectionRefused) if at_socket => {
            "the server that created this socket is not running: start PostgreSQL".to_owned()
        }
        Some(ErrorKind::ConnectionRefused) => format!(
            "the machine answers, but no server listens on port {port}: start PostgreSQL, or correct its port and listen_addresses; otherwise correct -h and -p"
        ),
        Some(ErrorKind::NotFound) => {
            "there is no server socket: start the server, name the folder of its socket (unix_socket_directories) with -h, or connect by TCP with -h localhost".to_owned()
        }
        Some(ErrorKind::PermissionDenied) => {
            "this user may not open the socket: check unix_socket_permissions and the permissions of the folders above it".to_owned()
        }
        Some(ErrorKind::ConnectionReset) => {
            "something in between (a proxy, a load balancer) resets the connection: correct its target, or connect to the server itself".to_owned()
        }
        Some(_) => "this machine cannot reach the server's address: check the address, the route and the VPN".to_owned(),
    })
}
