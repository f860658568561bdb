//! Parses the command line, runs the command, restores the terminal, sets the exit code.
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use clap::CommandFactory;
use hypertop::cli::{AsCode, Cli, Command, Document};
use hypertop::config;
use hypertop::connect::conninfo::{Settings, Surroundings};
use hypertop::run;
use hypertop::run::changing::change;
use hypertop::run::command::{self, Shell};
use hypertop::run::exit::{DONE, FAILED, Failure};
use hypertop::run::invocation::{Invocation, ask};
use hypertop::run::policies::{export, plan, validate};
use hypertop::run::{Ended, check, complete, doctor, example, printing, record, start, stderr};
use hypertop::server::session::Session;
use hypertop::ui::terminal;

fn main() -> ExitCode {
    let cli = match Cli::of_program() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    terminal::restore_on_panic();
    if !std::env::temp_dir().is_absolute() {
        // If TMPDIR is empty or relative, temporary files would be in or below the current folder.
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

/// Prints the error of a wrong command line (or the text of `--help`), and chooses the exit code. clap's exit code 2 would mean a critical
/// alert for `check`, a failed step for `doctor`, and a difference or advice for `plan`, `lint` and `validate`. So these commands get
/// another exit code.
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

/// True if `name` is the first subcommand among the arguments. For `explain doctor` it is `explain`.
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

/// Exit code of a console that the user or a signal ended.
fn code(ended: Ended) -> u8 {
    match ended {
        0 => DONE,
        signal => 128 + u8::try_from(signal).unwrap_or(0),
    }
}

async fn obey(cli: Cli) -> ExitCode {
    let around = Surroundings::of_process();
    if let Some(Command::CompleteTarget { line }) = &cli.command {
        return ExitCode::from(complete_target(line, &around).await);
    }
    let is_shown = matches!(cli.command, Some(Command::Show { .. })) || !terminal::is_there();
    // The command `thresholds` reports the errors of config.toml itself.
    if is_shown
        && !matches!(
            cli.command,
            Some(Command::Document(Document::Thresholds { .. }))
        )
    {
        // Without a console, the errors of config.toml go to stderr.
        stderr::warn(&start::look(&cli.look(), &around, || None).2);
    }
    match Box::pin(carry_out(&cli, &around)).await {
        Ok(code) => ExitCode::from(code),
        Err(Failure(error, code)) => failed(&error, code),
    }
}

/// Prints the targets that the shell can complete `line` with. Exit code 1: the line does not end at a target. Errors are not printed,
/// because they would disturb the line that the user is typing.
async fn complete_target(line: &str, around: &Surroundings) -> u8 {
    let Some((cli, action, typed)) = Cli::at_target(line) else {
        return FAILED;
    };
    let invocation = Invocation {
        flags: cli.connection.flags(None),
        look: cli.look(),
        read_only: true,
        around: around.clone(),
    };
    let _ = command::print(complete::targets(&invocation, action, &typed).await);
    DONE
}

async fn carry_out(cli: &Cli, around: &Surroundings) -> Result<u8, Failure> {
    let on = |database: Option<&String>| Invocation {
        flags: cli.connection.flags(database),
        look: cli.look(),
        read_only: cli.read_only,
        around: around.clone(),
    };
    let here = on(None);
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
            let (invocation, format) = (on(database.as_ref()), format.raw(*raw)?);
            let shown = printing::show(&invocation, *screen, format, *all, *timeout);
            Box::pin(shown).await?;
        }
        Some(Command::Check { options }) => {
            return checked(&on(options.database.as_ref()), options).await;
        }
        Some(Command::Doctor { options }) => {
            return doctored(&on(options.database.as_ref()), options).await;
        }
        Some(Command::Run {
            action,
            target,
            set,
            agreement,
        }) => {
            let run = async |shell: Shell<'_>| shell.run(action, target, set).await;
            return change(&here, agreement, run).await;
        }
        Some(Command::Rollback { id, agreement }) => {
            let rollback = async |shell: Shell<'_>| shell.rollback(id).await;
            return change(&here, agreement, rollback).await;
        }
        Some(Command::AsCode(command)) => return as_code(&here, command).await,
        Some(Command::Journal { id, format }) => {
            return Ok(command::journal(&here.journal()?, *id, *format)?);
        }
        Some(Command::Record {
            file,
            long,
            details,
            database,
            ..
        }) => record::command(&on(database.as_ref()), file, *long, *details).await?,
        Some(Command::Replay { file, .. }) => {
            return Ok(code(example::replay(&here, file).await?));
        }
        Some(Command::Demo { options }) => {
            let invocation = on(options.url.as_ref());
            return Ok(code(Box::pin(example::demo(&invocation, options)).await?));
        }
        Some(Command::Document(wanted)) => document(wanted, around)?,
        // `obey` has already run this command, before it printed warnings.
        Some(Command::CompleteTarget { .. }) => {}
        None => return Ok(code(here.console().await?)),
    }
    Ok(DONE)
}

