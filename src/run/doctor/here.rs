//! The steps about this machine: configuration, theme, journal.

use crate::config;
use crate::connect::conninfo::Surroundings;
use crate::journal::Journal;
use crate::run::start;
use crate::run::start::Look;

use super::step::Step;

pub(super) fn steps(around: &Surroundings) -> Vec<Step> {
    vec![configuration(around), theme(around), journal(around)]
}

fn configuration(around: &Surroundings) -> Step {
    let (config, wrong) = config::read(around);
    let wrong = wrong.or_else(|| config.keys.err());
    if let Some(wrong) = wrong {
        return Step::ok("config", wrong)
            .fail("correct that line; until then the defaults apply and nothing can be changed, or (for a line in [keys]) no console opens");
    }
    let system = config::system_file(around);
    let mut evidence = Vec::new();
    if system.exists() {
        evidence.push(format!("{} is read", system.display()));
    }
    match config::file(around) {
        Some(file) if file.exists() => evidence.push(format!("{} is read", file.display())),
        Some(file) => {
            let defaults = if evidence.is_empty() {
                ": the defaults apply"
            } else {
                ""
            };
            evidence.push(format!("{} does not exist{defaults}", file.display()));
        }
        None => {
            return Step::ok("config", "no folder for a configuration").warn("set HOME");
        }
    }
    Step::lines("config", evidence)
}

fn theme(around: &Surroundings) -> Step {
    let (config, themes, notes, _) = start::look(&Look::default(), around, || None);
    let known = themes.iter().any(|theme| theme.name == config.theme);
    // Errors of config.toml are shown in the step `config`.
    let (_, wrong) = config::read(around);
    let own =
        |note: &&String| Some(*note) != wrong.as_ref() && Some(*note) != config.keys.as_ref().err();
    let step = Step::ok("theme", config.theme.clone());
    let step = notes.iter().filter(own).fold(step, |step, note| {
        step.and(note.clone())
            .warn("correct the theme's file or its name in config.toml")
    });
    if known {
        step
    } else {
        step.fail("set an existing theme in config.toml")
    }
}

fn journal(around: &Surroundings) -> Step {
    let Some(journal) = Journal::of(around) else {
        return Step::ok("journal", "no folder for the journal")
            .fail("set HOME or XDG_STATE_HOME: without a journal hypertop changes nothing");
    };
    let path = journal.path().display();
    match journal.probe() {
        Ok(Some(entries)) => {
            let unreadable = entries.unreadable;
            let step = Step::ok(
                "journal",
                format!("{path}: the file can be locked; number of entries: {}", entries.all.len()),
            );
            if unreadable == 0 {
                return step;
            }
            step.and(format!("unreadable lines: {unreadable}"))
                .warn("a crash or a full disk interrupted the write of these lines; no other lines are lost")
        }
        Ok(None) => Step::ok("journal", format!("{path}: hypertop has changed nothing yet")),
        Err(error) => Step::ok("journal", format!("{error:#}")).fail(
            "make yourself the owner of the file and its folder, and make them writable: without a journal hypertop changes nothing",
        ),
    }
}
