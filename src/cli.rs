//! The command line.

mod groups;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::actions::action::Action;
use crate::actions::set_keys;
use crate::config;
use crate::connect::conninfo;
use crate::connect::conninfo::Flags;
use crate::model::screen_id::ScreenId;
use crate::model::version::Version;
use crate::run::command::Agreement;
use crate::run::policies::{self, export};
use crate::run::show::Format;
use crate::run::start::{self, Look, screens};
use crate::run::{
    check, command, complete, doctor, example, explain, manual, names, sql, thresholds,
};

/// Heading in `--help`.
const CONNECTION: &str = "Connection";

#[derive(Debug, Parser)]
#[command(
    name = "hypertop",
    version,
    disable_version_flag = true,
    about = "A terminal console for TimescaleDB operators",
    disable_help_flag = true,
    args_conflicts_with_subcommands = false,
    subcommand_negates_reqs = true,
    after_help = after_help()
)]
pub struct Cli {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    look: Look,
    /// Read-only: never open a session that can write
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Print help
    #[arg(short = '?', long, global = true, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Print version
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Parses the program's arguments. The error may be the help text. The help text of `run ACTION` includes the action's `--set` keys.
    pub fn of_program() -> Result<Self, clap::Error> {
        let args: Vec<OsString> = std::env::args_os().collect();
        let mut command = groups::grouped(Self::command());
        if let Some(action) = named_action(&args) {
            let keys = set_keys::help(action.name);
            command = command.mut_subcommand("run", |run| run.after_help(keys));
        }
        let matches = command.try_get_matches_from(args)?;
        Self::from_arg_matches(&matches)
    }

    /// Parses a command line up to the cursor, for shell completions. Returns the arguments, the action, and the typed part of the target.
    /// `None`: the word at the cursor is not a target of `run`.
    pub fn at_target(line: &str) -> Option<(Self, &'static Action, String)> {
        const CURSOR: &str = "hypertop-cursor";
        let mut words = complete::words(line)?;
        let typed = std::mem::replace(words.last_mut()?, CURSOR.to_owned());
        let cli = Self::try_parse_from(words).ok()?;
        match &cli.command {
            Some(Command::Run { action, target, .. })
                if target.last().is_some_and(|last| last == CURSOR) =>
            {
                let action = *action;
                Some((cli, action, typed))
            }
            _ => None,
        }
    }

    pub fn look(&self) -> Look {
        let after = match &self.command {
            Some(Command::Demo { options }) => options.look.clone(),
            Some(Command::Show { policies, .. }) => Look {
                policies: policies.clone(),
                ..Look::default()
            },
            Some(Command::Replay { theme, .. }) => Look {
                theme: theme.clone(),
                ..Look::default()
            },
            Some(Command::Record { refresh, .. }) => Look {
                refresh: *refresh,
                ..Look::default()
            },
            _ => Look::default(),
        };
        after.or(&self.look)
    }
}

/// The connection options of psql.
#[derive(Debug, Clone, Default, Args)]
pub struct Connection {
    /// Host of the server, or the folder of its socket
    #[arg(short = 'h', long, global = true, value_name = "HOST", help_heading = CONNECTION)]
    host: Option<String>,
    /// Port of the server
    #[arg(short = 'p', long, global = true, value_name = "PORT", help_heading = CONNECTION)]
    port: Option<String>,
    /// Role to connect as
    #[arg(short = 'U', long, global = true, value_name = "NAME", help_heading = CONNECTION)]
    username: Option<String>,
    /// Database: a name, a URI, or key=value pairs
    #[arg(short = 'd', long, global = true, value_name = "DBNAME", help_heading = CONNECTION)]
    dbname: Option<String>,
    /// Never ask for a password
    #[arg(short = 'w', long, global = true, conflicts_with = "password", help_heading = CONNECTION)]
    no_password: bool,
    /// Ask for a password before connecting
    #[arg(short = 'W', long, global = true, help_heading = CONNECTION)]
    password: bool,
    /// Same as -d; or @NAME, a connection in config.toml
    #[arg(value_name = "DBNAME")]
    database: Option<String>,
    /// Same as -U
    #[arg(value_name = "USERNAME")]
    user: Option<String>,
}

