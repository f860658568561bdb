//! What was done, kept on disk: one JSON object a line, appended and synced before a statement runs and after it ended.
//!
//! An action leaves a `begin` line (with its plan and the state before), a `step` line after each step, an `end` line
//! (with the state after). A begin without an end was cut off: what was under way then may or may not have happened.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::acknowledge::{Acknowledgement, Ended, Wanted};
use crate::conninfo::Surroundings;
use crate::plan::{Bindings, Plan, Step, Undo};
use crate::plans::Target;

/// Which database of which server, whatever name it was reached by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The cluster's system identifier; `None` where the role may not read it.
    pub system: Option<String>,
    pub database: String,
    /// The database's oid.
    pub database_oid: i64,
    /// As the header showed it; for people only.
    pub host: String,
}

impl Place {
    /// The same database: by the cluster's identifier, or by name and host where that could not be read.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.system, &other.system) {
            (Some(a), Some(b)) => a == b && self.database_oid == other.database_oid,
            _ => self.host == other.host && self.database == other.database,
        }
    }
}

/// A target with its state, and the action whose query captured it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub action: String,
    pub target: Target,
    /// Null: the target is not there.
    pub state: Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    pub id: u64,
    /// RFC 3339, by this machine's clock.
    pub at: String,
    pub role: String,
    pub place: Place,
    pub timescaledb: Option<String>,
    pub plan: Plan,
    /// What was chosen in the form, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub inputs: String,
    pub before: Vec<Seen>,
    /// The entries that this one takes back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoes: Vec<u64>,
    /// The finding that was put aside; then there is no plan, and nothing in the database was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledges: Option<Wanted>,
    /// The process of hypertop that did it.
    pub pid: u32,
    /// When that process began, in the kernel's own count; `None`: the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_began: Option<u64>,
}

/// When a process began, in ticks since the machine did: a number that is used again (in a container all start with
/// the same) is told apart by it. `None`: the system does not tell (it is not Linux), or there is no such process.
pub fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, and may hold anything; the 22nd is the start.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(19)?.parse().ok()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    pub id: u64,
    pub at: String,
    /// Which step of the plan, from 0.
    pub step: usize,
    /// What its statements returned under names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
    /// The server's words where it failed; nothing of the step is left then (unless it ran without a transaction).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// A step failed.
    Failed,
    /// A person stopped it.
    Cancelled,
    /// The connection was lost in the middle of a step.
    Unknown,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub id: u64,
    pub at: String,
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Seen>,
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Begin(Box<Begin>),
    Step(Ran),
    End(End),
    /// A finding is put aside: whole in one line, which is torn or there.
    Acknowledge(Box<Acknowledgement>),
    /// And counts again.
    Ended(Ended),
}

