//! Files that libpq reads: service files, password files, private keys.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::hosts::{Host, Place};
use super::keywords::is_known;
use super::surroundings::Surroundings;

/// One option in a service file.
pub(super) struct Entry {
    pub keyword: String,
    pub value: OsString,
    /// File and line, for messages.
    pub place: String,
}

/// The options of a service, from the first file that has the service.
pub(super) fn service(
    name: &OsStr,
    own: Option<PathBuf>,
    around: &Surroundings,
) -> Result<Vec<Entry>> {
    let in_home = || Some(around.home.as_ref()?.join(".pg_service.conf"));
    let system = around
        .variable("PGSYSCONFDIR")
        .unwrap_or_else(|| "/etc/postgresql-common".into());
    let files: Vec<PathBuf> = own
        .or_else(in_home)
        .into_iter()
        .chain([PathBuf::from(system).join("pg_service.conf")])
        .collect();
    for file in &files {
        let Ok(bytes) = std::fs::read(file) else {
            continue;
        };
        if let Some(entries) = entries(&bytes, name, file)? {
            return Ok(entries);
        }
    }
    let looked: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    bail!(
        "definition of service \"{}\" not found; looked in {}",
        name.display(),
        looked.join(" and ")
    )
}

fn entries(bytes: &[u8], name: &OsStr, file: &Path) -> Result<Option<Vec<Entry>>> {
    // As in libpq, text after the closing bracket is ignored.
    let heading = [b"[", name.as_bytes(), b"]"].concat();
    let mut found: Option<Vec<Entry>> = None;
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if line.starts_with(b"[") {
            if found.is_some() {
                break;
            }
            if line.starts_with(&heading) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(entries) = &mut found else {
            continue;
        };
        let place = format!("service file \"{}\", line {}", file.display(), at + 1);
        let equals = line.iter().position(|byte| *byte == b'=');
        let equals =
            equals.with_context(|| format!("syntax error in {place}: write keyword=value"))?;
        let keyword = String::from_utf8_lossy(&line[..equals]).into_owned();
        ensure!(
            keyword != "service",
            "nested service specifications not supported in {place}"
        );
        ensure!(
            is_known(&keyword),
            "syntax error in {place}: {keyword:?} is not a connection option"
        );
        if !entries.iter().any(|other| other.keyword == keyword) {
            entries.push(Entry {
                keyword,
                value: OsString::from_vec(line[equals + 1..].to_vec()),
                place,
            });
        }
    }
    Ok(found)
}

/// The lines of a password file, with their numbers from 1. The `Debug` text omits the lines.
#[derive(Clone, Default)]
pub(crate) struct Passwords(Vec<(usize, Vec<u8>)>);

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passwords({} lines)", self.0.len())
    }
}

impl Passwords {
    /// Reads the file. A file that other users can read is ignored, with a warning.
    pub(super) fn read(file: Option<&Path>, warnings: &mut Vec<String>) -> Self {
        let Some((file, about)) = file.and_then(|file| Some((file, std::fs::metadata(file).ok()?)))
        else {
            return Self::default();
        };
        if !about.is_file() {
            warnings.push(format!(
                "password file \"{}\" is not a plain file",
                file.display()
            ));
            return Self::default();
        }
        if about.mode() & 0o077 != 0 {
            warnings.push(format!(
                "password file \"{}\" has group or world access and is not used; permissions should be u=rw (0600) or less",
                file.display()
            ));
            return Self::default();
        }
        Self::parse(&std::fs::read(file).unwrap_or_default())
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
        let lines = lines.map(|(nth, line)| (nth, line.strip_suffix(b"\r").unwrap_or(line)));
        let meant = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"));
        Self(meant.map(|(nth, line)| (nth, line.to_vec())).collect())
    }

    /// The password of the first matching line. A socket in a default folder also matches `localhost`.
    pub(crate) fn find(&self, host: &Host, dbname: &str, user: &str) -> Option<Vec<u8>> {
        self.found(host, dbname, user).map(|(_, password)| password)
    }

    /// Number (from 1) of the line that [`Self::find`] takes the password from.
    pub(crate) fn line(&self, host: &Host, dbname: &str, user: &str) -> Option<usize> {
        self.found(host, dbname, user).map(|(nth, _)| nth)
    }

    fn found(&self, host: &Host, dbname: &str, user: &str) -> Option<(usize, Vec<u8>)> {
        let names = match &host.place {
            Place::Tcp { name, .. } => vec![name.clone()],
            Place::Socket(folder) => {
                let usual = ["/tmp", "/var/run/postgresql"]
                    .map(Path::new)
                    .contains(&folder.as_path());
                let folder = folder.to_string_lossy().into_owned();
                if usual {
                    vec!["localhost".to_owned(), folder]
                } else {
                    vec![folder]
                }
            }
        };
        let port = host.port.to_string();
        let password = |line: &[u8]| {
            let rest = names.iter().find_map(|name| after(line, name.as_bytes()))?;
            let rest = after(rest, port.as_bytes())?;
            let rest = after(after(rest, dbname.as_bytes())?, user.as_bytes())?;
            Some(plain(rest))
        };
        let mut lines = self.0.iter();
        lines.find_map(|(nth, line)| Some((*nth, password(line)?)))
    }
}

/// The text after the first field and its colon, if the field is `*` or equals `value`. As in libpq, `\` escapes the
/// next byte, so `\*` is no wildcard. `None`: no match.
fn after<'a>(line: &'a [u8], value: &[u8]) -> Option<&'a [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let (mut at, mut wanted) = (0, value.iter());
    while let Some(mut byte) = line.get(at) {
        if *byte == b':' && wanted.as_slice().is_empty() {
            return Some(&line[at + 1..]);
        }
        if *byte == b'\\' {
            at += 1;
            byte = line.get(at)?;
        }
        if wanted.next() != Some(byte) {
            return None;
        }
        at += 1;
    }
    None
}

/// The last field without its escapes, up to the first unescaped colon.
fn plain(field: &[u8]) -> Vec<u8> {
    let mut password = Vec::new();
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next().filter(|byte| **byte != b':') {
        let meant = if *byte == b'\\' {
            bytes.next().unwrap_or(byte)
        } else {
            byte
        };
        password.push(*meant);
    }
    password
}

/// Refuses a private key that other users can read. A key that root owns may be readable by its group.
pub(super) fn check_key(file: &Path) -> Result<()> {
    let about = std::fs::metadata(file)
        .with_context(|| format!("private key file \"{}\"", file.display()))?;
    let forbidden = if about.uid() == 0 { 0o037 } else { 0o077 };
    ensure!(
        about.mode() & forbidden == 0,
        "private key file \"{}\" has group or world access; it must have permissions u=rw (0600) or less if owned by the current user, or u=rw,g=r (0640) or less if owned by root",
        file.display()
    );
    Ok(())
}
