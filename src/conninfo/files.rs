//! The files that libpq reads: services, passwords, keys.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::keywords::is_known;
use super::{Host, Place, Surroundings};

/// The entries of a service, from the first file that has it.
pub fn service(
    name: &str,
    own: Option<PathBuf>,
    around: &Surroundings,
) -> Result<Vec<(String, String)>> {
    let in_home = || Some(around.home.as_ref()?.join(".pg_service.conf"));
    let system = around
        .variable("PGSYSCONFDIR")
        .unwrap_or_else(|| "/etc/postgresql-common".to_owned());
    let files: Vec<PathBuf> = own
        .or_else(in_home)
        .into_iter()
        .chain([PathBuf::from(system).join("pg_service.conf")])
        .collect();
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else {
            continue;
        };
        if let Some(entries) = entries(&text, name, file)? {
            return Ok(entries);
        }
    }
    let looked: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    bail!(
        "definition of service \"{name}\" not found; looked in {}",
        looked.join(" and ")
    )
}

fn entries(text: &str, name: &str, file: &Path) -> Result<Option<Vec<(String, String)>>> {
    let mut found: Option<Vec<(String, String)>> = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            if found.is_some() {
                break;
            }
            if line == format!("[{name}]") {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(entries) = &mut found else {
            continue;
        };
        let place = || format!("in service file \"{}\", line {}", file.display(), at + 1);
        let (keyword, value) = line
            .split_once('=')
            .with_context(|| format!("syntax error {}: write keyword=value", place()))?;
        ensure!(
            keyword != "service",
            "nested service specifications not supported {}",
            place()
        );
        ensure!(
            is_known(keyword),
            "syntax error {}: \"{keyword}\" is no connection option",
            place()
        );
        if !entries.iter().any(|(other, _)| other == keyword) {
            entries.push((keyword.to_owned(), value.to_owned()));
        }
    }
    Ok(found)
}

/// The lines of a password file; its `Debug` shows none.
#[derive(Clone, Default)]
pub struct Passwords(Vec<[String; 5]>);

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passwords({} lines)", self.0.len())
    }
}

impl Passwords {
    /// Reads the file if it may be trusted: one that others can read is passed over, with a warning.
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
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(
            lines
                .filter_map(|line| fields(line).try_into().ok())
                .collect(),
        )
    }

    /// The first line that fits; a socket in the default place, too, is called `localhost`.
    pub fn find(&self, host: &Host, dbname: &str, user: &str) -> Option<&str> {
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
        let fits = |field: &String, value: &str| field == "*" || field == value;
        let line = self.0.iter().find(|[a, p, d, u, _]| {
            names.iter().any(|name| fits(a, name))
                && fits(p, &port)
                && fits(d, dbname)
                && fits(u, user)
        });
        line.map(|fields| fields[4].as_str())
    }
}

/// `host:port:database:user:password`, with `\` before a colon or a backslash that is meant.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let count = fields.len();
        match (c, fields.last_mut()) {
            (':', _) if count < 5 => fields.push(String::new()),
            ('\\', Some(field)) => field.extend(chars.next()),
            (c, Some(field)) => field.push(c),
            (_, None) => {}
        }
    }
    fields
}

/// A private key must not be readable by others; one that root owns may be readable by its group.
pub fn check_key(file: &Path) -> Result<()> {
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
