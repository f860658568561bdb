//! Journal: this user's actions, and whether they can be rolled back. The journal is a file on this machine.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::acknowledge::{Wanted, Why};
use crate::journal::{Entry, Outcome, differences};
use crate::model::moment::Stamp;
use crate::model::plan::Undo;
use crate::model::screen_id::ScreenId;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Level, Verdict};
use crate::model::{rules, text};
use crate::screens::headline;
use crate::screens::history::History;
use crate::screens::record::{Column, Record, Section, heads};
use crate::server::known::At;
use crate::server::row::Line;
use crate::server::sql::Query;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub entry: Entry,
    pub state: String,
    /// Number of unreadable lines in the journal file.
    pub unreadable: usize,
    /// The server on which the action ran, if it is uncertain that it is this server and not a copy. `None`: it ran on this server.
    #[serde(default)]
    pub elsewhere: Option<String>,
}

impl Row {
    fn at(&self) -> Option<Stamp> {
        let moment: jiff::Timestamp = self.entry.begin.at.parse().ok()?;
        Some(Stamp(moment.as_microsecond()))
    }

    /// The state of the entry. The end of a snooze is not written to the file: it is computed from the time.
    fn state(&self, at: &At) -> &str {
        let what = self.entry.begin.acknowledges.as_ref();
        let over = what.is_some_and(|what| what.is_over(at.now));
        if over && self.entry.ended.is_none() {
            "over"
        } else {
            &self.state
        }
    }

    /// Verdict: the result of the action, and what to do next.
    fn judged(&self, at: &At) -> Verdict {
        if let Some(what) = &self.entry.begin.acknowledges {
            let said = acknowledged(&self.entry, what, at);
            return Verdict::ok(format!("{}; {said}", self.entry.begin.plan.title));
        }
        let (done, all) = (self.entry.done().len(), self.entry.begin.plan.steps.len());
        match (&self.entry.end, self.state.as_str()) {
            (_, "rolled back") => Verdict::of(
                &rules::JOURNAL,
                Level::Ok,
                format!(
                    "rolled back by entry {}",
                    self.entry.rolled_back_by.unwrap_or(0)
                ),
            ),
            (None, "running") => Verdict::of(
                &rules::JOURNAL,
                Level::Notice,
                format!("running in process {}", self.entry.begin.pid),
            ),
            (None, _) => Verdict::of(
                &rules::JOURNAL,
                Level::Warning,
                format!(
                    "interrupted: {done} of {all} steps took effect; it is unknown whether the next step did. Compare the steps in the entry's details with what the screens show"
                ),
            ),
            (Some(end), _) => {
                let error = end.error.as_deref().map_or_else(String::new, |error| {
                    format!(": {}", error.replace('\n', "; "))
                });
                let steps = format!("{done} of {all} steps done{error}");
                match end.outcome {
                    Outcome::Done => Verdict::of(&rules::JOURNAL, Level::Ok, self.done()),
                    Outcome::Cancelled => Verdict::of(
                        &rules::JOURNAL,
                        Level::Notice,
                        format!("cancelled, {steps}"),
                    ),
                    Outcome::Failed => {
                        Verdict::of(&rules::JOURNAL, Level::Warning, format!("failed, {steps}"))
                    }
                    Outcome::Unknown => Verdict::of(
                        &rules::JOURNAL,
                        Level::Warning,
                        format!("it is unknown how the action ended; {steps}"),
                    ),
                }
            }
        }
    }

    /// Text for a completed action: the effect of a rollback. If the action is itself a rollback: the entries that it rolled back.
    fn done(&self) -> String {
        let undo = self.entry.begin.plan.undo.text();
        let undoes = &self.entry.begin.undoes;
        if undoes.is_empty() {
            return match &self.entry.begin.plan.undo {
                Undo::Exact(_) | Undo::Partly(_) => format!("after a rollback: {undo}"),
                Undo::Never(_) | Undo::Needless(_) => undo.to_owned(),
            };
        }
        let ids: Vec<_> = undoes.iter().map(ToString::to_string).collect();
        let entries = if ids.len() == 1 { "entry" } else { "entries" };
        format!("a rollback of {entries} {}; {undo}", ids.join(", "))
    }

    /// A number of steps; `Null` for an acknowledgement, which has no steps.
    fn steps(&self, many: usize) -> Value {
        let acts = self.entry.begin.acknowledges.is_none();
        acts.then(|| i64::try_from(many).ok()).flatten().into()
    }

    fn can_be_undone(&self) -> &'static str {
        if self.entry.begin.acknowledges.is_some() {
            return match &self.entry.ended {
                None => "exactly",
                Some(ended) if ended.why == Why::Back => "undone",
                Some(_) => "no",
            };
        }
        match &self.entry.begin.plan.undo {
            _ if self.entry.rolled_back_by.is_some() => "undone",
            _ if self.entry.done().iter().all(|step| step.undo.is_empty()) => "no",
            Undo::Exact(_) => "exactly",
            Undo::Partly(_) => "partly",
            Undo::Never(_) | Undo::Needless(_) => "no",
        }
    }
}

