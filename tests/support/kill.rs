//! Programs that are killed at a line of the journal.

use std::process::Child;
use std::time::{Duration, Instant};

use super::act::Rig;

/// Number of lines in the journal.
pub fn lines(rig: &Rig) -> usize {
    let text = std::fs::read_to_string(rig.journal()).unwrap_or_default();
    text.lines().count()
}

/// Kills the program as soon as the journal has this many lines. `false`: it ended before.
pub async fn killed_at(rig: &Rig, mut child: Child, at: usize) -> bool {
    let start = Instant::now();
    loop {
        if lines(rig) >= at {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{}", rig.name);
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}

/// Waits until no session of the program works on the server, or holds the lock of an apply.
pub async fn alone(rig: &Rig) {
    let others = "select count(*) from pg_stat_activity where application_name = 'hypertop' and datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'";
    let locks = "select count(*) from pg_locks where locktype = 'advisory' and classid = 1752787316 and database = (select oid from pg_database where datname = current_database())";
    while rig.text(others).await != "0" || rig.text(locks).await != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
