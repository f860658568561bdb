//! The documentation page of an action: its effect, its cost, its undo, and how to run it from the shell.

use crate::actions::act::Act;
use crate::actions::action::{Action, Does, Here};
use crate::actions::set_keys;
use crate::model::pages::{self, Catalogue, EFFECT, Handwritten, Page, Passage};
use crate::model::rules;
use crate::model::target::TargetKind;
use crate::server::known::Edition;

/// Word for a target of this kind in a usage line.
fn placeholder(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Job => "JOB",
        TargetKind::Hypertable => "HYPERTABLE",
        TargetKind::Aggregate => "AGGREGATE",
        TargetKind::Index => "INDEX",
        TargetKind::Table => "TABLE",
        TargetKind::Session => "PID",
    }
}

/// The command that previews the action. `None`: an action on the console.
pub(crate) fn preview_command(action: &Action) -> Option<String> {
    let Does::Plan(act) = &action.does else {
        return None;
    };
    let target = placeholder(act.on);
    Some(format!("hypertop run {} {target} --dry-run", action.name))
}

/// The text with a full stop at its end.
fn sentence(words: &str) -> String {
    format!("{}.", words.trim_end_matches('.'))
}

pub(crate) fn page(action: &'static Action) -> Page {
    let keys = action.keys.join(", ");
    let keys = match keys.as_str() {
        "" => "no key; run it from the palette".to_owned(),
        keys => format!("key {keys}"),
    };
    let (facts, passages) = match &action.does {
        Does::Here(here) => (
            format!("action on the console · {keys}"),
            vec![Passage::new(
                EFFECT,
                format!(
                    "{} {}",
                    sentence(action.help),
                    match here {
                        Here::Rollback | Here::ApplyObject =>
                            "It shows a preview, asks for consent, and is recorded in the journal.",
                        _ => "It changes nothing on the server.",
                    }
                ),
            )],
        ),
        Does::Plan(act) => (
            format!(
                "action on {} · {keys}{}",
                act.on.one(),
                match act.needs {
                    Edition::Community => " · Community edition",
                    Edition::Apache => "",
                }
            ),
            on_the_server(action, act),
        ),
    };
    Page {
        catalogue: Catalogue::Actions,
        name: action.name,
        title: action.help.to_owned(),
        facts,
        passages,
    }
}

fn on_the_server(action: &'static Action, act: &Act) -> Vec<Passage> {
    let mut passages = Vec::new();
    if let Some(page) = Handwritten::of(Catalogue::Actions, action.name) {
        for heading in Catalogue::Actions.written() {
            passages.push(Passage::new(heading, page.section(heading)));
        }
    }
    let keys = set_keys::of(action.name).into_iter().map(|key| {
        let default = match key.default {
            "" => "required",
            default => default,
        };
        format!("{}: {} [{default}]", key.name, key.help)
    });
    let run = pages::commands([
        preview_command(action).unwrap_or_default(),
        format!("hypertop sql {}", act.facts.name),
    ]);
    let keys = match pages::items(keys) {
        none if none.is_empty() => String::new(),
        keys => format!("\n\nKeys for --set KEY=VALUE:\n\n{keys}"),
    };
    let shell = format!("To see its preview, and the query behind the preview:\n\n{run}{keys}");
    passages.push(Passage::new("From the shell", shell));
    let fixed = rules::ALL.iter();
    let fixed = fixed.filter(|rule| pages::fixes(rule).contains(&action.name));
    let fixed: Vec<_> = fixed.map(|rule| rule.name).collect();
    if !fixed.is_empty() {
        passages.push(Passage::new("It fixes", fixed.join(", ")));
    }
    passages
}
