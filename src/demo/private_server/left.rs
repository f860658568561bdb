//! Removes private servers whose owner (the process that started them) and watcher were both killed.

use std::fs;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Prefix of the folder names of private servers.
pub(super) const PREFIX: &str = "hypertop-";
/// File that the owner of a folder keeps locked while it runs.
const OWNER: &str = "owner";

/// Marks the folder as owned by this process. The file is locked before it gets its name, so that no other process takes this folder for an
/// abandoned one.
pub(super) fn own(folder: &Path) -> Result<Flock<File>> {
    let unnamed = folder.join("owner.new");
    let owner = Flock::lock(File::create(&unnamed)?, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| error)
        .context("the private server's folder is locked by another process")?;
    fs::rename(unnamed, folder.join(OWNER))?;
    Ok(owner)
}

/// Ends the servers of this account in `parent` that have no owner any more, and removes their folders.
pub(super) fn remove(parent: &Path, account: u32) {
    let found = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = found.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in named.map(|entry| entry.path()) {
        let ours = |of: fs::Metadata| of.is_dir() && of.uid() == account;
        if fs::symlink_metadata(&folder).is_ok_and(ours) && !has_owner(&folder) {
            end(&folder);
            // If this fails, the next start tries again.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Whether a process owns the folder. A folder without the owner file counts as owned, because a process may just be creating
/// the file.
fn has_owner(folder: &Path) -> bool {
    let file = File::open(folder.join(OWNER));
    file.map_or(true, |file| {
        Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err()
    })
}

/// Ends the folder's server if it still runs. Checks the working folder of the process, because another process may have the same id by
/// now.
fn end(folder: &Path) {
    let data = folder.join("data");
    let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(pid) = file.lines().next().and_then(|line| line.parse().ok()) else {
        return;
    };
    let runs = || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data);
    for _ in 0..20 {
        if !runs() {
            return;
        }
        let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        std::thread::sleep(Duration::from_millis(100));
    }
}