/// One action, put together from its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub begin: Begin,
    pub ran: Vec<Ran>,
    /// `None`: it was cut off, or is under way in another process.
    pub end: Option<End>,
    /// The entry that took it back.
    pub taken_back_by: Option<u64>,
    /// Why the finding that it put aside counts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl Entry {
    /// An acknowledgement among the actions: it was done, and a rollback shows the finding again.
    fn acknowledgement(of: Acknowledgement) -> Self {
        let mut plan = Plan::new(
            of.what.title(),
            Vec::new(),
            Undo::Exact("the finding is shown again".to_owned()),
        );
        let action = if of.what.until.is_some() {
            "snooze"
        } else {
            "acknowledge"
        };
        action.clone_into(&mut plan.action);
        plan.target.clone_from(&of.what.subject);
        let end = End {
            id: of.id,
            at: of.what.at.clone(),
            outcome: Outcome::Done,
            error: None,
            after: Vec::new(),
            seconds: 0.0,
        };
        Self {
            begin: Begin {
                id: of.id,
                at: of.what.at.clone(),
                role: of.role,
                place: of.place,
                timescaledb: None,
                plan,
                inputs: String::new(),
                before: Vec::new(),
                undoes: Vec::new(),
                acknowledges: Some(of.what),
                pid: of.pid,
                pid_began: None,
            },
            ran: Vec::new(),
            end: Some(end),
            taken_back_by: None,
            ended: None,
        }
    }

    /// The steps that took effect, in order.
    pub fn done(&self) -> Vec<Step> {
        let steps = &self.begin.plan.steps;
        self.ran
            .iter()
            .filter(|ran| ran.error.is_none())
            .filter_map(|ran| steps.get(ran.step).cloned())
            .collect()
    }

    /// Whether all of it took effect, even where it was cut off before it could say so.
    fn is_whole(&self) -> bool {
        let ended = self.end.as_ref().map(|end| end.outcome);
        ended == Some(Outcome::Done) || self.done().len() == self.begin.plan.steps.len()
    }

    /// The step that was under way when all that is known of it ends: it may or may not have taken effect.
    pub fn in_doubt(&self) -> Option<&Step> {
        let known = self.end.as_ref().map(|end| end.outcome);
        let next = self.ran.iter().map(|ran| ran.step + 1).max().unwrap_or(0);
        let steps = &self.begin.plan.steps;
        steps
            .get(next)
            .filter(|_| matches!(known, None | Some(Outcome::Unknown)))
    }

    /// Whether the process that began it is still there (on this machine).
    pub fn is_under_way(&self) -> bool {
        self.end.is_none()
            && i32::try_from(self.begin.pid).is_ok_and(|pid| {
                pid > 0 && nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
            })
            && self
                .begin
                .pid_began
                .is_none_or(|at| began(self.begin.pid).is_none_or(|now| now == at))
    }

    /// `done`, `failed`, `cancelled`, `unknown`, `unfinished`, `running`, `rolled back`; of an acknowledgement
    /// `in force`, or why it is no longer.
    pub fn state(&self) -> &'static str {
        if self.begin.acknowledges.is_some() {
            let ended = self.ended.as_ref();
            return ended.map_or("in force", |ended| ended.why.name());
        }
        match &self.end {
            _ if self.taken_back_by.is_some() => "rolled back",
            Some(end) => end.outcome.name(),
            None if self.is_under_way() => "running",
            None => "unfinished",
        }
    }

    /// What its statements returned under names.
    pub fn kept(&self) -> BTreeMap<String, String> {
        let all = self.ran.iter().flat_map(|ran| ran.kept.clone());
        all.collect()
    }
}

/// The journal's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    path: PathBuf,
}

/// Everything that could be read of a journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries {
    /// Oldest first.
    pub all: Vec<Entry>,
    /// Lines that are no entry of ours (a torn write).
    pub unreadable: usize,
}

impl Entries {
    pub fn find(&self, id: u64) -> Option<&Entry> {
        self.all.iter().find(|entry| entry.begin.id == id)
    }

    /// What is put aside in this place: the newest entry of each finding, unless it has ended.
    pub fn acknowledgements(&self, place: &Place) -> Vec<Acknowledgement> {
        let mut newest = BTreeMap::new();
        for entry in self.all.iter().filter(|one| one.begin.place.is(place)) {
            if let Some(what) = &entry.begin.acknowledges {
                newest.insert((&what.screen, &what.key, &what.rule), (entry, what));
            }
        }
        let in_force = newest.into_values().filter(|(one, _)| one.ended.is_none());
        in_force
            .map(|(entry, what)| Acknowledgement {
                id: entry.begin.id,
                role: entry.begin.role.clone(),
                place: entry.begin.place.clone(),
                what: what.clone(),
                pid: entry.begin.pid,
            })
            .collect()
    }

    fn next_id(&self) -> u64 {
        let last = self.all.iter().map(|entry| entry.begin.id).max();
        last.unwrap_or(0) + 1
    }

    /// The ids of jobs and indexes that were made anew in this place.
    pub fn bindings(&self, place: &Place) -> Bindings {
        let mut bindings = Bindings::default();
        let here = self.all.iter().filter(|entry| entry.begin.place.is(place));
        for (name, value) in here.flat_map(Entry::kept) {
            bindings.renew(&name, &value);
        }
        bindings
    }
}

