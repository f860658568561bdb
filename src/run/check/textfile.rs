//! Writes metrics to a file that another program may read at any time.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::metrics::{Dialect, down, last_success};
use super::outcome::Checked;

/// Replaces the file as a whole, so that a reader sees the old or the new text. If the server did not answer, the new
/// text says so and keeps the time of the last success.
pub(super) fn write(path: &Path, checked: &Result<Checked>) -> Result<()> {
    let text = if let Ok(Checked::Found(outcome)) = checked {
        outcome.textfile.clone().unwrap_or_default()
    } else {
        let old = std::fs::read_to_string(path).unwrap_or_default();
        down(last_success(&old), Dialect::Prometheus)
    };
    let named = || format!("--textfile {}: cannot be written", path.display());
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".hypertop-")
        .tempfile_in(folder)
        .with_context(named)?;
    file.write_all(text.as_bytes()).with_context(named)?;
    // The reader may run under another account.
    let mode = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(mode).with_context(named)?;
    file.as_file().sync_all().with_context(named)?;
    file.persist(path)
        .map_err(|error| error.error)
        .with_context(named)?;
    Ok(())
}
