//! Parses the command line, connects, restores the terminal, sets the exit code.
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::CommandFactory;
use hypertop::actions::key_map::KeyMap;
use hypertop::app::tape::Replay;
use hypertop::cli::{AsCode, Cli, Command, DemoOptions};
use hypertop::config;
use hypertop::connect::conninfo;
use hypertop::connect::conninfo::{Flags, Settings, Surroundings};
use hypertop::journal::Journal;
use hypertop::model::access::Access;
use hypertop::model::screen_id::ScreenId;
use hypertop::run::command::{Agreement, DONE, FAILED, NO_CONNECTION, Shell};
use hypertop::run::opening::{Opening, actor, configure};
use hypertop::run::policies::{export, plan, validate};
use hypertop::run::record::Recording;
use hypertop::run::{Ended, check, command, doctor, show, start, stderr};
use hypertop::server::session::Session;
use hypertop::ui::terminal;
use hypertop::{connect, demo, run};

fn main() -> ExitCode {
    let cli = match Cli::of_program() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    terminal::restore_on_panic();
    if !std::env::temp_dir().is_absolute() {
        // An empty TMPDIR would mean the current folder.
        let _ = tempfile::env::override_temp_dir(std::path::Path::new("/tmp"));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into(), FAILED),
    };
    let code = runtime.block_on(obey(cli));
    // Does not wait for tasks that still use the network.
    runtime.shutdown_background();
    code
}

/// Handles a wrong command line, and `--help`. For `check`, a wrong option exits as UNKNOWN: clap's exit code 2 would
/// alert as critical. For `doctor`, it is not a failed step.
fn misused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && is_called("check") {
        let _ = command::print(check::refused(&error.render().to_string()));
        return ExitCode::from(check::UNKNOWN);
    }
    if error.use_stderr() && is_called("doctor") {
        stderr::say(doctor::refused(&error.render().to_string()));
        return ExitCode::from(doctor::COULD_NOT_TELL);
    }
    if error.use_stderr() && ["plan", "lint", "validate"].into_iter().any(is_called) {
        let _ = error.print();
        return ExitCode::from(plan::ERROR);
    }
    error.exit()
}

/// True if this is the first subcommand among the arguments: `explain doctor` is none of `doctor`.
fn is_called(name: &str) -> bool {
    let command = Cli::command();
    let first = std::env::args()
        .skip(1)
        .find(|arg| command.find_subcommand(arg).is_some());
    first.is_some_and(|first| first == name)
}

fn failed(error: &anyhow::Error, code: u8) -> ExitCode {
    terminal::restore();
    stderr::say(format_args!("hypertop: {error:#}"));
    ExitCode::from(code)
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        stderr::say(format_args!("hypertop: warning: {warning}"));
    }
}

struct Failure(anyhow::Error, u8);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error, FAILED)
    }
}

fn no_connection(error: anyhow::Error) -> Failure {
    Failure(error, NO_CONNECTION)
}

/// Exit code of a console that the user or a signal ended.
fn code(ended: Ended) -> u8 {
    match ended {
        0 => DONE,
        signal => 128 + u8::try_from(signal).unwrap_or(0),
    }
}

async fn obey(cli: Cli) -> ExitCode {
    let around = Surroundings::of_process();
    let is_shown = matches!(cli.command, Some(Command::Show { .. })) || !terminal::is_there();
    // `thresholds` reports errors of config.toml itself.
    if is_shown && !matches!(cli.command, Some(Command::Thresholds { .. })) {
        // No console will show these errors.
        warn(&start::look(&cli.look(), &around, || None).2);
    }
    match Box::pin(carry_out(&cli, &around)).await {
        Ok(code) => ExitCode::from(code),
        Err(Failure(error, code)) => failed(&error, code),
    }
}

