//! `hypertop journal`: the list of entries, or one entry in full.

use anyhow::{Result, anyhow};
use serde_json::{Value as Json, json};

use super::shell::{Format, print_lines, say};
use crate::journal::{Entry, Journal};
use crate::model::plan::{inverse, script};
use crate::model::text;
use crate::run::exit::DONE;
use crate::run::stderr;

/// Prints all entries of all databases, or the entry `id`. No connection is needed.
pub fn journal(journal: &Journal, id: Option<u64>, format: Format) -> Result<u8> {
    let entries = journal.entries()?;
    if entries.unreadable > 0 {
        stderr::say(format_args!(
            "hypertop: {} cannot be read in {}",
            text::plural(i64::try_from(entries.unreadable)?, "line"),
            journal.path().display()
        ));
    }
    if let Some(id) = id {
        let entry = entries
            .find(id)
            .ok_or_else(|| anyhow!("the journal {} has no entry {id}", journal.path().display()))?;
        match format {
            Format::Json => say(&entry_json(entry))?,
            Format::Text => print_lines(&entry.lines().join("\n"))?,
        }
        return Ok(DONE);
    }
    match format {
        Format::Json => say(
            &json!({"journal": journal.path(), "entries": entries.all.iter().map(entry_json).collect::<Vec<_>>()}),
        )?,
        Format::Text if entries.all.is_empty() => {
            stderr::say(format_args!(
                "the journal has no entries ({})",
                journal.path().display()
            ));
        }
        Format::Text => {
            for entry in &entries.all {
                let begin = &entry.begin;
                let line = format!(
                    "{:>5}  {}  {:<11}  {}@{}/{}  {}",
                    begin.id,
                    text::written_moment(&begin.at),
                    entry.state(),
                    begin.role,
                    begin.place.host,
                    begin.place.database,
                    begin.plan.title
                );
                print_lines(&text::printable(&line))?;
            }
        }
    }
    Ok(DONE)
}

fn entry_json(entry: &Entry) -> Json {
    let begin = &entry.begin;
    json!({
        "id": begin.id, "at": begin.at, "state": entry.state(), "action": begin.plan.action, "target": begin.plan.target,
        "title": begin.plan.title, "inputs": begin.inputs, "role": begin.role, "host": begin.place.host, "database": begin.place.database,
        "system_identifier": begin.place.system, "timescaledb": begin.timescaledb,
        "statements": script(&begin.plan.steps), "undo": begin.plan.undo,
        "undo_statements": script(&inverse(&entry.done())),
        "steps": begin.plan.steps.len(), "steps_done": entry.done().len(),
        "error": entry.end.as_ref().and_then(|end| end.error.clone()),
        "seconds": entry.end.as_ref().map(|end| end.seconds),
        "before": begin.before, "after": entry.end.as_ref().map(|end| end.after.clone()),
        "undoes": begin.undoes, "rolled_back_by": entry.rolled_back_by,
        "acknowledges": begin.acknowledges, "ended": entry.ended,
    })
}
