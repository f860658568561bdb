//! Parses the command line, connects, restores the terminal, sets the exit code.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use hypertop::cli::{Cli, Command};
use hypertop::config::{self, Config};
use hypertop::conninfo::{self, Settings, Surroundings};
use hypertop::db::Session;
use hypertop::show;
use hypertop::{connect, run, terminal, theme};

/// psql's code for a connection that could not be made.
const NO_CONNECTION: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    terminal::restore_on_panic();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into(), 1),
    };
    let code = runtime.block_on(obey(cli));
    // What still waits for the network must not keep the person waiting.
    runtime.shutdown_background();
    code
}

fn failed(error: &anyhow::Error, code: u8) -> ExitCode {
    terminal::restore();
    eprintln!("hypertop: {error:#}");
    ExitCode::from(code)
}

async fn obey(cli: Cli) -> ExitCode {
    let around = Surroundings::of_process();
    let result = match &cli.command {
        Some(Command::Show {
            screen,
            format,
            database,
        }) => match open(&cli, database.as_ref(), &around).await {
            Ok((settings, session)) => {
                for warning in &settings.warnings {
                    eprintln!("hypertop: warning: {warning}");
                }
                let mut text = Vec::new();
                show::show(&settings, &session, *screen, *format, &mut text)
                    .await
                    .and_then(|()| print(&text))
                    .map(|()| 0)
            }
            Err(error) => return failed(&error, NO_CONNECTION),
        },
        Some(Command::Demo { .. }) => bail_demo(),
        None => {
            if !terminal::is_there() {
                let error = anyhow::anyhow!(
                    "a console needs a terminal; `hypertop show SCREEN` prints the same as text"
                );
                return failed(&error, 2);
            }
            match open(&cli, None, &around).await {
                Ok((settings, session)) => console(&cli, &around, settings, session).await,
                Err(error) => return failed(&error, NO_CONNECTION),
            }
        }
    };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(signal) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
        Err(error) => failed(&error, 1),
    }
}

fn bail_demo() -> Result<i32> {
    bail!("wip")
}

/// Prints; a reader that went away (`| head`) is no error.
fn print(text: &[u8]) -> Result<()> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

async fn open(
    cli: &Cli,
    database: Option<&String>,
    around: &Surroundings,
) -> Result<(Settings, Session)> {
    let settings = conninfo::resolve(&cli.connection.flags(database), around)?;
    let mut ask = |prompt: &str| Ok(rpassword::prompt_password(prompt)?);
    let connected = connect::connect(&settings, &mut ask).await?;
    let session = Session::start(connected).await?;
    Ok((settings, session))
}

async fn console(
    cli: &Cli,
    around: &Surroundings,
    settings: Settings,
    session: Session,
) -> Result<i32> {
    let (mut config, wrong) = config::read(around);
    let (themes, mut notes) = theme::all(
        config::folder(around)
            .map(|folder| folder.join("themes"))
            .as_deref(),
    );
    notes.extend(wrong);
    choose(&mut config, cli, around);
    if !themes.iter().any(|theme| theme.name == config.theme) {
        let names: Vec<_> = themes.iter().map(|theme| theme.name.as_str()).collect();
        notes.push(format!(
            "there is no theme {:?}; there are: {}",
            config.theme,
            names.join(", ")
        ));
    }
    run::console(settings, session, &config, themes, notes).await
}

/// The command line before the file; `NO_COLOR` before the file's theme.
fn choose(config: &mut Config, cli: &Cli, around: &Surroundings) {
    if around
        .env
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty())
    {
        "mono".clone_into(&mut config.theme);
    }
    if let Some(theme) = &cli.theme {
        config.theme.clone_from(theme);
    }
    if let Some(refresh) = cli.refresh {
        config.refresh = refresh;
    }
}
