//! Parses the command line, connects, restores the terminal, sets the exit code.

fn main() {}
