//! Process ids of this program's sessions on the server. Other programs may use the same `application_name`.

use std::sync::{Mutex, PoisonError};

static OWN: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// Registers a session as this program's until it is dropped.
#[derive(Debug)]
pub(crate) struct Own(i32);

impl Own {
    pub(crate) fn new(pid: i32) -> Self {
        all(|own| own.push(pid));
        Self(pid)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        all(|own| {
            if let Some(place) = own.iter().position(|pid| *pid == self.0) {
                own.swap_remove(place);
            }
        });
    }
}

pub(crate) fn is(pid: i32) -> bool {
    all(|own| own.contains(&pid))
}

/// Whether the session `pid` is one of this program's. `me`: the session that reported it. `None`: unknown. If this program did not open
/// the session `me`, a pooler assigns the sessions per transaction, and none of them stays with this program.
pub(crate) fn is_seen_by(me: i32, pid: i32) -> Option<bool> {
    is(me).then(|| is(pid))
}

fn all<T>(with: impl FnOnce(&mut Vec<i32>) -> T) -> T {
    with(&mut OWN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_session_of_another_client_reports_is_unknown() {
        let (first, second) = (Own::new(-1), Own::new(-2));
        assert_eq!(is_seen_by(-1, -2), Some(true));
        assert_eq!(is_seen_by(-1, -3), Some(false));
        drop(second);
        assert_eq!(is_seen_by(-1, -2), Some(false));
        drop(first);
        assert_eq!(is_seen_by(-1, -1), None);
    }
}