impl Journal {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// `$XDG_STATE_HOME/hypertop/journal.jsonl`; `None`: there is neither that nor a home.
    pub fn of(around: &Surroundings) -> Option<Self> {
        let base = around
            .env
            .get("XDG_STATE_HOME")
            .filter(|path| path.starts_with('/'));
        let base = base
            .map(PathBuf::from)
            .or_else(|| Some(around.home.as_ref()?.join(".local/state")))?;
        Some(Self::new(base.join("hypertop/journal.jsonl")))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes that an action begins, and gives it its number. Only after this may anything be changed.
    pub fn begin(&self, mut begin: Begin) -> Result<u64> {
        let mut file = self.open()?;
        let entries = read(&mut file, &self.path)?;
        begin.id = entries.next_id();
        let id = begin.id;
        self.append(&mut file, &Line::Begin(Box::new(begin)))?;
        Ok(id)
    }

    pub fn ran(&self, ran: Ran) -> Result<()> {
        let mut file = self.open()?;
        self.append(&mut file, &Line::Step(ran))
    }

    pub fn end(&self, end: End) -> Result<()> {
        let mut file = self.open()?;
        self.append(&mut file, &Line::End(end))
    }

    /// Puts findings aside; each gets a number.
    pub fn acknowledge(&self, all: Vec<Acknowledgement>) -> Result<Vec<u64>> {
        let mut file = self.open()?;
        let mut id = read(&mut file, &self.path)?.next_id();
        let mut ids = Vec::new();
        for mut one in all {
            one.id = id;
            self.append(&mut file, &Line::Acknowledge(Box::new(one)))?;
            ids.push(id);
            id += 1;
        }
        Ok(ids)
    }

    /// Writes that these findings count again; what has ended already stays as it is.
    pub fn end_acknowledged(&self, all: Vec<Ended>) -> Result<()> {
        let mut file = self.open()?;
        let entries = read(&mut file, &self.path)?;
        for one in all {
            let counts =
                |entry: &Entry| entry.begin.acknowledges.is_some() && entry.ended.is_none();
            if entries.find(one.of).is_some_and(counts) {
                self.append(&mut file, &Line::Ended(one))?;
            }
        }
        Ok(())
    }

    /// How many bytes there are: none that was read is ever written again.
    pub fn length(&self) -> Result<u64> {
        match std::fs::metadata(&self.path) {
            Ok(about) => Ok(about.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error)
                .with_context(|| format!("the journal {} cannot be read", self.path.display())),
        }
    }

    /// Everything on record; no file is an empty journal.
    pub fn entries(&self) -> Result<Entries> {
        match File::open(&self.path) {
            // Shared: a line that another console is writing is waited for, not read torn.
            Ok(file) => read(&mut *self.lock(file, FlockArg::LockShared)?, &self.path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Entries::default()),
            Err(error) => Err(error)
                .with_context(|| format!("the journal {} cannot be read", self.path.display())),
        }
    }

    /// Opened for appending, and locked until it is dropped: several consoles write one file.
    fn open(&self) -> Result<Flock<File>> {
        let told = || format!("the journal {} cannot be written", self.path.display());
        let folder = self.path.parent();
        if let Some(folder) = folder {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(told)?;
        }
        let is_new = !self.path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
            .with_context(told)?;
        if file.metadata().with_context(told)?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))
                .with_context(told)?;
        }
        if let Some(folder) = folder.filter(|_| is_new) {
            // Else a crash of the machine may take the file's name, and all that was synced in it.
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .with_context(told)?;
        }
        self.lock(file, FlockArg::LockExclusive)
    }

    fn lock(&self, file: File, how: FlockArg) -> Result<Flock<File>> {
        match Flock::lock(file, how) {
            Ok(file) => Ok(file),
            Err((_, error)) => bail!(
                "the journal {} cannot be locked: {error}",
                self.path.display()
            ),
        }
    }

    fn append(&self, file: &mut File, line: &Line) -> Result<()> {
        let told = || format!("the journal {} cannot be written", self.path.display());
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        // After a torn write (a full disk, a crash) the next line begins a line all the same.
        let length = file.seek(SeekFrom::End(0)).with_context(told)?;
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).with_context(told)?;
            file.read_exact(&mut last).with_context(told)?;
            if last != *b"\n" {
                text.insert(0, b'\n');
            }
        }
        file.write_all(&text).with_context(told)?;
        file.sync_data().with_context(told)
    }
}

