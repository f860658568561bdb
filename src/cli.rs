//! The command line.

use clap::{Args, Parser, Subcommand};

use crate::config;
use crate::conninfo::{self, Flags};
use crate::screens::ScreenId;
use crate::show::Format;

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
    /// Print a screen once: compression, retention, indexes, jobs, aggregates
    Show {
        #[arg(value_parser = screen)]
        screen: ScreenId,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// Database: a name, a URI, or key=value pairs
        #[arg(value_name = "DBNAME")]
        database: Option<String>,
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

impl Connection {
    /// The connection's flags, with the database that a subcommand named.
    pub fn flags(&self, database: Option<&String>) -> Flags {
        Flags {
            host: self.host.clone(),
            port: self.port.clone(),
            username: self.username.clone().or_else(|| self.user.clone()),
            dbname: self.dbname.clone(),
            database: database.or(self.database.as_ref()).cloned(),
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
        "{}\n\nExit codes: 0 left by a person; 1 an error; 2 no connection, or a wrong command line; 128+N ended by signal N.",
        conninfo::help()
    )
}
