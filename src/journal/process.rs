//! The hypertop process that began an entry, and whether it still runs.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::entry::Entry;

/// Entries of this process, by number and time, that it has stopped working on.
static OVER: Mutex<BTreeSet<(u64, String)>> = Mutex::new(BTreeSet::new());

/// Guard: this process works on the entry until it is dropped.
#[derive(Debug)]
pub struct Running(pub u64, pub String);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(mut over) = OVER.lock() {
            over.insert((self.0, std::mem::take(&mut self.1)));
        }
    }
}

/// Start of a process in ticks since boot: it distinguishes processes with the same id. `None`: no such process, or not
/// Linux.
pub fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, and may hold anything; the 22nd is the start.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19)?.parse().ok()
}

impl Entry {
    /// Whether the process that began it is still there (on this machine).
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