async fn carry_out(cli: &Cli, around: &Surroundings) -> Result<u8, Failure> {
    match &cli.command {
        Some(Command::Show {
            screen,
            format,
            raw,
            all,
            timeout,
            database,
            ..
        }) => {
            let format = format.raw(*raw)?;
            let showing = show(
                cli,
                around,
                database.as_ref(),
                *screen,
                format,
                *all,
                *timeout,
            );
            Box::pin(showing).await
        }
        Some(Command::Check { options }) => {
            let Ok(flags) = flags(cli, options.database.as_ref(), around).inspect_err(|error| {
                let _ = command::print(check::refused(error));
            }) else {
                return Ok(check::UNKNOWN);
            };
            let (text, code) = Box::pin(check::check(&flags, around, options)).await;
            command::print(text)?;
            Ok(code)
        }
        Some(Command::Doctor { options }) => {
            let Ok(flags) = flags(cli, options.database.as_ref(), around).inspect_err(|error| {
                stderr::say(doctor::refused(error));
            }) else {
                return Ok(doctor::COULD_NOT_TELL);
            };
            let (text, code) = Box::pin(doctor::doctor(&flags, around, options, &mut ask)).await;
            command::print(text)?;
            Ok(code)
        }
        Some(Command::Run {
            action,
            target,
            set,
            agreement,
        }) => {
            let run = async |shell: Shell<'_>| shell.run(action, target, set).await;
            change(cli, around, agreement, run).await
        }
        Some(Command::Rollback { id, agreement }) => {
            let rollback = async |shell: Shell<'_>| shell.rollback(id).await;
            change(cli, around, agreement, rollback).await
        }
        Some(Command::AsCode(command)) => as_code(cli, around, command).await,
        Some(Command::Journal { id, format }) => {
            Ok(command::journal(&journal(around)?, *id, *format)?)
        }
        Some(Command::Record {
            file,
            long,
            details,
            database,
            ..
        }) => {
            let (settings, session) = open(cli, database.as_ref(), around).await?;
            let journal = Journal::of(around);
            let what = recording(cli, around, *long, *details, journal);
            Ok(Box::pin(record(settings, session, file, what)).await?)
        }
        Some(Command::Sql { query, version }) => {
            let printed = run::sql::printed(*query, *version).map_err(anyhow::Error::msg)?;
            command::print(printed)?;
            Ok(DONE)
        }
        Some(Command::Explain { pages }) => {
            command::print(pages.printed(around))?;
            Ok(DONE)
        }
        Some(Command::Man { out }) => {
            run::manual::man(Cli::command(), out.as_deref())?;
            Ok(DONE)
        }
        Some(Command::Completions { shell }) => {
            command::print(run::manual::completions(&Cli::command(), *shell))?;
            Ok(DONE)
        }
        Some(Command::Thresholds { format }) => {
            command::print(run::thresholds::printed(around, *format)?)?;
            Ok(DONE)
        }
        Some(Command::Replay { file, .. }) => Ok(code(replay(cli, around, file).await?)),
        Some(Command::Demo { options }) => Ok(code(Box::pin(demo(cli, options, around)).await?)),
        None => open_console(cli, around).await,
    }
}

async fn as_code(cli: &Cli, around: &Surroundings, command: &AsCode) -> Result<u8, Failure> {
    match command {
        AsCode::Export { options } => {
            let (_, session) = open(cli, None, around).await?;
            command::print(export::printed(&session, options).await?)?;
            Ok(DONE)
        }
        AsCode::Plan { options } => {
            let (settings, session) = planning(cli, around).await?;
            let plan = plan::plan(&settings, &session, cli.read_only, options);
            printed(Box::pin(plan).await?)
        }
        AsCode::Lint { options } => {
            let (settings, session) = planning(cli, around).await?;
            printed(Box::pin(plan::lint(&settings, &session, options)).await?)
        }
        AsCode::Validate { options } => {
            let (settings, session) = planning(cli, around).await?;
            let valid = validate::validate(&settings, &session, cli.read_only, options);
            printed(Box::pin(valid).await?)
        }
        AsCode::Apply { options } => {
            let apply = async |shell: Shell<'_>| shell.apply(options).await;
            change(cli, around, &options.agreement, apply).await
        }
    }
}

