//! All output to standard error goes through these functions. Control characters are escaped, because texts may come from servers and
//! files. A closed stderr is not an error.

use std::fmt::Display;
use std::io::{Write as _, stderr};

use crate::model::text;

pub fn say(words: impl Display) {
    let _ = writeln!(stderr(), "{}", text::printable_lines(&words.to_string()));
}

pub fn warn(warnings: &[String]) {
    for warning in warnings {
        say(format_args!("hypertop: warning: {warning}"));
    }
}

/// Prints a question without a line break.
pub(super) fn ask(words: &str) {
    let _ = write!(stderr(), "{}", text::printable(words)).and_then(|()| stderr().flush());
}