/// The commands that read or write policy files.
#[derive(Debug, Subcommand)]
pub enum AsCode {
    /// Print the present setup as a policy file
    Export {
        #[command(flatten)]
        options: export::Options,
    },
    /// Show what a policy file would change
    ///
    /// Exit code 0: the database is as the file says. 2: it differs. 1: an error, or no connection. 3: a difference cannot be applied.
    Plan {
        #[command(flatten)]
        options: policies::plan::Options,
    },
    /// Check the setup in a policy file for likely mistakes
    ///
    /// Exit code 0: no advice. 2: there is advice. 1: an error, or no connection.
    Lint {
        #[command(flatten)]
        options: policies::plan::LintOptions,
    },
    /// Check whether a policy file can be applied, or whether the database matches it
    ///
    /// Exit code 0: all checks are ok or pending. 2: a check failed. 3: a check's result is unknown. 1: an error, or no connection.
    Validate {
        #[command(flatten)]
        options: policies::validate::Options,
    },
    /// Change the database to what a policy file or a saved plan says
    ///
    /// An apply is one journal entry, which `hypertop rollback` undoes.
    Apply {
        #[command(flatten)]
        options: policies::apply::Options,
    },
}

/// The commands that print hypertop's own queries, pages and scripts. They need no server.
#[derive(Debug, Subcommand)]
pub enum Document {
    /// List the console's queries, or print one as the server gets it
    Sql {
        /// Name of the query, as in the list
        #[arg(value_parser = names::queries(), hide_possible_values = true)]
        query: Option<&'static str>,
        /// TimescaleDB version of the server, or none [default: the newest known]
        #[arg(long = "for", value_name = "VERSION", value_parser = sql::version)]
        version: Option<Version>,
    },
    /// Explain a rule, an action, a screen or a threshold
    Explain {
        #[command(flatten)]
        pages: explain::Wanted,
    },
    /// List all thresholds: value in force, default, and source
    Thresholds {
        #[arg(long, value_enum, default_value_t = thresholds::Format::Text)]
        format: thresholds::Format,
    },
    /// Print the manual page, or write one for each command into a folder
    Man {
        /// Folder for the pages; created if it does not exist
        #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
    /// Print the completions of a shell
    #[command(after_help = manual::COMPLETIONS)]
    Completions {
        #[arg(value_enum)]
        shell: manual::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a screen once, as a table, JSON or CSV
    Show {
        #[arg(value_parser = screens())]
        screen: ScreenId,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// With --format csv: print texts unchanged, for programs. Otherwise control characters and spreadsheet
        /// formulas are escaped
        #[arg(long)]
        raw: bool,
        /// On the overview: include acknowledged and snoozed findings
        #[arg(long)]
        all: bool,
        /// For `show policies`: the policy file; if repeated, later files override earlier ones [default: policies in config.toml]
        #[arg(long, value_name = "FILE", value_parser = start::policy_file, value_hint = clap::ValueHint::FilePath)]
        policies: Vec<PathBuf>,
        /// Time limit for reading. It also limits connecting, unless hypertop may ask for a password
        #[arg(long, value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration)]
        timeout: std::time::Duration,
        /// Database: a name, a URI, or key=value pairs
        #[arg(value_name = "DBNAME")]
        database: Option<String>,
    },
    /// Print the findings for Nagios, Prometheus or cron
    #[command(
        after_help = "Exit codes: 0 OK, 1 warning, 2 critical, 3 unknown, also after a wrong option."
    )]
    Check {
        #[command(flatten)]
        options: check::Options,
    },
    /// Find out why a connection fails, or why data is hidden
    #[command(
        after_help = "Exit codes: 0 ok, 1 warnings, 2 failed, 3 unknown, also after a wrong option."
    )]
    Doctor {
        #[command(flatten)]
        options: doctor::Options,
    },
    /// Run an action, with preview, consent and journal
    #[command(
        after_help = "`hypertop run ACTION --help` lists the action's --set keys, `hypertop explain --list` all actions."
    )]
    Run {
        /// Name of the action, as in the palette, such as pause-job or compress-chunks
        #[arg(value_parser = names::actions(), hide_possible_values = true)]
        action: &'static Action,
        /// Id of a job or session, or name of a hypertable, aggregate, table or index
        #[arg(required = true)]
        target: Vec<String>,
        /// Value of an input of the action (run ACTION --help lists the keys)
        #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
        set: Vec<(String, String)>,
        #[command(flatten)]
        agreement: Agreement,
    },
    #[command(flatten)]
    AsCode(AsCode),
    /// List the change journal, or show one entry with its undo
    Journal {
        /// Number of the entry
        id: Option<u64>,
        #[arg(long, value_enum, default_value_t = command::Format::Text)]
        format: command::Format,
    },
    /// Roll back journal entries: undo their actions
    Rollback {
        /// Numbers of the entries
        #[arg(required = true)]
        id: Vec<u64>,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// Record the data that the screens read to a file, until Ctrl-C
    Record {
        /// New file, which only you can read; it must not exist
        file: PathBuf,
        /// Stop after this time, such as 10m or 8h
        #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
        long: Option<std::time::Duration>,
        /// Interval between two readings, such as 2s, 500ms or 1m [default: 2s]
        #[arg(long, value_name = "INTERVAL", value_parser = config::interval)]
        refresh: Option<std::time::Duration>,
        /// Also record the journal, the Policies screen, and, once for each row, its details and the facts for previews of actions
        #[arg(long)]
        details: bool,
        /// Database: a name, a URI, or key=value pairs
        #[arg(value_name = "DBNAME")]
        database: Option<String>,
    },
    /// Open the console on a recording
    Replay {
        /// The recording
        file: PathBuf,
        /// Theme: default, dark, light, high-contrast, mono, or a file in themes/
        #[arg(long, value_name = "NAME")]
        theme: Option<String>,
    },
    #[command(flatten)]
    Document(Document),
    /// Print the possible targets for a command line with `run`, for shell completions
    #[command(hide = true)]
    CompleteTarget {
        /// The command line up to the cursor
        line: String,
    },
    /// Open the console on a temporary demo server, or on a recording
    Demo {
        #[command(flatten)]
        options: example::Options,
    },
}

