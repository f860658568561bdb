//! Exit codes, and the error that ends a command with an exit code.

/// Success, or the user quit.
pub const DONE: u8 = 0;
/// An error, or an action that failed after a part was done.
pub const FAILED: u8 = 1;
/// No connection, or a wrong command line.
pub(super) const NO_CONNECTION: u8 = 2;
/// Nothing was changed.
pub(super) const UNCHANGED: u8 = 3;

/// An error with its exit code.
#[derive(Debug)]
pub struct Failure(pub anyhow::Error, pub u8);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error, FAILED)
    }
}

pub(super) fn no_connection(error: anyhow::Error) -> Failure {
    Failure(error, NO_CONNECTION)
}
