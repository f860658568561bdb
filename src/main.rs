//! Parses the command line, connects, restores the terminal, sets the exit code.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use hypertop::cli::{Cli, Command};
use hypertop::config::{self, Config};
use hypertop::conninfo::{self, Settings, Surroundings};
use hypertop::db::Session;
use hypertop::screens::ScreenId;
use hypertop::theme::Theme;
use hypertop::{connect, demo, run, show, terminal, theme};

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
    if matches!(cli.command, Some(Command::Show { .. })) || !terminal::is_there() {
        // No console will say it.
        for note in look(&cli, &around).2 {
            eprintln!("hypertop: warning: {note}");
        }
    }
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
                if session.server.timescaledb.is_none()
                    && screen.about().plain.is_none()
                    && let Err(error) = session.load(*screen).await
                {
                    return failed(&error, NO_CONNECTION);
                }
                let mut text = Vec::new();
                show::show(&settings, &session, *screen, *format, &mut text)
                    .await
                    .and_then(|()| print(&text))
                    .map(|()| 0)
            }
            Err(error) => return failed(&error, NO_CONNECTION),
        },
        Some(Command::Demo { url, simulate }) => demo(&cli, url.as_ref(), *simulate, &around).await,
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

/// The demo, on a private server or a given one; without a terminal it prints the screens once.
async fn demo(
    cli: &Cli,
    url: Option<&String>,
    simulate: bool,
    around: &Surroundings,
) -> Result<i32> {
    let started = async {
        match url {
            None => demo::start(simulate).await,
            Some(url) => {
                let settings = conninfo::resolve(&cli.connection.flags(Some(url)), around)?;
                demo::load_into(&settings, &mut ask).await
            }
        }
    };
    // A signal while it loads must remove the private server too: the future is dropped, and that with it.
    let demo = tokio::select! {
        demo = started => demo?,
        signal = run::signalled() => return signal,
    };
    tokio::spawn(demo::live(demo.settings.clone(), demo.simulated));
    let session =
        Session::start(connect::again(&demo.settings, demo.settings.password.as_deref()).await?)
            .await?;
    let ended = if terminal::is_there() {
        console(cli, around, demo.settings.clone(), session).await?
    } else {
        let mut text = Vec::new();
        for screen in ScreenId::ALL {
            show::show(
                &demo.settings,
                &session,
                *screen,
                show::Format::Table,
                &mut text,
            )
            .await?;
        }
        print(&text)?;
        0
    };
    if let Some(farewell) = &demo.farewell {
        eprintln!("{farewell}");
    }
    Ok(ended)
}

/// Asks for a password without echo.
fn ask(prompt: &str) -> Result<String> {
    Ok(rpassword::prompt_password(prompt)?)
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
    let (config, themes, notes) = look(cli, around);
    run::console(settings, session, &config, themes, notes).await
}

/// How the console is to look and behave, and what is wrong with the files and flags that say so.
fn look(cli: &Cli, around: &Surroundings) -> (Config, Vec<Theme>, Vec<String>) {
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
    (config, themes, notes)
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
