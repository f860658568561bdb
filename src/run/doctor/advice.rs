//! The `hypertop doctor` command that would explain a failed connection.

use crate::connect::conninfo::{Flags, without_secrets};
use crate::model::text::shell_word;

/// A sentence with the doctor command for the same connection, without its password.
pub(crate) fn advice(flags: &Flags) -> String {
    match command(flags) {
        Some(command) => format!("`{command}` explains the failure"),
        None => "`hypertop doctor` with the same connection explains the failure".to_owned(),
    }
}

/// `None`: the connection string cannot be parsed, so that any part of it may be a password.
fn command(flags: &Flags) -> Option<String> {
    let mut words = vec!["hypertop doctor".to_owned()];
    for (flag, value) in [
        ("-h", &flags.host),
        ("-p", &flags.port),
        ("-U", &flags.username),
    ] {
        if let Some(value) = value {
            words.push(format!("{flag} {}", shell_word(value)));
        }
    }
    if flags.no_password {
        words.push("-w".to_owned());
    }
    if flags.password {
        words.push("-W".to_owned());
    }
    // Without a subcommand, -d and the argument DBNAME are the same value.
    let flag = flags
        .dbname
        .as_ref()
        .filter(|_| flags.dbname != flags.database);
    for (flag, name) in [("-d ", flag), ("", flags.database.as_ref())] {
        if let Some(name) = name {
            words.push(format!("{flag}{}", shell_word(&without_secrets(name)?)));
        }
    }
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_has_the_same_connection_without_its_password_and_fits_a_shell() {
        let given = |text: &str| Some(text.to_owned());
        let flags = Flags {
            host: given("db 1"),
            username: given("o'neil"),
            no_password: true,
            ..Flags::default()
        };
        let of = |flags: &Flags| advice(flags);
        let said = of(&flags);
        assert_eq!(
            said,
            r"`hypertop doctor -h 'db 1' -U 'o'\''neil' -w` explains the failure"
        );
        for (name, command) in [
            ("metrics", "`hypertop doctor metrics` explains the failure"),
            (
                "postgresql://dba:secret@db1/x",
                "`hypertop doctor 'dbname=x host=db1 user=dba'` explains the failure",
            ),
            (
                "postgresql://dba:sec/ret@db1/x",
                "`hypertop doctor` with the same connection explains the failure",
            ),
        ] {
            let flags = Flags {
                database: given(name),
                ..Flags::default()
            };
            assert_eq!(of(&flags), command);
        }
        let twice = Flags {
            dbname: given("host=a"),
            database: given("b"),
            ..Flags::default()
        };
        assert_eq!(
            of(&twice),
            "`hypertop doctor -d host=a b` explains the failure"
        );
    }
}
