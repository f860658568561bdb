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

fn all<T>(with: impl FnOnce(&mut Vec<i32>) -> T) -> T {
    with(&mut OWN.lock().unwrap_or_else(PoisonError::into_inner))
}