fn read(file: &mut File, path: &Path) -> Result<Entries> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)
        .with_context(|| format!("the journal {} cannot be read", path.display()))?;
    let mut entries = Entries::default();
    for line in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        match serde_json::from_slice(line) {
            Ok(line) => entries.take(line),
            Err(_) => entries.unreadable += 1,
        }
    }
    let back: Vec<(u64, u64)> = entries
        .all
        .iter()
        .filter(|entry| entry.is_whole())
        .flat_map(|entry| {
            entry
                .begin
                .undoes
                .iter()
                .map(|undone| (*undone, entry.begin.id))
        })
        .collect();
    for entry in &mut entries.all {
        entry.taken_back_by = back
            .iter()
            .find(|(undone, _)| *undone == entry.begin.id)
            .map(|(_, by)| *by);
    }
    Ok(entries)
}

impl Entries {
    fn take(&mut self, line: Line) {
        let id = match &line {
            Line::Begin(begin) => begin.id,
            Line::Step(ran) => ran.id,
            Line::End(end) => end.id,
            Line::Acknowledge(one) => one.id,
            Line::Ended(ended) => ended.of,
        };
        let entry = self.all.iter_mut().rev().find(|entry| entry.begin.id == id);
        match (line, entry) {
            (Line::Begin(begin), _) => self.all.push(Entry {
                begin: *begin,
                ran: Vec::new(),
                end: None,
                taken_back_by: None,
                ended: None,
            }),
            (Line::Acknowledge(one), _) => self.all.push(Entry::acknowledgement(*one)),
            (Line::Ended(ended), Some(entry)) => entry.ended = Some(ended),
            (Line::Step(ran), Some(entry)) => entry.ran.push(ran),
            (Line::End(end), Some(entry)) => entry.end = Some(end),
            (_, None) => self.unreadable += 1,
        }
    }
}

/// Where two states differ, in the parts that these pointers name (all where there is none): the path, what the first
/// has and what the second has there.
pub fn differences(
    pointers: &[String],
    first: &Json,
    second: &Json,
) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let whole = [String::new()];
    for pointer in if pointers.is_empty() {
        &whole[..]
    } else {
        pointers
    } {
        let part = |state: &Json| state.pointer(pointer).cloned().unwrap_or(Json::Null);
        compare(pointer, &part(first), &part(second), &mut found);
    }
    found
}

fn compare(path: &str, first: &Json, second: &Json, found: &mut Vec<(String, String, String)>) {
    match (first, second) {
        _ if first == second => {}
        (Json::Object(a), Json::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let of = |object: &serde_json::Map<String, Json>| {
                    object.get(key).cloned().unwrap_or(Json::Null)
                };
                compare(&format!("{path}/{key}"), &of(a), &of(b), found);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{at}"), a, b, found);
            }
        }
        _ => found.push((
            path.trim_start_matches('/').to_owned(),
            said(first),
            said(second),
        )),
    }
}

