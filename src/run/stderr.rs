//! The one way to standard error. What is said there holds the words of servers and of files, so it is neutralised as on
//! the screen; where nobody reads it any more, that is no reason to fail.

use std::fmt::Display;
use std::io::{Write as _, stderr};

use crate::model::text;

/// One thing, on a line of its own (or several).
pub fn say(words: impl Display) {
    let _ = writeln!(stderr(), "{}", text::printable_lines(&words.to_string()));
}

/// A question, whose answer is typed on the same line.
pub fn ask(words: &str) {
    let _ = write!(stderr(), "{}", text::printable(words)).and_then(|()| stderr().flush());
}
