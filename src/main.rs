//! Parses the command line, connects, restores the terminal, sets the exit code.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use hypertop::act::Actor;
use hypertop::action::Action;
use hypertop::cli::{Cli, Command};
use hypertop::command::{self, Agreement};
use hypertop::config::{self, Config};
use hypertop::conninfo::{self, Settings, Surroundings};
use hypertop::db::Session;
use hypertop::journal::Journal;
use hypertop::screens::ScreenId;
use hypertop::tape::Replay;
use hypertop::theme::Theme;
use hypertop::{act, connect, demo, run, show, terminal, theme};

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
            all,
            database,
        }) => match open(&cli, database.as_ref(), &around).await {
            Ok((settings, mut session)) => {
                // Without the journal nothing is put aside.
                if !(*all && *screen == ScreenId::Overview) {
                    session.journal = Journal::of(&around);
                }
                for warning in &settings.warnings {
                    eprintln!("hypertop: warning: {warning}");
                }
                if !session.can_show(*screen)
                    && let Err(error) = session.load(*screen).await
                {
                    return failed(&error, NO_CONNECTION);
                }
                let mut text = Vec::new();
                show::show(&settings, &session, *screen, *format, &mut text)
                    .await
                    .and_then(|()| command::print(&text))
                    .map(|()| 0)
            }
            Err(error) => return failed(&error, NO_CONNECTION),
        },
        Some(Command::Run {
            action,
            target,
            set,
            agreement,
        }) => acting(&cli, &around, agreement, Act::Run(action, target, set)).await,
        Some(Command::Rollback { id, agreement }) => {
            acting(&cli, &around, agreement, Act::Rollback(id)).await
        }
        Some(Command::Journal { id, format }) => {
            journal(&around).and_then(|journal| command::journal(&journal, *id, *format))
        }
        Some(Command::Record {
            file,
            long,
            database,
        }) => match open(&cli, database.as_ref(), &around).await {
            Ok((settings, session)) => record(&cli, &around, settings, session, file, *long).await,
            Err(error) => return failed(&error, NO_CONNECTION),
        },
        Some(Command::Replay { file }) => replay(&cli, &around, file).await,
        Some(Command::Demo { url, simulate }) => {
            Box::pin(demo(&cli, url.as_ref(), *simulate, &around)).await
        }
        None => {
            if !terminal::is_there() {
                let error = anyhow::anyhow!(
                    "a console needs a terminal; `hypertop show SCREEN` prints the same as text"
                );
                return failed(&error, 2);
            }
            match open(&cli, None, &around).await {
                Ok((settings, session)) => {
                    let journal = Journal::of(&around);
                    console(&cli, &around, settings, session, journal).await
                }
                Err(error) => return failed(&error, NO_CONNECTION),
            }
        }
    };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(code @ (command::FAILED | command::NO_CONNECTION | command::UNCHANGED))
            if is_command(&cli) =>
        {
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Ok(signal) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
        Err(error) => failed(&error, 1),
    }
}

fn is_command(cli: &Cli) -> bool {
    matches!(
        cli.command,
        Some(Command::Run { .. } | Command::Rollback { .. } | Command::Journal { .. })
    )
}

fn journal(around: &Surroundings) -> Result<Journal> {
    Journal::of(around).context(
        "there is no place for the journal: set HOME or XDG_STATE_HOME, without it nothing is changed",
    )
}

/// Who carries out plans where this session reads.
fn actor(settings: &Settings, session: &Session, journal: Journal) -> Actor {
    Actor {
        settings: settings.clone(),
        password: session.connected.password.clone(),
        journal,
        server: session.server.clone(),
        clock: run::now,
    }
}

