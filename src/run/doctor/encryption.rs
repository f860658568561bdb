//! The doctor's step for TLS: version, certificates with names and expiry, and whether `verify-full` would accept the
//! certificates.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::journey::Journey;
use super::stage::blame;
use super::step::Step;
use crate::connect::conninfo::{Place, Root, SslMode};
use crate::connect::trace::Attempt;
use crate::connect::{ConnectError, tls};
use crate::model::moment::Stamp;
use crate::model::text;

/// A certificate that expires within this time is a warning.
const SOON_SECONDS: f64 = 14.0 * 86_400.0;

/// The properties of a certificate that are shown.
struct Certificate {
    subject: String,
    issuer: String,
    names: Vec<String>,
    from: Stamp,
    until: Stamp,
}

fn read(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or_else(Vec::new, |names| {
        let names = names.value.general_names.iter();
        names.filter_map(name_of).collect()
    });
    let stamp = |seconds: i64| Stamp(seconds.saturating_mul(1_000_000));
    let validity = certificate.validity();
    Some(Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names,
        from: stamp(validity.not_before.timestamp()),
        until: stamp(validity.not_after.timestamp()),
    })
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(std::net::Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// Adds what an attempt to connect shows about TLS.
pub(super) fn seen(journey: &Journey<'_>, attempt: &Attempt, step: Step) -> Step {
    let Place::Tcp { name, .. } = &attempt.host.place else {
        return step.and("not needed for a socket on this machine");
    };
    let heard = attempt.heard();
    let chain = attempt.chain.certificates();
    let mut step = step;
    if let Some(version) = &attempt.agreed {
        step = step.and(version.clone());
    } else if heard.tls == Some(b'N') {
        step = step.and("the server does not support TLS (ssl is off)");
    } else if attempt.asks_tls && heard.tls.is_none() && heard.anything {
        step = step.and("requested, but not answered");
    } else if !attempt.asks_tls && attempt.is_open() {
        step = step.and("not requested");
    }
    let is_plain = !attempt.asks_tls || heard.tls == Some(b'N');
    if attempt.is_open() && is_plain && (heard.admitted || attempt.failure.is_none()) {
        step = in_clear(attempt, step);
    }
    for (nth, certificate) in chain.iter().enumerate() {
        step = certificate_seen(nth, certificate, journey.now, step);
    }
    if attempt.agreed.is_some() && !chain.is_empty() {
        let (root, from) = root(journey);
        let verified = tls::verify_full(journey.settings, &root, &chain, name);
        let is_used = journey.settings.sslmode == SslMode::VerifyFull;
        step = step.and(match verified {
            Ok(()) if is_used => "sslmode=verify-full accepts the certificate".to_owned(),
            Ok(()) => {
                format!("sslmode=verify-full would accept the certificate (certificate authorities: {from})")
            }
            Err(error) => format!(
                "sslmode=verify-full would refuse the certificate (certificate authorities: {from}): {error:#}"
            ),
        });
    }
    step
}

fn in_clear(attempt: &Attempt, step: Step) -> Step {
    let opened = attempt.tries.last().map(|last| &last.target);
    let opened = opened.and_then(|target| target.parse::<std::net::SocketAddr>().ok());
    if opened.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
        return step
            .and("everything crosses the network in plaintext")
            .warn("set sslmode=verify-full with sslrootcert on this machine, and ssl = on on the server if it is off");
    }
    step
}

/// The certificate authorities that verify-full would trust on this machine, and their source as text.
fn root(journey: &Journey<'_>) -> (Root, String) {
    match &journey.settings.usual_root {
        Some(file) => (Root::File(file.clone()), file.display().to_string()),
        None => (Root::System, "this machine's store".to_owned()),
    }
}

fn certificate_seen(nth: usize, certificate: &CertificateDer<'_>, now: Stamp, step: Step) -> Step {
    let Some(of) = read(certificate) else {
        return step.and("the certificate cannot be parsed");
    };
    let what = if nth == 0 {
        "certificate"
    } else {
        "authority sent with the certificate"
    };
    let names = if nth > 0 {
        String::new()
    } else if of.names.is_empty() {
        " without a host name (subjectAltName)".to_owned()
    } else {
        format!(" for {}", of.names.join(", "))
    };
    let step = step.and(format!(
        "{what} {}{names}, issued by {}, valid until {} ({})",
        of.subject,
        of.issuer,
        text::moment(of.until),
        days(of.until, now)
    ));
    let left = of.until.seconds_since(now);
    if left < SOON_SECONDS {
        return step.warn(renew(&of, now));
    }
    step
}

/// `in 364 days`, `20 days ago`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the number of days is small"
)]
fn days(until: Stamp, now: Stamp) -> String {
    let days = (until.seconds_since(now) / 86_400.0).floor() as i64;
    if days >= 0 {
        format!("in {}", text::plural(days, "day"))
    } else {
        format!("{} ago", text::plural(-days, "day"))
    }
}

fn renew(of: &Certificate, now: Stamp) -> String {
    let verb = if of.until < now { "expired" } else { "expires" };
    format!(
        "renew the certificate {} (it {verb} {}): install the new one as ssl_cert_file and ssl_key_file on the server, and reload the server",
        of.subject,
        text::moment(of.until)
    )
}

/// Adds the failure of the handshake, with its fix.
pub(super) fn failed(
    journey: &Journey<'_>,
    attempt: &Attempt,
    step: Step,
    failure: &ConnectError,
) -> Step {
    let chain = attempt.chain.certificates();
    let all: Vec<_> = chain.iter().filter_map(read).collect();
    let text = failure.to_string();
    let what = text.lines().next().unwrap_or_default();
    let now = journey.now;
    if let Some(ended) = all.iter().find(|of| of.until < now) {
        let mut step = step.and(what);
        // Only a new certificate helps, so the fixes for other causes are removed.
        step.fix.clear();
        return step.fail(renew(ended, now));
    }
    if let Some(early) = all.iter().find(|of| of.from > now) {
        return step.and(what).fail(format!(
            "the certificate is valid from {} on: set the clock of this machine, or of the machine that issued the certificate",
            text::moment(early.from)
        ));
    }
    if text.contains("UnknownIssuer")
        && let Some(last) = all.last()
    {
        let (_, from) = root(journey);
        return step.and(what).fail(format!(
            "{from} does not contain the authority that issued the certificate: add the certificate of {}, or name another file with sslrootcert",
            last.issuer
        ));
    }
    blame(step, failure)
}
