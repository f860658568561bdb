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

/// Instructions to install completions.
pub(crate) const COMPLETIONS: &str = "\
Each shell looks for completions in a place of its own:
  bash  ~/.local/share/bash-completion/completions/hypertop, with the package bash-completion
  zsh   a file _hypertop in a folder of $fpath
  fish  ~/.config/fish/completions/hypertop.fish

Completions exist for options, screens, actions, queries and names of pages. After `hypertop run ACTION` there are also completions \
for targets: jobs, hypertables, aggregates, indexes or sessions. Targets are read from the server, with the connection options of the \
command line. No targets are offered if the server does not answer within half a second, or requires a password that is neither in \
~/.pgpass nor in PGPASSWORD. Names that need quotes are not offered: another role could have hidden a command in such a name, and the \
shell would run the command.";

/// Prints the manual page of `hypertop`. `out`: a folder; instead of printing, writes the pages of all commands to this folder.
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
    // The arguments DBNAME and USERNAME are left out, because in zsh their completions would replace the completions of subcommands. `-?`
    // is left out, because clap_complete does not quote it, and fish and zsh treat it as a pattern.
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    let shown = command.get_subcommands().filter(|of| !of.is_hide_set());
    let mut command = Command::new("hypertop")
        .disable_help_flag(true)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .args(options.cloned())
        .subcommands(shown.cloned())
        .mut_arg("help", |help| help.short(None));
    let kind = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(kind, &mut command, "hypertop", &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = match shell {
        Shell::Bash => format!("{script}{BASH}"),
        Shell::Zsh => in_zsh(&script),
        Shell::Fish => format!("{script}{}{FISH}", arguments_in_fish(&command)),
    };
    script.into_bytes()
}

/// Completes targets after `run ACTION`; otherwise calls clap's own function.
const BASH: &str = r#"
_hypertop_or_target() {
    local line=${COMP_LINE:0:COMP_POINT} targets
    if [[ $line == *" run "* ]] && targets=$(command hypertop complete-target "$line" 2>/dev/null); then
        # Do not fall back to file names.
        compopt +o default +o bashdefault 2>/dev/null
        COMPREPLY=()
        local name about
        while IFS=$'\t' read -r name about; do
            [ -z "$name" ] || COMPREPLY+=("$name")
        done <<<"$targets"
        return 0
    fi
    _hypertop "$@"
}
complete -F _hypertop_or_target -o nosort -o bashdefault -o default hypertop 2>/dev/null ||
    complete -F _hypertop_or_target -o bashdefault -o default hypertop
"#;

const ZSH: &str = r#"_hypertop_targets() {
    local -a targets
    targets=(${${(f)"$(command hypertop complete-target "$hypertop_line" 2>/dev/null)"}/$'\t'/:})
    _describe -V target targets
}

_hypertop() {
    # The words before the command have the connection options. They are kept here, because _arguments removes them.
    local hypertop_line="${(j: :)words[1,CURRENT-1]} $PREFIX"
"#;

const FISH: &str = r#"complete -c hypertop -n "__fish_hypertop_using_subcommand run" -f -k -a "(command hypertop complete-target (commandline -cp | string collect) 2>/dev/null)"
"#;

/// clap's script for zsh, changed to complete the targets of `run`.
fn in_zsh(script: &str) -> String {
    let mut lines = Vec::new();
    for line in script.lines() {
        let of_run = line.strip_prefix("'*::target -- ");
        let target = of_run.and_then(|rest| rest.strip_suffix(":_default' \\"));
        lines.push(match target {
            _ if line == "_hypertop() {" => ZSH.trim_end().to_owned(),
            Some(about) => format!("'*::target -- {about}:_hypertop_targets' \\"),
            None => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
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
                    "complete -c hypertop -n \"__fish_hypertop_using_subcommand {called}; and not __fish_seen_subcommand_from {names}\" -f -a \"{names}\""
                );
            }
        }
    }
    lines
}