fn said(value: &Json) -> String {
    match value {
        Json::Null => "(none)".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Kind;

    fn begin(undoes: Vec<u64>) -> Begin {
        let target = Target {
            kind: Kind::Job,
            id: 1001,
            name: "1001".to_owned(),
        };
        Begin {
            id: 0,
            at: "2026-11-21T07:00:00Z".to_owned(),
            role: "postgres".to_owned(),
            place: Place {
                system: Some("7".to_owned()),
                database: "db".to_owned(),
                database_oid: 5,
                host: "h".to_owned(),
            },
            timescaledb: Some("2.28.3".to_owned()),
            plan: Plan::new(
                "Pause job 1001",
                vec![Step::new("pause", Vec::new(), Vec::new())],
                Undo::Exact(String::new()),
            ),
            inputs: String::new(),
            before: vec![Seen {
                action: "pause-job".to_owned(),
                target,
                state: serde_json::json!({"scheduled": true}),
            }],
            undoes,
            acknowledges: None,
            pid: 0,
            pid_began: None,
        }
    }

    fn end(id: u64, outcome: Outcome) -> End {
        End {
            id,
            at: String::new(),
            outcome,
            error: None,
            after: Vec::new(),
            seconds: 0.1,
        }
    }

    fn journal() -> (tempfile::TempDir, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path().join("state/journal.jsonl"));
        (folder, journal)
    }

    #[test]
    fn an_action_is_on_disk_before_it_runs_and_whole_after_it() {
        let (_folder, journal) = journal();
        let id = journal.begin(begin(Vec::new())).unwrap();
        assert_eq!(journal.entries().unwrap().all[0].state(), "unfinished");
        journal
            .ran(Ran {
                id,
                at: String::new(),
                step: 0,
                kept: [("job 7".to_owned(), "9".to_owned())].into(),
                error: None,
            })
            .unwrap();
        journal.end(end(id, Outcome::Done)).unwrap();
        let entries = journal.entries().unwrap();
        assert_eq!(entries.all[0].state(), "done");
        assert_eq!(entries.all[0].done().len(), 1);
        assert_eq!(entries.bindings(&entries.all[0].begin.place).job(7), 9);
        let mode = std::fs::metadata(journal.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_process_number_that_was_given_to_another_program_is_not_taken_for_the_one_that_began_it() {
        let (_folder, journal) = journal();
        let me = std::process::id();
        let of = |pid_began| Begin {
            pid: me,
            pid_began,
            ..begin(Vec::new())
        };
        journal.begin(of(began(me))).unwrap();
        journal.begin(of(Some(1))).unwrap();
        let entries = journal.entries().unwrap();
        assert_eq!(entries.all[0].state(), "running");
        if began(me).is_some() {
            assert_eq!(entries.all[1].state(), "unfinished");
        }
    }

    #[test]
    fn what_was_rolled_back_says_so_only_when_the_rollback_was_done() {
        let (_folder, journal) = journal();
        let first = journal.begin(begin(Vec::new())).unwrap();
        journal.end(end(first, Outcome::Done)).unwrap();
        let back = journal.begin(begin(vec![first])).unwrap();
        assert_eq!((first, back), (1, 2));
        assert_eq!(journal.entries().unwrap().all[0].state(), "done");
        journal.end(end(back, Outcome::Done)).unwrap();
        assert_eq!(journal.entries().unwrap().all[0].state(), "rolled back");
    }

    #[test]
    fn a_torn_line_is_told_and_spoils_no_other() {
        let (_folder, journal) = journal();
        journal.begin(begin(Vec::new())).unwrap();
        OpenOptions::new()
            .append(true)
            .open(journal.path())
            .unwrap()
            .write_all(b"{\"event\":\"be")
            .unwrap();
        journal.begin(begin(Vec::new())).unwrap();
        let entries = journal.entries().unwrap();
        assert_eq!((entries.all.len(), entries.unreadable), (2, 1));
    }

    #[test]
    fn many_writers_get_numbers_of_their_own() {
        let (_folder, journal) = journal();
        let write = |_| {
            let journal = journal.clone();
            std::thread::spawn(move || journal.begin(begin(Vec::new())).unwrap())
        };
        let threads: Vec<_> = (0..16).map(write).collect();
        let mut ids: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=16).collect::<Vec<_>>());
    }

    #[test]
    fn a_journal_that_cannot_be_written_stops_the_action() {
        let (folder, _) = journal();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let journal = Journal::new(folder.path().join("file/journal.jsonl"));
        let told = format!("{:#}", journal.begin(begin(Vec::new())).unwrap_err());
        assert!(told.contains("cannot be written"), "{told}");
    }

    #[test]
    fn differences_name_the_place_and_both_sides() {
        let (a, b) = (
            serde_json::json!({"jobs": [{"scheduled": true, "x": 1}], "other": 1}),
            serde_json::json!({"jobs": [{"scheduled": false, "x": 1}], "other": 2}),
        );
        let found = differences(&["/jobs".to_owned()], &a, &b);
        assert_eq!(
            found,
            [(
                "jobs/0/scheduled".to_owned(),
                "true".to_owned(),
                "false".to_owned()
            )]
        );
        assert_eq!(differences(&[], &a, &b).len(), 2);
    }
}
