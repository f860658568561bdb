//! Code of other roles that a plan would run with this role's rights. The preview names the code. Users expect only the code of the table
//! itself to run. For any other code, such as a job's check function, they must type the target's name.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::model::plan::named::unquoted;
use crate::model::plan::{Consent, Note, Plan};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;
use crate::server::known::Server;
use crate::server::session;
use crate::server::sql::{Param, Query, query};

use crate::model::target::{Target, TargetKind};

/// Query for functions and triggers that belong to a target and whose owner is not trusted.
const QUERY: Query = query!("plan_code");
/// Query for functions of untrusted owners whose names occur in the statements `$1`. The statements contain the values of their parameters.
const NAMED: Query = query!("plan_code_named");

/// A piece of code whose owner is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Name with its arguments: `app.clock()`.
    what: String,
    owner: String,
    door: Door,
}

/// What the code belongs to. This decides which statements run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Door {
    /// A job's procedure.
    Job,
    /// A job's check function.
    Check,
    /// The `integer_now` function of a hypertable.
    Clock,
    /// Expressions, conditions, defaults and triggers on a table, its chunks or its views.
    Table,
    /// A function whose name occurs in a rollback's statements. The original object was dropped, and another role may have created an
    /// object with the same name.
    Named,
}

impl Door {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "job" => Self::Job,
            "check" => Self::Check,
            "clock" => Self::Clock,
            "table" => Self::Table,
            _ => return None,
        })
    }
}

/// First words of the note on untrusted code. A rollback finds the note in the journal entry by these words.
const RUNS: &str = "runs code of ";

/// The note on untrusted code in a plan that is being rolled back. The undo runs the same code.
pub(super) fn said(plan: &Plan) -> Option<&Note> {
    plan.notes.iter().find(|note| note.text.starts_with(RUNS))
}

/// Untrusted code of a target, read from the server.
pub(super) async fn standing(
    client: &Client,
    version: Version,
    target: &Target,
) -> Result<Vec<Standing>> {
    let ids = match target.kind {
        TargetKind::Hypertable | TargetKind::Aggregate => [target.id, 0, 0],
        TargetKind::Job => [0, target.id, 0],
        TargetKind::Index => [0, 0, target.id],
        // The facts about a plain table contain a reason to refuse the action (`unfit`) if the table has such code. A session has no code.
        TargetKind::Table | TargetKind::Session => return Ok(Vec::new()),
    };
    let rows = session::ask(client, QUERY.text(version), &ids.map(Param::BigInt)).await?;
    let mut found = Vec::new();
    for row in &rows {
        if let Some(door) = Door::parse(row.try_get("door")?) {
            found.push(Standing {
                what: row.try_get("what")?,
                owner: row.try_get("owner")?,
                door,
            });
        }
    }
    Ok(found)
}

/// Untrusted code named in a plan's statements. It is looked up by name, because the objects that a rollback restores have no id yet.
pub(super) async fn named(client: &Client, version: Version, plan: &Plan) -> Result<Vec<Standing>> {
    let statements = Param::Texts(plan.script());
    let rows = session::ask(client, NAMED.text(version), &[statements]).await?;
    let mut found = Vec::new();
    for row in &rows {
        found.push(Standing {
            what: row.try_get("what")?,
            owner: row.try_get("owner")?,
            door: Door::Named,
        });
    }
    Ok(found)
}

/// All ways in which the plan's statements and their undo may run untrusted code.
fn doors(plan: &Plan) -> Vec<Door> {
    let steps = plan.steps.iter();
    let statements = steps.flat_map(|step| step.run.iter().chain(&step.undo));
    statements
        .flat_map(|one| opens(&one.sql))
        .copied()
        .chain([Door::Named])
        .collect()
}

/// Ways in which one statement may run untrusted code, by its verb and function calls.
fn opens(sql: &str) -> &'static [Door] {
    let sql = unquoted(sql).to_lowercase();
    let calls = |names: &[&str]| names.iter().any(|name| sql.contains(name));
    match sql.split_whitespace().next().unwrap_or_default() {
        // REINDEX and ANALYZE run expressions as the table's owner, not as this role. ALTER reads no row.
        "reindex" | "analyze" | "alter" => &[],
        "select" | "call" => {
            let harmless = [
                "delete_job(",
                "set_chunk_time_interval(",
                "pg_cancel_backend(",
                "pg_terminate_backend(",
            ];
            if calls(&["alter_job(", "add_job(", "_policy("]) {
                &[Door::Check, Door::Clock]
            } else if calls(&["run_job("]) {
                &[Door::Job, Door::Clock, Door::Table]
            } else if calls(&harmless) {
                &[]
            } else {
                &[Door::Table]
            }
        }
        _ => &[Door::Table],
    }
}

/// The code that this plan may run. Each piece comes with its text for [`Plan::runs`].
fn runs<'a>(plan: &Plan, code: &'a [Standing]) -> Vec<(String, &'a Standing)> {
    let doors = doors(plan);
    let runs = code.iter().filter(|code| doors.contains(&code.door));
    runs.map(|code| (format!("{} of {}", code.what, code.owner), code))
        .collect()
}

/// Code that the plan may run now although the preview did not name it. `None`: there is no such code.
pub(super) fn unnamed(plan: &Plan, code: &[Standing]) -> Option<String> {
    let mut names = runs(plan, code).into_iter().map(|(name, _)| name);
    names.find(|name| !plan.runs.contains(name))
}

/// Adds a warning that names the untrusted code which the plan may run, and the owners of the code.
pub(super) fn say(mut plan: Plan, server: &Server, code: &[Standing]) -> Plan {
    let (said, runs): (Vec<_>, Vec<_>) = runs(&plan, code).into_iter().unzip();
    if runs.is_empty() {
        return plan;
    }
    plan.runs.extend(said);
    let mut owners: Vec<_> = runs.iter().map(|code| code.owner.as_str()).collect();
    owners.sort_unstable();
    owners.dedup();
    let names: Vec<_> = runs.iter().take(4).map(|code| code.what.as_str()).collect();
    let more = match runs.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let superuser = if server.superuser {
        ", a superuser"
    } else {
        ""
    };
    let words = format!(
        "{RUNS}{} with the rights of {}{superuser}: {}{more}",
        owners.join(", "),
        text::quote_identifier(&server.role),
        names.join(", ")
    );
    // Users expect only the code of the table itself to run. For any other code they must type the target's name.
    let unexpected = runs.iter().any(|code| code.door != Door::Table);
    let consent = if unexpected {
        Consent::Name
    } else {
        Consent::Yes
    };
    // A rollback copies the notes of the journal entry, so this note may be there already.
    plan.notes.retain(|note| note.text != words);
    plan = plan.note(Level::Warning, words).wanting(consent);
    // The warning becomes the first note, because it matters most.
    plan.notes.rotate_right(1);
    plan
}
