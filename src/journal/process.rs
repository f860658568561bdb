//! The process of hypertop that began an entry, and whether it is still there.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::entry::Entry;

/// Entries (by number and moment) of this very process that it works on no more, ended or not.
static OVER: Mutex<BTreeSet<(u64, String)>> = Mutex::new(BTreeSet::new());

/// As long as this lives, this process works on an entry.
#[derive(Debug)]
pub struct Running(pub u64, pub String);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(mut over) = OVER.lock() {
            over.insert((self.0, std::mem::take(&mut self.1)));
        }
    }
}

/// When a process began, in ticks since the machine did: a number that is used again (in a container all start with
/// the same) is told apart by it. `None`: the system does not tell (it is not Linux), or there is no such process.
pub fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, and may hold anything; the 22nd is the start.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19)?.parse().ok()
}

impl Entry {
    /// Whether the process that began it is still there (on this machine).
    pub fn is_under_way(&self) -> bool {
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