/// What the shell asks to be done.
enum Act<'a> {
    Run(&'static Action, &'a [String], &'a [(String, String)]),
    Rollback(&'a [u64]),
}

async fn acting(
    cli: &Cli,
    around: &Surroundings,
    agreement: &Agreement,
    act: Act<'_>,
) -> Result<i32> {
    let (config, wrong) = config::read(around);
    if let Some(wrong) = wrong {
        // What it says of read-only and protected connections is not known, so nothing is changed.
        anyhow::bail!("{wrong}");
    }
    let journal = journal(around)?;
    let (settings, session) = match open(cli, None, around).await {
        Ok(opened) => opened,
        Err(error) => {
            eprintln!("hypertop: {error:#}");
            return Ok(command::NO_CONNECTION);
        }
    };
    let rules = config.rules(
        &session.server.host,
        &session.server.database,
        cli.read_only,
    );
    let actor = actor(&settings, &session, journal);
    let shell = command::Shell {
        session: &session,
        actor: &actor,
        rules,
        agreement,
    };
    match act {
        Act::Run(action, targets, set) => shell.run(action, targets, set).await,
        Act::Rollback(ids) => shell.rollback(ids).await,
    }
}

/// Records without a console.
async fn record(
    cli: &Cli,
    around: &Surroundings,
    settings: Settings,
    session: Session,
    file: &std::path::Path,
    long: Option<std::time::Duration>,
) -> Result<i32> {
    let (config, ..) = look(cli, around);
    eprintln!(
        "hypertop: recording database {:?} into {}; Ctrl-C ends it",
        session.server.database,
        file.display()
    );
    let readings = run::record_only(settings, session, config.refresh, file, long).await?;
    eprintln!(
        "hypertop: kept {readings} readings; hypertop replay {} shows them",
        file.display()
    );
    Ok(0)
}

async fn replay(cli: &Cli, around: &Surroundings, file: &std::path::Path) -> Result<i32> {
    let recording = Replay::open(file)?;
    if !terminal::is_there() {
        anyhow::bail!("a console needs a terminal: replay opens one");
    }
    let (config, themes, notes, _) = look(cli, around);
    for note in notes {
        eprintln!("hypertop: warning: {note}");
    }
    run::replay(recording, config, themes).await
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
    let mut session =
        Session::start(connect::again(&demo.settings, demo.settings.password.as_deref()).await?)
            .await?;
    session.server.thresholds = config::read(around).0.thresholds;
    // What is done in a server that is thrown away is thrown away with it.
    let folder = tempfile::tempdir()?;
    let journal = match url {
        None => Some(Journal::new(folder.path().join("journal.jsonl"))),
        Some(_) => Journal::of(around),
    };
    let ended = if terminal::is_there() {
        console(cli, around, demo.settings.clone(), session, journal).await?
    } else {
        let mut text = Vec::new();
        for screen in ScreenId::ALL
            .iter()
            .filter(|screen| **screen != ScreenId::Journal)
        {
            show::show(
                &demo.settings,
                &session,
                *screen,
                show::Format::Table,
                &mut text,
            )
            .await?;
        }
        command::print(&text)?;
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

async fn open(
    cli: &Cli,
    database: Option<&String>,
    around: &Surroundings,
) -> Result<(Settings, Session)> {
    let settings = conninfo::resolve(&cli.connection.flags(database), around)?;
    let connected = connect::connect(&settings, &mut ask).await?;
    let mut session = Session::start(connected).await?;
    session.server.thresholds = config::read(around).0.thresholds;
    Ok((settings, session))
}

async fn console(
    cli: &Cli,
    around: &Surroundings,
    settings: Settings,
    session: Session,
    journal: Option<Journal>,
) -> Result<i32> {
    let (config, themes, notes, broken) = look(cli, around);
    let mut rules = config.rules(
        &session.server.host,
        &session.server.database,
        cli.read_only,
    );
    if broken {
        // What the file says of read-only and protected connections is not known.
        rules.read_only =
            Some("config.toml cannot be read: nothing is changed until it can".to_owned());
    }
    let actor = journal.map(|journal| actor(&settings, &session, journal));
    let mut told = Vec::new();
    if let Some(actor) = &actor {
        told.extend(cut_off(actor, &session).await);
    }
    let start = run::Start {
        settings,
        actor,
        rules,
        session,
        config,
        themes,
        notes,
        told,
        screen: cli.screen.unwrap_or(ScreenId::Overview),
    };
    Box::pin(run::console(start)).await
}

/// How the console is to look and behave, and what is wrong with the files and flags that say so.
fn look(cli: &Cli, around: &Surroundings) -> (Config, Vec<Theme>, Vec<String>, bool) {
    let (mut config, wrong) = config::read(around);
    let broken = wrong.is_some();
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
    (config, themes, notes, broken)
}

/// What the journal knows of actions that were cut off in this database; what cannot be read is told there too.
async fn cut_off(actor: &Actor, session: &Session) -> Vec<String> {
    let found = async {
        let place = act::place(&session.connected.client, session.connected.host.clone()).await?;
        let entries = actor.journal.entries()?;
        let here = entries
            .all
            .into_iter()
            .filter(|entry| entry.begin.place.is(&place) && entry.state() == "unfinished");
        anyhow::Ok(
            here.map(|entry| entry.begin.id.to_string())
                .collect::<Vec<_>>(),
        )
    };
    match found.await {
        Ok(ids) if ids.is_empty() => Vec::new(),
        Ok(ids) => vec![format!(
            "cut off before the end: journal entry {}; the Journal (0) says what is known",
            ids.join(", ")
        )],
        Err(error) => vec![format!("{error:#}")],
    }
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
