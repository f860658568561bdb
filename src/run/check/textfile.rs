//! Writes metrics to a file that other programs may read at any time.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::metrics::{Dialect, down, last_success, written};

/// The text for a server that was not read. The time of the last success is taken from the file's old text.
pub(super) fn of_failure(path: &Path, database: Option<&str>) -> String {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    written(&down(database, last_success(&old)), Dialect::Prometheus)
}

/// Replaces the file atomically: a reader sees the old text or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let named = || format!("--textfile {}: cannot be written", path.display());
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".hypertop-")
        .tempfile_in(folder)
        .with_context(named)?;
    file.write_all(text.as_bytes()).with_context(named)?;
    // The program that reads the file may run under another account.
    let mode = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(mode).with_context(named)?;
    file.as_file().sync_all().with_context(named)?;
    file.persist(path)
        .map_err(|error| error.error)
        .with_context(named)?;
    Ok(())
}