/// A session for `plan`, `lint` and `validate`, whose exit code 2 means a difference: no connection is an error there.
async fn planning(cli: &Cli, around: &Surroundings) -> Result<(Settings, Session), Failure> {
    let opened = open(cli, None, around).await;
    opened.map_err(|Failure(error, _)| Failure(error, plan::ERROR))
}

fn printed((text, code): (String, u8)) -> Result<u8, Failure> {
    command::print(text)?;
    Ok(code)
}

async fn open_console(cli: &Cli, around: &Surroundings) -> Result<u8, Failure> {
    if !terminal::is_there() {
        return Err(no_connection(anyhow::anyhow!(
            "a console needs a terminal; `hypertop show SCREEN` prints the same as text"
        )));
    }
    terminal::check()?;
    let keys = keys(around)?;
    let (settings, session) = open(cli, None, around).await?;
    let opening = opening(cli, around, Journal::of(around), &session);
    Ok(code(console(cli, keys, settings, session, opening).await?))
}

async fn show(
    cli: &Cli,
    around: &Surroundings,
    database: Option<&String>,
    screen: ScreenId,
    format: show::Format,
    all: bool,
    limit: Duration,
) -> Result<u8, Failure> {
    let late = |what: &str| {
        let limit = humantime::format_duration(limit);
        anyhow::anyhow!("{what} within {limit}: --timeout sets the limit")
    };
    let opening = Box::pin(open(cli, database, around));
    // A user may take any time to type a password.
    let (settings, mut session) = if terminal::is_there() && !cli.connection.no_password {
        opening.await?
    } else {
        let opened = tokio::time::timeout(limit, opening).await;
        opened.map_err(|_| no_connection(late("the server did not answer")))??
    };
    // Without a journal no finding counts as acknowledged.
    if !(all && screen == ScreenId::Overview) {
        session.journal = Journal::of(around);
    }
    warn(&settings.warnings);
    let mut text = Vec::new();
    let reading = async {
        if !session.can_show(screen) {
            session.load(screen).await.map_err(no_connection)?;
        }
        show::show(&settings, &session, screen, format, &mut text).await?;
        Ok::<_, Failure>(())
    };
    let read = tokio::time::timeout(limit, Box::pin(reading)).await;
    read.map_err(|_| Failure(late("the screen was not read"), FAILED))??;
    command::print(&text)?;
    Ok(DONE)
}

fn journal(around: &Surroundings) -> Result<Journal> {
    Journal::of(around).context(
        "there is no place for the journal: set HOME or XDG_STATE_HOME, without it nothing is changed",
    )
}

/// Runs an action or a rollback. If that cannot start, prints the reason in the chosen format.
async fn change(
    cli: &Cli,
    around: &Surroundings,
    agreement: &Agreement,
    what: impl AsyncFnOnce(Shell<'_>) -> Result<u8>,
) -> Result<u8, Failure> {
    let Failure(error, code) = match shell(cli, around, agreement).await {
        Ok(shell) => return Ok(Box::pin(what(shell)).await?),
        Err(failure) => failure,
    };
    let unchanged = agreement.refuse(&format!("{error:#}"))?;
    Ok(if code == NO_CONNECTION {
        code
    } else {
        unchanged
    })
}

/// The session, executor and rules of `run` and `rollback`.
async fn shell<'a>(
    cli: &Cli,
    around: &Surroundings,
    agreement: &'a Agreement,
) -> Result<Shell<'a>, Failure> {
    let (config, wrong) = config::read(around);
    if let Some(wrong) = wrong {
        // If config.toml is broken, it is unknown whether the connection is read-only or protected, so nothing is
        // changed.
        return Err(anyhow::anyhow!("{wrong}").into());
    }
    let journal = journal(around)?;
    let (settings, session) = open(cli, None, around).await?;
    Ok(Shell {
        actor: actor(&settings, &session, journal, run::now),
        rules: config.rules(
            &session.server.host,
            &session.server.database,
            &session.server.role,
            cli.read_only,
        ),
        session,
        agreement,
    })
}