/// Text for an acknowledgement: its effect, or why it has ended.
fn acknowledged(entry: &Entry, what: &Wanted, at: &At) -> String {
    let level = what.level.name();
    let until = what.until().map(text::moment);
    match (&entry.ended, until) {
        (Some(ended), _) => {
            let why = match ended.why {
                Why::Back => format!("rolled back by {}", ended.role),
                Why::Gone => "the finding disappeared".to_owned(),
                Why::Worse => format!("the finding got worse than {level}"),
            };
            let at = text::written_moment(&ended.at);
            format!("{why} at {at}: the finding is shown again")
        }
        (None, Some(until)) if what.is_over(at.now) => format!("expired at {until}"),
        (None, Some(until)) => format!(
            "hides this {level} on the Overview until {until}, or until it gets worse; a rollback shows it again"
        ),
        (None, None) => format!(
            "hides this {level} on the Overview until it goes away or gets worse; a rollback shows it again"
        ),
    }
}

/// The title with the object before the job's id, because the end of a long title is cut:
/// `compress_after 7d -> 3d of public.m (compression policy, job 7)`.
fn object_first(title: &str) -> String {
    let change = title.strip_prefix("Change ");
    let title = change
        .filter(|change| change.contains(" -> "))
        .unwrap_or(title);
    let reordered = || {
        let (head, rest) = title.split_once("job ")?;
        let (id, rest) = rest.split_once(" (")?;
        let (what, tail) = rest.rsplit_once(')')?;
        // A title with several jobs stays as it is.
        if id.parse::<i32>().is_err() || rest.contains("job ") {
            return None;
        }
        Some(match what.split_once(" on ") {
            Some((policy, object)) if head.ends_with(" of ") => {
                format!("{head}{object} ({policy}, job {id}){tail}")
            }
            _ => format!("{head}{what} (job {id}){tail}"),
        })
    };
    reordered().unwrap_or_else(|| title.to_owned())
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Journal;
    const TITLE: &'static str = "Journal";
    const QUERY: Query = Query::NONE;
    const WATCHED: &'static [&'static str] = &[];
    // A local file is cheap to read, and other consoles write to it too.
    const MAX_AGE: Duration = Duration::from_secs(2);
    const EMPTY: &'static str = "no action has been run yet";
    // The newest entry comes first: it is the most likely one to be rolled back.
    const SORTED: Option<usize> = Some(0);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::number("id", "ID", 4, |row, _| {
            row.entry.begin.id.cast_signed().into()
        }),
        Column::<Self>::text("at", "TIME", 11, |row, _| row.at().into()),
        Column::<Self>::text("state", "STATE", 11, |row, at| row.state(at).into())
            .wrong(const { &[&rules::JOURNAL] }),
        Column::<Self>::hidden("title", |row, _| row.entry.begin.plan.title.as_str().into()),
        Column::<Self>::text("", "ACTION", 36, |row, _| {
            object_first(&row.entry.begin.plan.title).into()
        })
        .grows()
        .whole(80),
        Column::<Self>::text("undo", "UNDO", 7, |row, _| row.can_be_undone().into()).rank(1),
        Column::<Self>::text("role", "ROLE", 12, |row, _| {
            row.entry.begin.role.as_str().into()
        })
        .rank(2),
        Column::<Self>::number("steps_done", "DONE", 5, |row, _| {
            row.steps(row.entry.done().len())
        })
        .rank(3),
        Column::<Self>::number("steps", "STEPS", 5, |row, _| {
            row.steps(row.entry.begin.plan.steps.len())
        })
        .rank(3),
        Column::<Self>::number("seconds", "TOOK", 8, |row, _| {
            let end = row.entry.end.as_ref();
            end.filter(|_| row.entry.begin.acknowledges.is_none())
                .map(|end| Value::Seconds(end.seconds))
                .into()
        })
        .rank(4),
        Column::<Self>::hidden("action", |row, _| {
            row.entry.begin.plan.action.as_str().into()
        }),
        Column::<Self>::hidden("target", |row, _| {
            row.entry.begin.plan.target.as_str().into()
        }),
        Column::<Self>::hidden("rolled_back_by", |row, _| {
            row.entry.rolled_back_by.map(u64::cast_signed).into()
        }),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("ID", "Number of the entry, for hypertop rollback"),
        ("TIME", "Time of the action"),
        ("STATE", "done, failed, interrupted, rolled back ..."),
        ("ACTION", "The action and its target"),
        ("UNDO", "Whether it can be rolled back: exactly, partly, no, or undone already"),
        ("ROLE", "Role that ran it"),
        ("DONE", "Number of steps that were done"),
        ("STEPS", "Number of steps of the plan"),
        ("TOOK", "Duration of the action"),
    ];

    fn read(_: Line<'_>) -> Result<Self> {
        bail!("the rows of the journal are not read from the server")
    }

    fn key(&self) -> String {
        self.entry.begin.id.to_string()
    }

    fn title(&self) -> String {
        format!("Entry {}", self.entry.begin.id)
    }

    fn verdict(&self, at: &At) -> Verdict {
        let mut verdict = self.judged(at);
        if let Some(there) = &self.elsewhere {
            let words = format!(
                "; done on {there}, which may be this server under another name, the server that this one was copied from, or a copy of this one"
            );
            verdict.reason.push_str(&words);
        }
        verdict
    }

    fn caveats(rows: &[Self], _: &At) -> Vec<String> {
        let unreadable = rows.first().map_or(0, |row| row.unreadable);
        if unreadable == 0 {
            return Vec::new();
        }
        let lines = text::plural_of(unreadable, "line");
        vec![format!(
            "{lines} of the journal cannot be read, probably because a write was interrupted (by a full disk or a crash)"
        )]
    }

    /// The preview pane begins with the settings before and after the action.
    fn brief(&self, at: &At, _: &History) -> Vec<Section> {
        let mut sections = self.facts(at);
        sections.reverse();
        sections
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        let mut states: Vec<(usize, &str)> = Vec::new();
        for row in rows {
            let state = row.state(at);
            match states.iter_mut().find(|(_, of)| *of == state) {
                Some((many, _)) => *many += 1,
                None => states.push((1, state)),
            }
        }
        if states.is_empty() {
            return Vec::new();
        }
        states.sort_by_key(|(many, _)| std::cmp::Reverse(*many));
        let entries = match rows.len() {
            1 => "1 entry".to_owned(),
            many => format!("{} entries", headline::number(many)),
        };
        let all = format!("{entries}: {}", headline::groups(states));
        let undo = |row: &&Self| matches!(row.can_be_undone(), "exactly" | "partly");
        let undo = match rows.iter().filter(undo).count() {
            0 => "none can be rolled back".to_owned(),
            many => format!("{} can be rolled back", headline::number(many)),
        };
        vec![headline::line([all, undo])]
    }

    fn facts(&self, _: &At) -> Vec<Section> {
        let lines = self.entry.lines().join("\n");
        let mut sections = vec![Section::text("Journal entry", lines)];
        let begin = &self.entry.begin;
        let after = self
            .entry
            .end
            .as_ref()
            .map(|end| end.after.as_slice())
            .unwrap_or_default();
        let mut rows = Vec::new();
        for before in &begin.before {
            let Some(left) = after.iter().find(|left| left.target == before.target) else {
                continue;
            };
            for (what, was, is) in differences(&begin.plan.changes, &before.state, &left.state) {
                rows.push(vec![Value::Text(what), Value::Text(was), Value::Text(is)]);
            }
        }
        if !rows.is_empty() {
            sections.push(Section::Grid {
                title: "Changes".to_owned(),
                heads: heads(["SETTING", "BEFORE", "AFTER"]),
                rows,
                levels: Vec::new(),
            });
        }
        sections
    }
}

