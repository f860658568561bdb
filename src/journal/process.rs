//! The process of hypertop that began an entry, and whether it is still there.

use super::Entry;

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
        self.end.is_none()
            && i32::try_from(self.begin.pid).is_ok_and(|pid| {
                pid > 0 && nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
            })
            && self
                .begin
                .pid_began
                .is_none_or(|at| began(self.begin.pid).is_none_or(|now| now == at))
    }
}
