//! The only way to standard error: control characters in texts of servers and files are escaped, and a closed stderr is
//! no error.

use std::fmt::Display;
use std::io::{Write as _, stderr};

use crate::model::text;

/// Prints a message and a line break.
pub fn say(words: impl Display) {
    let _ = writeln!(stderr(), "{}", text::printable_lines(&words.to_string()));
}

/// Prints a question without a line break.
pub fn ask(words: &str) {
    let _ = write!(stderr(), "{}", text::printable(words)).and_then(|()| stderr().flush());
}