/// What is recorded with these options.
fn recording(
    cli: &Cli,
    around: &Surroundings,
    long: Option<Duration>,
    details: bool,
    journal: Option<Journal>,
) -> Recording {
    let (config, ..) = start::look(&cli.look(), around, || None);
    Recording {
        refresh: config.refresh,
        long,
        details,
        journal,
    }
}

/// Records to a file, without a console.
async fn record(
    settings: Settings,
    session: Session,
    file: &std::path::Path,
    what: Recording,
) -> Result<u8> {
    stderr::say(format_args!(
        "hypertop: recording database {:?} into {}; Ctrl-C ends it",
        session.server.database,
        file.display()
    ));
    let readings = Box::pin(run::record::record(settings, session, file, what)).await?;
    stderr::say(format_args!(
        "hypertop: kept {readings} readings; hypertop replay {} shows them",
        file.display()
    ));
    Ok(DONE)
}

async fn replay(cli: &Cli, around: &Surroundings, file: &std::path::Path) -> Result<Ended> {
    let recording = Replay::open(file)?;
    if !terminal::is_there() {
        anyhow::bail!("a console needs a terminal: replay opens one");
    }
    open_replay(cli, around, recording).await
}

async fn open_replay(cli: &Cli, around: &Surroundings, recording: Replay) -> Result<Ended> {
    let keys = keys(around)?;
    let (config, themes, notes, _) = start::look(&cli.look(), around, terminal::background);
    warn(&notes);
    let screen = cli.look().screen.unwrap_or(ScreenId::Overview);
    run::replay(recording, config, keys, themes, screen).await
}

/// Opens the recording of the demo that is a part of this program. Without a terminal, prints all screens once.
/// `absent`: the error that prevents a live demo. `None`: the user wants the recording.
async fn recorded_demo(
    cli: &Cli,
    around: &Surroundings,
    absent: Option<anyhow::Error>,
) -> Result<Ended> {
    let named = || "cannot replay the demo's recording".to_owned();
    let mut recording = Replay::read(demo::recording()?, named)?;
    recording.skip(demo::RECORDED_START_SECONDS);
    if let Some(error) = absent {
        stderr::say(format_args!(
            "hypertop: {error:#}\nUntil then this demo is a recording, in which nothing can be changed."
        ));
    }
    if terminal::is_there() {
        terminal::check()?;
        recording.plays = true;
        return open_replay(cli, around, recording).await;
    }
    let mut text = Vec::new();
    show::recorded(recording, &mut text)?;
    command::print(&text)?;
    Ok(0)
}

/// Starts the demo on a private server or the user's server, or opens its recording. Without a terminal, prints all
/// screens once.
async fn demo(cli: &Cli, options: &DemoOptions, around: &Surroundings) -> Result<Ended> {
    let (url, file) = (options.url.as_ref(), options.record.as_deref());
    let any = url.is_none() && file.is_none() && !options.simulate;
    let absent = demo::can_start().err().filter(|_| any);
    if options.recorded || absent.is_some() {
        return recorded_demo(cli, around, absent).await;
    }
    let keys = if terminal::is_there() && file.is_none() {
        terminal::check()?;
        Some(keys(around)?)
    } else {
        None
    };
    let started = async {
        match url {
            None => demo::start(options.simulate, |words| stderr::say(words)).await,
            Some(url) => {
                let flags = flags(cli, Some(url), around).map_err(anyhow::Error::msg)?;
                let settings = conninfo::resolve(&flags, around)?;
                demo::load_into(&settings, &mut ask, |words| stderr::say(words)).await
            }
        }
    };
    // A signal during the load drops the future, which ends the private server.
    let demo = tokio::select! {
        demo = started => demo?,
        signal = run::signalled() => return signal,
    };
    tokio::spawn(demo::live(demo.settings.clone(), demo.simulated));
    let mut session = Session::start(connect::again(&demo.settings, None).await?).await?;
    configure(&mut session, config::read(around).0, cli.look().policies);
    session.server.throw_away = url.is_none();
    if url.is_none() {
        // What config.toml names is of the user's servers.
        session.server.policy_files = match cli.look().policies.as_slice() {
            [] => demo.policies()?.into_iter().collect(),
            named => named.to_vec(),
        };
    }
    let journal = demo.journal().or_else(|| Journal::of(around));
    let ended = if let Some(file) = file {
        if let Some(journal) = &journal {
            change_demo(&demo.settings, journal.clone()).await?;
        }
        let what = recording(cli, around, options.long, true, journal);
        Box::pin(record(demo.settings.clone(), session, file, what)).await?;
        0
    } else if let Some(keys) = keys {
        let opening = opening(cli, around, journal, &session);
        console(cli, keys, demo.settings.clone(), session, opening).await?
    } else {
        let mut text = Vec::new();
        show::brief(&demo.settings, &session, &mut text).await?;
        command::print(&text)?;
        0
    };
    if let Some(farewell) = &demo.farewell {
        stderr::say(farewell);
    }
    Ok(ended)
}

