//! Groups the commands in the main help, because clap has only one heading for subcommands.

use std::fmt::Write as _;

use clap::Command;
use clap::builder::StyledStr;

/// Headings with their commands. All other commands are under the last heading.
const GROUPS: [(&str, &[&str]); 6] = [
    ("The console", &["demo", "record", "replay"]),
    ("Looking", &["show", "explain", "thresholds", "sql"]),
    ("Acting", &["run", "journal", "rollback"]),
    (
        "Policies as code",
        &["export", "plan", "lint", "apply", "validate"],
    ),
    ("Monitoring", &["check", "doctor"]),
    ("This program", &["completions", "man"]),
];

const TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";
const USAGE: &str = "hypertop [OPTIONS] [DBNAME [USERNAME]]   opens the console
       hypertop [OPTIONS] COMMAND …";

/// The command with grouped help. Its subcommands are marked as hidden, so use it only for parsing, not for manual pages or completions.
pub(super) fn grouped(command: Command) -> Command {
    let groups = text(&command);
    command
        .mut_subcommands(|command| command.hide(true))
        .override_usage(USAGE)
        .help_template(TEMPLATE)
        .before_help(groups)
}

fn text(command: &Command) -> StyledStr {
    let styles = command.get_styles();
    let (head, name) = (styles.get_header(), styles.get_literal());
    let shown = command.get_subcommands().filter(|of| !of.is_hide_set());
    let mut left: Vec<_> = shown.collect();
    let width = left.iter().map(|of| of.get_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (nth, (heading, names)) in GROUPS.iter().enumerate() {
        let place = |of: &&Command| names.iter().position(|name| *name == of.get_name());
        let is_last = nth + 1 == GROUPS.len();
        let mut here: Vec<_> = left
            .extract_if(.., |of| is_last || place(of).is_some())
            .collect();
        here.sort_by_key(|of| place(of).unwrap_or(names.len()));
        let _ = writeln!(text, "{head}{heading}:{head:#}");
        for of in here {
            let about = of.get_about().map(ToString::to_string).unwrap_or_default();
            let called = of.get_name();
            let _ = writeln!(text, "  {name}{called:width$}{name:#}  {about}");
        }
        text.push('\n');
    }
    text.push_str("`hypertop COMMAND --help` describes a command.");
    StyledStr::from(text)
}
