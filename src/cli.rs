//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::actions::action::Action;
use crate::config;
use crate::connect::conninfo;
use crate::connect::conninfo::Flags;
use crate::model::screen_id::ScreenId;
use crate::model::version::Version;
use crate::run::command::Agreement;
use crate::run::show::Format;
use crate::run::{command, sql, thresholds};

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
    /// How often the server is asked what changed: 2s, 500ms, 1m [default: 2s]
    #[arg(long, value_name = "INTERVAL", value_parser = config::interval)]
    pub refresh: Option<std::time::Duration>,
    /// Theme: default, dark, light, high-contrast, mono, or one of your own
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// The screen that the console opens on [default: overview]
    #[arg(long, value_name = "SCREEN", value_parser = screen)]
    pub screen: Option<ScreenId>,
    /// Change nothing: no session that writes is ever opened
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Print help
    #[arg(short = '?', long, global = true, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Print version
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    pub version: Option<bool>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// As psql's.
#[derive(Debug, Clone, Default, Args)]
pub struct Connection {
    /// Server's host, or the folder of its socket
    #[arg(short = 'h', long, global = true, value_name = "HOST")]
    pub host: Option<String>,
    /// Server's port
    #[arg(short = 'p', long, global = true, value_name = "PORT")]
    pub port: Option<String>,
    /// Role to connect as
    #[arg(short = 'U', long, global = true, value_name = "NAME")]
    pub username: Option<String>,
    /// Database: a name, a URI, or key=value pairs
    #[arg(short = 'd', long, global = true, value_name = "DBNAME")]
    pub dbname: Option<String>,
    /// Never ask for a password
    #[arg(short = 'w', long, global = true, conflicts_with = "password")]
    pub no_password: bool,
    /// Ask for a password before connecting
    #[arg(short = 'W', long, global = true)]
    pub password: bool,
    /// As -d
    #[arg(value_name = "DBNAME")]
    pub database: Option<String>,
    /// As -U
    #[arg(value_name = "USERNAME")]
    pub user: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a screen once: overview, compression, retention, indexes, jobs, aggregates, hypertables, activity, queries, server
    Show {
        #[arg(value_parser = screen)]
        screen: ScreenId,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// With --format csv: every text as it is, for programs; else what a terminal or spreadsheet would act on is shown
        #[arg(long)]
        raw: bool,
        /// Of the overview: acknowledged and snoozed findings too
        #[arg(long)]
        all: bool,
        /// Database: a name, a URI, or key=value pairs
        #[arg(value_name = "DBNAME")]
        database: Option<String>,
    },
    /// Do one of the console's actions: preview, consent, journal
    Run {
        /// As the palette names it: pause-job, compress-chunks, …
        #[arg(value_parser = command::find)]
        action: &'static Action,
        /// A job's number, or the name of a hypertable, aggregate or index
        #[arg(required = true)]
        target: Vec<String>,
        /// A field of the action's form
        #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
        set: Vec<(String, String)>,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// What was done, with its undo: all of it, or one entry whole
    Journal {
        id: Option<u64>,
        #[arg(long, value_enum, default_value_t = command::Format::Text)]
        format: command::Format,
    },
    /// Take back what was done, by its numbers in the journal
    Rollback {
        #[arg(required = true)]
        id: Vec<u64>,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// Keep what the screens read in a file, until Ctrl-C
    Record {
        /// A file that does not exist yet; only you may read it
        file: PathBuf,
        /// End by itself after so long: 10m, 8h
        #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
        long: Option<std::time::Duration>,
        /// Database: a name, a URI, or key=value pairs
        #[arg(value_name = "DBNAME")]
        database: Option<String>,
    },
    /// Open the console on a recording; its help lists the keys that go through it
    Replay { file: PathBuf },
    /// List the queries that the console asks, or print one as the server gets it
    Sql {
        /// As the list names it
        #[arg(value_parser = sql::query)]
        query: Option<&'static str>,
        /// The TimescaleDB version that it is for, or none [default: the newest known]
        #[arg(long = "for", value_name = "VERSION", value_parser = sql::version)]
        version: Option<Version>,
    },
    /// List all thresholds, from where on something is worth a word: in force, by default, and who says so
    Thresholds {
        #[arg(long, value_enum, default_value_t = thresholds::Format::Text)]
        format: thresholds::Format,
    },
    /// Open the console on a demo factory, on a private server that is gone afterwards
    Demo {
        /// Load the factory into a new database on this server instead
        #[arg(long, value_name = "URI")]
        url: Option<String>,
        /// Simulate TimescaleDB even where PostgreSQL has it
        #[arg(long, conflicts_with = "url")]
        simulate: bool,
    },
}

fn setting(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| "write key=value".to_owned())
}

impl Connection {
    /// The connection's flags, with the database that a subcommand named.
    pub fn flags(&self, database: Option<&String>) -> Flags {
        // As psql: the first argument that is left is the database, unless -d says it; then the user, unless -U does.
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
            extra: rest.next().cloned(),
            no_password: self.no_password,
            password: self.password,
        }
    }
}

fn screen(name: &str) -> Result<ScreenId, String> {
    ScreenId::by_name(name).ok_or_else(|| {
        let names: Vec<_> = ScreenId::ALL.iter().map(|id| id.name()).collect();
        format!("there is no such screen; there are: {}", names.join(", "))
    })
}

fn after_help() -> String {
    format!(
        "{}\n\nExit codes: 0 left by a person; 1 an error, or an action that failed on its way; 2 no connection, or a wrong command line; 3 nothing was changed (refused, nobody agreed, or the first step failed as a whole); 128+N ended by signal N.",
        conninfo::help()
    )
}