/// The action that the arguments of `run` name. `None`: another command, or no such action.
fn named_action(args: &[OsString]) -> Option<&'static Action> {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    args.find(|arg| *arg == "run")?;
    args.find_map(|arg| command::find(arg).ok())
}

fn setting(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| "write key=value".to_owned())
}

impl Connection {
    /// The connection options, with the database argument of a subcommand.
    pub fn flags(&self, database: Option<&String>) -> Flags {
        // As in psql: without -d the first argument is the database; without -U the next one is the role.
        let mut rest = [&self.database, &self.user].into_iter().flatten();
        let database = match (database, &self.dbname) {
            (None, None) => rest.next(),
            (given, _) => given,
        };
        let username = self.username.as_ref().or_else(|| rest.next());
        Flags {
            host: self.host.clone(),
            port: self.port.clone(),
            username: username.cloned(),
            dbname: self.dbname.clone(),
            database: database.cloned(),
            defined: None,
            extra: rest.next().cloned(),
            no_password: self.no_password,
            password: self.password,
        }
    }
}

fn after_help() -> String {
    format!(
        "{}\n\nSettings: /etc/hypertop/config.toml, overridden by hypertop/config.toml in XDG_CONFIG_HOME (~/.config). `hypertop thresholds` prints the source of each threshold. @NAME means the [[connection]] with this name.\n\nExit codes: 0 success, or the user quit; 1 an error, or an action that failed after a part was done; 2 no connection, or a wrong command line; 3 nothing was changed (refused, no consent, or the first step failed); 128+N ended by signal N.",
        conninfo::help()
    )
}