fn document(wanted: &Document, around: &Surroundings) -> anyhow::Result<()> {
    match wanted {
        Document::Sql { query, version } => {
            let printed = run::sql::printed(*query, *version).map_err(anyhow::Error::msg)?;
            command::print(printed)?;
        }
        Document::Explain { pages } => command::print(pages.printed(around))?,
        Document::Man { out } => run::manual::man(Cli::command(), out.as_deref())?,
        Document::Completions { shell } => {
            command::print(run::manual::completions(&Cli::command(), *shell))?;
        }
        Document::Thresholds { format } => {
            command::print(run::thresholds::printed(around, *format)?)?;
        }
    }
    Ok(())
}

async fn checked(invocation: &Invocation, options: &check::Options) -> Result<u8, Failure> {
    let flags = match invocation.connection() {
        Ok(flags) => flags,
        Err(error) => {
            let _ = command::print(check::refused(&error));
            return Ok(check::UNKNOWN);
        }
    };
    printed(Box::pin(check::check(&flags, &invocation.around, options)).await)
}

async fn doctored(invocation: &Invocation, options: &doctor::Options) -> Result<u8, Failure> {
    let flags = match invocation.connection() {
        Ok(flags) => flags,
        Err(error) => {
            stderr::say(doctor::refused(&error));
            return Ok(doctor::COULD_NOT_TELL);
        }
    };
    printed(
        Box::pin(doctor::doctor(
            &flags,
            &invocation.around,
            options,
            &mut ask,
        ))
        .await,
    )
}

async fn as_code(invocation: &Invocation, command: &AsCode) -> Result<u8, Failure> {
    let read_only = invocation.read_only;
    match command {
        AsCode::Export { options } => {
            let (_, session) = invocation.open().await?;
            command::print(export::printed(&session, options).await?)?;
            Ok(DONE)
        }
        AsCode::Plan { options } => {
            let (settings, mut session) = planning(invocation).await?;
            session.journal = invocation.journal().ok();
            let plan = plan::plan(&settings, &session, read_only, options);
            printed(Box::pin(plan).await?)
        }
        AsCode::Lint { options } => {
            let (settings, session) = planning(invocation).await?;
            printed(Box::pin(plan::lint(&settings, &session, options)).await?)
        }
        AsCode::Validate { options } => {
            let (settings, mut session) = planning(invocation).await?;
            let journal = invocation.journal().ok();
            session.journal.clone_from(&journal);
            let machine = config::read(&invocation.around).0;
            let mut here = validate::Here {
                machine: machine.machine(&session.server.host),
                settings,
                session,
                read_only,
                journal,
            };
            Ok(Box::pin(validate::validate(&mut here, options)).await?)
        }
        AsCode::Apply { options } => {
            let apply = async |shell: Shell<'_>| shell.apply(options).await;
            change(invocation, &options.agreement, apply).await
        }
    }
}

/// A session for `plan`, `lint` and `validate`. If it cannot be opened, these commands exit with 1, because their exit code 2 means a
/// difference or advice.
async fn planning(invocation: &Invocation) -> Result<(Settings, Session), Failure> {
    let opened = invocation.open().await;
    opened.map_err(|Failure(error, _)| Failure(error, plan::ERROR))
}

fn printed((text, code): (String, u8)) -> Result<u8, Failure> {
    command::print(text)?;
    Ok(code)
}
