//! Whether the hypertop process that began an entry is still running it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::entry::Entry;

/// Ids and times of entries that this process has finished.
static OVER: Mutex<BTreeSet<(u64, String)>> = Mutex::new(BTreeSet::new());

/// Id and begin time of an entry. While this value exists, this process is running the entry.
#[derive(Debug)]
pub(crate) struct Running(pub u64, pub String);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(mut over) = OVER.lock() {
            over.insert((self.0, std::mem::take(&mut self.1)));
        }
    }
}

/// Start of a process, in ticks since boot, which distinguishes processes with the same id. `None`: no such process, or
/// the system is not Linux.
pub(crate) fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name in brackets, may contain spaces and brackets. The 22nd field is the start.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19)?.parse().ok()
}

impl Entry {
    /// True if the process that began the entry is still running it. Processes of other machines count as ended.
    pub(crate) fn is_under_way(&self) -> bool {
        let over = || {
            let key = (self.begin.id, self.begin.at.clone());
            OVER.lock().is_ok_and(|over| over.contains(&key))
        };
        self.end.is_none()
            && !(self.begin.pid == std::process::id() && over())
            && i32::try_from(self.begin.pid).is_ok_and(|pid| {
                pid > 0 && nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
            })
            && self
                .begin
                .pid_began
                .is_none_or(|at| began(self.begin.pid).is_none_or(|now| now == at))
    }
}
