//! `hypertop man` and `hypertop completions`: manual pages and shell completions of the command line.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Command;
use clap::builder::PossibleValue;

use super::command::print;

/// Shells that have completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// How to install completions.
pub const COMPLETIONS: &str = "\
Where each shell looks for them:
  bash  ~/.local/share/bash-completion/completions/hypertop
  zsh   a file _hypertop in a folder of $fpath
  fish  ~/.config/fish/completions/hypertop.fish

They complete options, screens, actions, queries and names of pages. Names in a database are not completed: \
another role may have chosen them, and a shell would run what it finds in them.";

/// Prints the first manual page, or writes all into a folder.
pub fn man(command: Command, out: Option<&Path>) -> Result<()> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        let command = command.disable_help_subcommand(true);
        clap_mangen::Man::new(command).render(&mut page)?;
        return print(page);
    };
    let made =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    made.with_context(|| format!("the pages cannot be written to {}", folder.display()))
}

/// The script that completes hypertop's command line.
pub fn completions(command: &Command, shell: Shell) -> Vec<u8> {
    // In zsh, completions for the arguments DBNAME and USERNAME would replace those for the subcommand. And clap_complete does not quote
    // `-?`, which fish and zsh treat as a pattern.
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    let mut command = Command::new("hypertop")
        .disable_help_flag(true)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .args(options.cloned())
        .subcommands(command.get_subcommands().cloned())
        .mut_arg("help", |help| help.short(None));
    let kind = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(kind, &mut command, "hypertop", &mut script);
    if shell == Shell::Fish {
        script.extend(arguments_in_fish(&command).into_bytes());
    }
    script
}

/// Completions in fish for the subcommands' arguments, which `clap_complete` leaves out.
fn arguments_in_fish(command: &Command) -> String {
    let mut lines = String::new();
    for of in command.get_subcommands() {
        for argument in of.get_positionals() {
            let values = argument.get_possible_values();
            let names: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
            if !names.is_empty() {
                let (called, names) = (of.get_name(), names.join(" "));
                let _ = writeln!(
                    lines,
                    "complete -c hypertop -n \"__fish_hypertop_using_subcommand {called}\" -f -a \"{names}\""
                );
            }
        }
    }
    lines
}
