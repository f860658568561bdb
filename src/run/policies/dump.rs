//! The dump before an apply: `pg_dump --schema-only`, with the setup as a policy file next to it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::actions::execute::Actor;
use crate::connect::conninfo::Place;
use crate::model::setup::write;
use crate::run::command::Shell;
use crate::server::setup;

/// Writes the schema to `path`, and the setup to `path` plus `.policies.toml`. An error if one of the files exists, or if there is no
/// `pg_dump`.
pub(super) async fn dump(shell: &Shell<'_>, path: &Path) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".policies.toml");
    let beside = PathBuf::from(beside);
    for file in [path, &beside] {
        if file.exists() {
            bail!("--dump: {} exists already", file.display());
        }
    }
    let text = write::file(&setup::read(&shell.session).await?, true);
    let ran = command(&shell.actor, path).output().await;
    let output = match ran {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!(
                "--dump needs pg_dump, which is not on the PATH: install PostgreSQL's client programs, or leave --dump out"
            )
        }
        ran => ran.context("pg_dump")?,
    };
    if !output.status.success() {
        let _ = std::fs::remove_file(path);
        bail!(
            "pg_dump failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    std::fs::write(&beside, text)
        .with_context(|| format!("{}: the file cannot be written", beside.display()))?;
    Ok(())
}

fn command(actor: &Actor, path: &Path) -> tokio::process::Command {
    let settings = &actor.settings;
    let mut command = tokio::process::Command::new("pg_dump");
    command
        .arg("--schema-only")
        .arg("--no-password")
        .arg("--file")
        .arg(path);
    command
        .env("PGUSER", &settings.user)
        .env("PGDATABASE", &settings.dbname);
    command.env("PGAPPNAME", "hypertop");
    if let Some(host) = settings.hosts.first() {
        match &host.place {
            Place::Tcp { name, .. } => command.env("PGHOST", name),
            Place::Socket(folder) => command.env("PGHOST", folder),
        };
        command.env("PGPORT", host.port.to_string());
    }
    // The password is passed in the environment of the child process, which no other user can read.
    if let Some(password) = &actor.password {
        command.env("PGPASSWORD", password);
    } else if let Some(password) = settings
        .password
        .as_ref()
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
    {
        command.env("PGPASSWORD", password);
    }
    command
}