#[cfg(test)]
mod tests {
    use super::object_first;

    #[test]
    fn a_title_has_its_object_before_the_id_of_the_job() {
        for (title, shown) in [
            (
                "Change compress_after 7d -> 3d of job 1001 (compression policy on public.m)",
                "compress_after 7d -> 3d of public.m (compression policy, job 1001)",
            ),
            (
                "Roll back entry 4: schedule_interval 1h -> 30s of job 1021 (mes.export)",
                "Roll back entry 4: schedule_interval 1h -> 30s of mes.export (job 1021)",
            ),
            (
                "Run job 1015 (refresh policy on mes.\"a (b)\") now",
                "Run refresh policy on mes.\"a (b)\" (job 1015) now",
            ),
            (
                "Remove job 1 (refresh policy on a), job 2 (refresh policy on a)",
                "Remove job 1 (refresh policy on a), job 2 (refresh policy on a)",
            ),
            (
                "Compress 3 chunks of mes.job (old)",
                "Compress 3 chunks of mes.job (old)",
            ),
            (
                "Change chunk_time_interval 1d -> 3d of public.m",
                "chunk_time_interval 1d -> 3d of public.m",
            ),
            (
                "Change job 1021 (mes.export)",
                "Change mes.export (job 1021)",
            ),
            ("Analyze public.job", "Analyze public.job"),
        ] {
            assert_eq!(object_first(title), shown);
        }
    }
}
