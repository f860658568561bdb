//! The files that the connection uses, and their permissions.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::step::{State, Step};
use crate::connect::conninfo::{Provenance, Root, Settings};
use crate::model::text;

/// Whether a warning is about a file.
pub(super) fn is_of_file(warning: &str) -> bool {
    warning.starts_with("password file") || warning.starts_with("certificate")
}

/// The files that the connection uses, with their permissions.
pub(super) fn files(settings: &Settings, seen: &Provenance) -> Step {
    let mut evidence = Vec::new();
    let mut add = |what: &str, file: &Path| match std::fs::metadata(file) {
        Ok(about) => {
            let mode = about.permissions().mode() & 0o7777;
            evidence.push(format!("{what} {}: mode {mode:04o}", file.display()));
        }
        Err(error) => evidence.push(format!("{what} {}: {error}", file.display())),
    };
    let is_given = seen.of("passfile").is_some();
    if let Some(file) = &settings.passfile
        && (is_given || file.exists())
    {
        add("passwords", file);
    }
    if let Root::File(file) = &settings.root {
        add("root certificates", file);
    }
    if let Some((certificate, key)) = &settings.certificate {
        add("own certificate", certificate);
        add("its key", key);
    }
    if let Some(file) = &settings.revoked {
        add("revoked certificates", file);
    }
    if evidence.is_empty() {
        evidence.push("none is used".to_owned());
    }
    let step = Step::lines("files", evidence);
    let warnings = settings.warnings.iter().filter(|of| is_of_file(of));
    warnings.fold(step, |step, warning| {
        step.and(warning.clone()).warn(fix_of(warning, settings))
    })
}

fn fix_of(warning: &str, settings: &Settings) -> String {
    match &settings.passfile {
        Some(file) if is_ignored(warning) => {
            format!(
                "chmod 600 {}",
                text::shell_word(&file.display().to_string())
            )
        }
        _ if warning.starts_with("password file") => {
            "set passfile or PGPASSFILE to the path of a plain file".to_owned()
        }
        _ => "set both sslcert and sslkey, and let nobody but you read the key's file".to_owned(),
    }
}

fn is_ignored(warning: &str) -> bool {
    warning.starts_with("password file") && warning.contains("group or world access")
}

/// If the password file is ignored because of its permissions: the step `files`, marked as failed. Otherwise `None`.
pub(super) fn blame(files: Step, settings: &Settings) -> Option<Step> {
    let ignored = settings.warnings.iter().any(|of| is_ignored(of));
    ignored.then_some(Step {
        state: State::Fail,
        ..files
    })
}