/// Runs an action and rolls it back, for the Journal of a recorded demo.
async fn change_demo(settings: &Settings, journal: Journal) -> Result<()> {
    let session = Session::start(connect::again(settings, None).await?).await?;
    let agreement = Agreement {
        dry_run: false,
        yes: true,
        confirm: None,
        format: command::Format::Text,
    };
    let shell = Shell {
        actor: actor(settings, &session, journal, run::now),
        rules: Access::default(),
        session,
        agreement: &agreement,
    };
    let action = command::find("add-refresh-policy").map_err(anyhow::Error::msg)?;
    let target = ["mes.oee_weekly".to_owned()];
    Box::pin(shell.run(action, &target, &[])).await?;
    Box::pin(shell.rollback(&[1])).await?;
    Ok(())
}

/// Asks for a password without echo.
fn ask(prompt: &str) -> Result<String> {
    Ok(rpassword::prompt_password(prompt)?)
}

/// The connection options, with the connection that `@NAME` means.
fn flags(cli: &Cli, database: Option<&String>, around: &Surroundings) -> Result<Flags, String> {
    config::named(cli.connection.flags(database), around)
}

async fn open(
    cli: &Cli,
    database: Option<&String>,
    around: &Surroundings,
) -> Result<(Settings, Session), Failure> {
    let flags =
        flags(cli, database, around).map_err(|error| no_connection(anyhow::Error::msg(error)))?;
    let opened = async {
        let mut settings = conninfo::resolve(&flags, around)?;
        let (config, _) = config::read(around);
        settings.trust = config.trust(&settings.user);
        let connected = connect::connect(&settings, &mut ask).await?;
        let mut session = Session::start(connected).await?;
        configure(&mut session, config, cli.look().policies);
        Ok((settings, session))
    };
    opened.await.map_err(|error: anyhow::Error| {
        let explained = anyhow::anyhow!("{error:#}\n{}", doctor::advice(&flags));
        no_connection(explained)
    })
}

/// The key map. An invalid `[keys]` is an error, because keys would do something unexpected.
fn keys(around: &Surroundings) -> Result<KeyMap> {
    config::read(around).0.keys.map_err(anyhow::Error::msg)
}

async fn console(
    cli: &Cli,
    keys: KeyMap,
    settings: Settings,
    session: Session,
    opening: Opening,
) -> Result<Ended> {
    let (config, themes, notes, _) =
        start::look(&cli.look(), &opening.around, terminal::background);
    let opened = opening.opened(settings, session).await;
    let start = run::Start {
        opened,
        opening,
        config,
        keys,
        themes,
        notes,
        screen: cli.look().screen.unwrap_or(ScreenId::Overview),
    };
    Box::pin(run::console(start)).await
}

/// How this console opens databases.
fn opening(
    cli: &Cli,
    around: &Surroundings,
    journal: Option<Journal>,
    session: &Session,
) -> Opening {
    let server = &session.server;
    let files = if server.throw_away {
        server.policy_files.clone()
    } else {
        cli.look().policies
    };
    Opening {
        around: around.clone(),
        clock: run::now,
        read_only: cli.read_only,
        journal,
        throw_away: server.throw_away,
        named: (server.database.clone(), files),
    }
}
