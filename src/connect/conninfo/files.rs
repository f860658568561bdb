//! The files that libpq reads: services, passwords, keys.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::hosts::{Host, Place};
use super::keywords::is_known;
use super::surroundings::Surroundings;

/// One line of a service.
pub(super) struct Entry {
    pub keyword: String,
    pub value: OsString,
    /// For messages: the file and the line.
    pub place: String,
}

/// The entries of a service, from the first file that has it.
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
    // As in libpq, the comparison ends at the bracket: a comment may follow it.
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
            "syntax error in {place}: {keyword:?} is no connection option"
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

/// The lines of a password file, as bytes; its `Debug` shows none.
#[derive(Clone, Default)]
pub struct Passwords(Vec<Vec<u8>>);

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passwords({} lines)", self.0.len())
    }
}

impl Passwords {
    /// Reads the file. One that others can read is not used, with a warning.
    pub fn read(file: Option<&Path>, warnings: &mut Vec<String>) -> Self {
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

    pub fn parse(bytes: &[u8]) -> Self {
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let meant = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        Self(meant.map(<[u8]>::to_vec).collect())
    }

    /// The password of the first line that matches. A socket in the default folder matches `localhost`, too.
    pub fn find(&self, host: &Host, dbname: &str, user: &str) -> Option<Vec<u8>> {
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
        self.0.iter().find_map(|line| password(line))
    }
}

/// The rest of a line after its first field and colon, if that field is a star or equals this text. As in libpq, `\`
/// escapes the next byte: `\*` is no wildcard.
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

/// The last field: up to the first colon that is not escaped.
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

/// A private key must not be readable by others; one that root owns may be readable by its group.
pub(crate) fn check_key(file: &Path) -> Result<()> {
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
