//! This program's sessions by process id on the server; an `application_name` proves nothing.

use std::sync::{Mutex, PoisonError};

static OWN: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// Guard: the session is known as this program's until it is dropped.
#[derive(Debug)]
pub struct Own(i32);

impl Own {
    pub fn new(pid: i32) -> Self {
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

/// Whether the session with this process id is one of this program.
pub fn is(pid: i32) -> bool {
    all(|own| own.contains(&pid))
}

fn all<T>(with: impl FnOnce(&mut Vec<i32>) -> T) -> T {
    with(&mut OWN.lock().unwrap_or_else(PoisonError::into_inner))
}
