//! The doctor's step for the connection settings, with the source of each setting.

use anyhow::Error;

use super::files::is_of_file;
use super::step::Step;
use crate::connect::conninfo::{Given, Host, Place, Provenance, Settings, SslMode, Wanted};

/// Settings that are shown first, in this order, even if they have their defaults.
const ALWAYS: [&str; 6] = [
    "host",
    "port",
    "user",
    "dbname",
    "sslmode",
    "target_session_attrs",
];

/// The step `settings` if the settings are invalid.
pub(super) fn unusable(error: &Error, seen: &Provenance) -> Step {
    let text = format!("{error:#}");
    let (what, fix) = text.split_once('\n').unwrap_or((&text, ""));
    let fix = if fix.is_empty() {
        "correct the setting where it comes from (see above)"
    } else {
        fix
    };
    let mut step = Step::ok("settings", what);
    for keyword in seen.keywords() {
        step.evidence.extend(lines(keyword, seen, None));
    }
    step.fail(fix)
}

/// The step `settings`: the source of every value.
pub(super) fn settings(settings: &Settings, seen: &Provenance) -> Step {
    let mut evidence = Vec::new();
    for keyword in ALWAYS {
        evidence.extend(lines(keyword, seen, Some(default(keyword, settings))));
    }
    let others = seen.keywords().into_iter();
    for keyword in others.filter(|of| !ALWAYS.contains(of) && *of != "password") {
        evidence.extend(lines(keyword, seen, None));
    }
    evidence.extend(password(settings, seen));
    if settings.sslmode == SslMode::VerifyCa && value(seen, "sslmode") == Some("require") {
        evidence.push(
            "sslmode=require means verify-ca here, because there is a root certificate".to_owned(),
        );
    }
    let step = Step::lines("settings", evidence);
    let warnings = settings.warnings.iter().filter(|of| !is_of_file(of));
    warnings.fold(step, |step, warning| {
        step.and(warning.clone())
            .warn("remove the setting that has no effect")
    })
}

fn value<'a>(seen: &'a Provenance, keyword: &str) -> Option<&'a str> {
    seen.of(keyword)?.value.as_deref()
}

/// The value in force, then the values that it overrides.
fn lines(keyword: &str, seen: &Provenance, default: Option<String>) -> Vec<String> {
    let shown = |of: &Given| of.value.clone().unwrap_or_else(|| "(not shown)".to_owned());
    let mut lines = Vec::new();
    match (seen.of(keyword), default) {
        (Some(of), _) => lines.push(format!("{keyword} {}: {}", shown(of), of.from)),
        (None, Some(default)) => lines.push(format!("{keyword} {default}: default")),
        (None, None) => {}
    }
    let passed = seen.passed_over(keyword);
    lines.extend(passed.map(|of| format!("  overridden: {} from {}", shown(of), of.from)));
    lines
}

fn default(keyword: &str, settings: &Settings) -> String {
    let hosts = || settings.hosts.iter();
    match keyword {
        "host" => {
            let all: Vec<_> = hosts().map(name_of).collect();
            all.join(",")
        }
        "port" => {
            let all: Vec<_> = hosts().map(|host| host.port.to_string()).collect();
            all.join(",")
        }
        "user" => settings.user.clone(),
        "dbname" => settings.dbname.clone(),
        "sslmode" => match settings.sslmode {
            SslMode::Disable => "disable",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
        .to_owned(),
        _ => match settings.wanted {
            Wanted::Any => "any",
            Wanted::ReadWrite => "read-write",
            Wanted::ReadOnly => "read-only",
            Wanted::Primary => "primary",
            Wanted::Standby => "standby",
            Wanted::PreferStandby => "prefer-standby",
        }
        .to_owned(),
    }
}

fn name_of(host: &Host) -> String {
    match &host.place {
        Place::Socket(folder) => folder.display().to_string(),
        Place::Tcp { name, .. } => name.clone(),
    }
}

/// The source of the password, for each host.
fn password(settings: &Settings, seen: &Provenance) -> Vec<String> {
    let mut lines = lines("password", seen, None);
    if settings.password.as_ref().is_some_and(|of| !of.is_empty()) {
        return lines;
    }
    let none = if settings.never_ask {
        "none, and hypertop does not ask for one (-w)"
    } else {
        "none; hypertop asks for one if the server requires it"
    };
    for host in &settings.hosts {
        let line = (settings.passwords).line(host, &settings.dbname, &settings.user);
        let from = match (line, &settings.passfile) {
            (Some(line), Some(file)) => format!("{}, line {line}", file.display()),
            _ => none.to_owned(),
        };
        let said = if settings.hosts.len() == 1 {
            format!("password: {from}")
        } else {
            format!("password for {host}: {from}")
        };
        lines.push(said);
    }
    lines
}
