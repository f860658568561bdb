//! PostgreSQL's server programs on this machine, and the TimescaleDB versions installed for them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Folder of PostgreSQL's server programs.
#[derive(Debug, Clone)]
pub struct Programs(pub(super) PathBuf);

impl Programs {
    /// Searches the folder that `HYPERTOP_PG_BIN` names, or else the usual folders. The error says what to install.
    pub fn find() -> Result<Self> {
        if let Some(named) = std::env::var_os("HYPERTOP_PG_BIN") {
            let named = PathBuf::from(named);
            return Self::within(&named).with_context(|| {
                format!(
                    "HYPERTOP_PG_BIN names {}, which does not have PostgreSQL's initdb and postgres",
                    named.display()
                )
            });
        }
        let path: OsString = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        for (parent, inner) in [
            ("/usr/lib/postgresql", "bin"),
            ("/usr/libexec/postgresql", ""),
            ("/opt/homebrew/opt", "bin"),
            ("/usr/local/opt", "bin"),
            ("/home/linuxbrew/.linuxbrew/opt", "bin"),
            ("/Applications/Postgres.app/Contents/Versions", "bin"),
            ("/usr", "bin"),
        ] {
            folders.extend(
                versions(Path::new(parent))
                    .into_iter()
                    .map(|folder| folder.join(inner)),
            );
        }
        let found = folders.iter().find_map(|folder| Self::within(folder));
        found.context(
            "PostgreSQL's server programs (initdb, postgres) were not found. Install them:\n\
             \x20 Debian, Ubuntu: apt-get install postgresql\n\
             \x20 Fedora, RHEL:   dnf install postgresql-server\n\
             \x20 macOS:          brew install postgresql@17\n\
             or name their folder in HYPERTOP_PG_BIN.",
        )
    }

    fn within(folder: &Path) -> Option<Self> {
        // If initdb is a link in a folder of PATH, the other programs are in the folder that the link leads to.
        let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
        let folder = initdb.parent()?;
        let has_all = folder.join("postgres").exists();
        has_all.then(|| Self(folder.to_path_buf()))
    }

    fn ask_config(&self, what: &str) -> Option<PathBuf> {
        let output = Command::new(self.0.join("pg_config"))
            .arg(what)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(PathBuf::from(text.trim())).filter(|path| path.is_absolute())
    }

    /// Folders of the installation's shared files and libraries. `pg_config` may be missing, because Debian packages it
    /// separately.
    fn shared_and_library(&self) -> (PathBuf, PathBuf) {
        let version = self
            .0
            .parent()
            .and_then(Path::file_name)
            .map(PathBuf::from)
            .unwrap_or_default();
        let shared = self
            .ask_config("--sharedir")
            .unwrap_or_else(|| Path::new("/usr/share/postgresql").join(version));
        let library = self
            .ask_config("--pkglibdir")
            .unwrap_or_else(|| self.0.join("../lib"));
        (shared, library)
    }

    pub(super) fn has_extension(&self, name: &str) -> bool {
        self.shared_and_library()
            .0
            .join("extension")
            .join(format!("{name}.control"))
            .exists()
    }

    /// Installed versions of TimescaleDB's Community edition, newest first. If `HYPERTOP_TIMESCALEDB` is set, only the
    /// versions that it names, separated by spaces.
    pub(super) fn timescaledb_versions(&self) -> Vec<String> {
        let mut versions = self.installed_timescaledb();
        let wanted = wanted_timescaledb();
        if !wanted.is_empty() {
            versions.retain(|version| wanted.contains(version));
        }
        versions
    }

    /// An error if `HYPERTOP_TIMESCALEDB` names a version that is not installed.
    pub(super) fn check_wanted(&self) -> Result<()> {
        let installed = self.installed_timescaledb();
        for version in wanted_timescaledb() {
            ensure!(
                installed.contains(&version),
                "HYPERTOP_TIMESCALEDB names {version}, which is not installed here; installed: {}",
                installed.join(" ")
            );
        }
        Ok(())
    }

    fn installed_timescaledb(&self) -> Vec<String> {
        if !self.has_extension("timescaledb") {
            return Vec::new();
        }
        let (shared, library) = self.shared_and_library();
        let entries = fs::read_dir(library).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let version = |name: String| {
            Some(
                name.strip_prefix("timescaledb-tsl-")?
                    .strip_suffix(".so")?
                    .to_owned(),
            )
        };
        let mut versions: Vec<String> = names.filter_map(version).collect();
        versions.retain(|version| {
            shared
                .join("extension")
                .join(format!("timescaledb--{version}.sql"))
                .exists()
        });
        versions.sort_by_key(|version| {
            std::cmp::Reverse(crate::model::version::Version::parse(version))
        });
        versions
    }
}

fn wanted_timescaledb() -> Vec<String> {
    let wanted = std::env::var("HYPERTOP_TIMESCALEDB").unwrap_or_default();
    wanted.split_whitespace().map(str::to_owned).collect()
}

/// Folders in `parent` whose names look like a PostgreSQL version, newest first.
fn versions(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.trim_start_matches(|c: char| !c.is_ascii_digit());
            let known = name.starts_with("pgsql-")
                || name.starts_with("postgresql")
                || name.chars().all(|c| c.is_ascii_digit() || c == '.');
            let number = number.split('.').next()?.parse().ok()?;
            known.then(|| (number, entry.path()))
        })
        .collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found.into_iter().map(|(_, path)| path).collect()
}
