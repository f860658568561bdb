//! A plan: what an action would do, literally; shown before, run after consent, kept in the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text;
use crate::verdict::Level;

/// A parameter of a statement. The server reads it by the type that the statement gives it (`$1::interval`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lit {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// A job's id; where a rollback has made the job anew since, its new id is taken.
    Job(i64),
    /// What an earlier statement of the plan returned under this name ([`Statement::keeping`]).
    Kept(String),
}

impl From<&str> for Lit {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Lit {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Lit {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Lit {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<bool> for Lit {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<T: Into<Lit>> From<Option<T>> for Lit {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Lit {
    /// As SQL writes it.
    fn literal(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) | Self::Job(number) => number.to_string(),
            Self::Text(text) => text::quote_literal(text),
            Self::Kept(name) => format!(":{name}"),
        }
    }
}

/// One statement with its parameters, as it will be sent.
///
/// Identifiers in `sql` were quoted by the server (`format('%I')`) or by [`text::quote_identifier`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub sql: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Lit>,
    /// The first column of the first row that it returns is kept under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<String>,
}

const BECOMING: &str = "set local role ";

impl Statement {
    pub fn new(sql: impl Into<String>, params: Vec<Lit>) -> Self {
        Self {
            sql: sql.into(),
            params,
            keeps: None,
        }
    }

    /// The rest of its transaction is done as this role, which is as SQL writes it.
    pub fn becoming(role: &str) -> Self {
        Self::new(format!("{BECOMING}{role}"), Vec::new())
    }

    /// The role, as SQL writes it, as which the rest of its transaction is done.
    pub fn becomes(&self) -> Option<&str> {
        self.sql.strip_prefix(BECOMING)
    }

    /// Keeps what it returns (the id of a new job) under a name, for [`Lit::Kept`] in later statements and in the undo.
    #[must_use]
    pub fn keeping(mut self, name: &str) -> Self {
        self.keeps = Some(name.to_owned());
        self
    }

    /// The statement with its parameters written into it, as a person would run it in psql.
    pub fn literal(&self) -> String {
        let mut out = String::with_capacity(self.sql.len());
        let mut rest = self.sql.as_str();
        let mut quote = None;
        while let Some(c) = rest.chars().next() {
            let mut taken = c.len_utf8();
            match (quote, c) {
                (Some(open), _) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '$') => {
                    let digits: String =
                        rest[1..].chars().take_while(char::is_ascii_digit).collect();
                    let param = digits.parse::<usize>().ok();
                    if let Some(lit) = param.and_then(|n| self.params.get(n.wrapping_sub(1))) {
                        out.push_str(&lit.literal());
                        rest = &rest[1 + digits.len()..];
                        continue;
                    }
                }
                _ => {}
            }
            out.push_str(&rest[..taken]);
            taken = taken.min(rest.len());
            rest = &rest[taken..];
        }
        out
    }
}

/// What is done at once: one transaction, or one statement that wants none around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `compress _hyper_1_2_chunk`: for the progress line and the result.
    pub label: String,
    pub run: Vec<Statement>,
    /// Not in a transaction block, on a connection of its own: refresh, REINDEX CONCURRENTLY. Each statement by itself.
    #[serde(default)]
    pub plain: bool,
    /// What takes it back, in this order; empty: nothing does.
    #[serde(default)]
    pub undo: Vec<Statement>,
    #[serde(default)]
    pub undo_plain: bool,
    /// How much of the whole it is (bytes), for the rate and the time that is left; zero: not known.
    #[serde(default)]
    pub weight: i64,
}

impl Step {
    pub fn new(label: impl Into<String>, run: Vec<Statement>, undo: Vec<Statement>) -> Self {
        Self {
            label: label.into(),
            run,
            plain: false,
            undo,
            undo_plain: false,
            weight: 0,
        }
    }

    /// Without a transaction block around it, on a connection of its own.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    #[must_use]
    pub fn weighing(mut self, bytes: Option<i64>) -> Self {
        self.weight = bytes.unwrap_or(0);
        self
    }
}

/// How far the plan can be taken back, and what that leaves different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "text")]
pub enum Undo {
    /// Everything comes back as it was; the text says by what.
    Exact(String),
    /// The text says what does not come back.
    Partly(String),
    /// The text says why not; the target's name must be typed.
    Never(String),
    /// It changes nothing that would have to be taken back (a reindex, an analyze).
    Needless(String),
}

impl Undo {
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Partly(text) | Self::Never(text) | Self::Needless(text) => {
                text
            }
        }
    }

    /// How far two plans together can be taken back: no further than the lesser of them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rank = |undo: &Self| match undo {
            Self::Needless(_) => 0,
            Self::Exact(_) => 1,
            Self::Partly(_) => 2,
            Self::Never(_) => 3,
        };
        if rank(&other) > rank(&self) {
            other
        } else {
            self
        }
    }

    pub fn heading(&self) -> &'static str {
        match self {
            Self::Exact(_) => "Taken back exactly by",
            Self::Partly(_) => "Taken back, but not wholly",
            Self::Never(_) => "CANNOT BE TAKEN BACK",
            Self::Needless(_) => "Nothing to take back",
        }
    }
}

/// What a person has to do before it runs; ordered by weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    Enter,
    /// `y`: it can be taken back, at a price, or it holds heavy locks.
    Yes,
    /// The target's name is typed.
    Name,
}

/// A lock mode, as PostgreSQL names it in `pg_locks`, in order of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

impl Mode {
    const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// From `pg_locks.mode`: `AccessShareLock`.
    pub fn parse(mode: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|one| format!("{one:?}Lock") == mode)
    }

    /// `ACCESS EXCLUSIVE`, as the manual writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What it keeps others from, in a few words.
    pub fn effect(self) -> &'static str {
        match self {
            Self::AccessShare | Self::RowShare | Self::RowExclusive => "reads and writes go on",
            Self::ShareUpdateExclusive => "reads and writes go on, other maintenance waits",
            Self::Share | Self::ShareRowExclusive | Self::Exclusive => "reads go on, writes wait",
            Self::AccessExclusive => "reads and writes wait",
        }
    }

    /// PostgreSQL's table of conflicting lock modes.
    pub fn conflicts(self, other: Self) -> bool {
        use Mode::{
            AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share,
            ShareRowExclusive, ShareUpdateExclusive,
        };
        let with: &[Mode] = match self {
            AccessShare => &[AccessExclusive],
            RowShare => &[Exclusive, AccessExclusive],
            RowExclusive => &[Share, ShareRowExclusive, Exclusive, AccessExclusive],
            ShareUpdateExclusive => &[
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            Share => &[
                RowExclusive,
                ShareUpdateExclusive,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            ShareRowExclusive => &[
                RowExclusive,
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            Exclusive => &[
                RowShare,
                RowExclusive,
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            AccessExclusive => &Self::ALL,
        };
        with.contains(&other)
    }
}

/// A relation that the plan locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// Its oid; zero where it is not known (it is shown all the same).
    pub oid: i64,
    pub name: String,
    /// The strongest mode that it takes.
    pub mode: Mode,
    /// The one step that locks it, by its number from 0; `None`: not told, perhaps each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
}

/// A remark in the preview: what it does, whom it meets, what to mind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub level: Level,
    pub text: String,
}

/// Between the steps of a long plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Seconds of rest after each step.
    pub rest_seconds: f64,
    /// It waits while a replica is further behind than so many seconds; `None`: no bound.
    pub max_replica_lag_seconds: Option<f64>,
    /// It waits while the server writes more WAL than so many bytes a second; `None`: no bound.
    pub max_wal_bytes_per_second: Option<f64>,
    /// A step that fails is noted, and the rest goes on.
    pub go_on: bool,
}

/// What an action would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The action's name in the catalogue.
    pub action: String,
    /// What it acts on, as a person would type it.
    pub target: String,
    /// One line: `Pause job 1001 (Compression Policy on public.metrics)`.
    pub title: String,
    pub steps: Vec<Step>,
    pub notes: Vec<Note>,
    pub undo: Undo,
    pub consent: Consent,
    pub touches: Vec<Touch>,
    /// The parts of the captured state that it changes, as JSON pointers (`/jobs`, `/settings`): what a rollback
    /// compares with the present. Empty: the whole state.
    pub changes: Vec<String>,
    pub pace: Pace,
    /// How long a statement waits for a lock before it gives up.
    pub lock_timeout_seconds: u32,
}

impl Plan {
    /// A plan with what most have: consent by Enter, 5 s of patience for locks.
    pub fn new(title: impl Into<String>, steps: Vec<Step>, undo: Undo) -> Self {
        let consent = match undo {
            Undo::Exact(_) | Undo::Needless(_) => Consent::Enter,
            Undo::Partly(_) => Consent::Yes,
            Undo::Never(_) => Consent::Name,
        };
        Self {
            action: String::new(),
            target: String::new(),
            title: title.into(),
            steps,
            notes: Vec::new(),
            undo,
            consent,
            touches: Vec::new(),
            changes: Vec::new(),
            pace: Pace::default(),
            lock_timeout_seconds: 5,
        }
    }

    #[must_use]
    pub fn note(mut self, level: Level, text: impl Into<String>) -> Self {
        self.notes.push(Note {
            level,
            text: text.into(),
        });
        self
    }

    /// Notes a relation that it locks.
    #[must_use]
    pub fn touching(mut self, oid: i64, name: impl Into<String>, mode: Mode) -> Self {
        self.touches.push(Touch {
            oid,
            name: name.into(),
            mode,
            step: None,
        });
        self
    }

    /// The same, of what only this step locks.
    #[must_use]
    pub fn touching_in(self, step: usize, oid: i64, name: impl Into<String>, mode: Mode) -> Self {
        let mut plan = self.touching(oid, name, mode);
        if let Some(touch) = plan.touches.last_mut() {
            touch.step = Some(step);
        }
        plan
    }

    #[must_use]
    pub fn changing(mut self, pointers: &[&str]) -> Self {
        self.changes = pointers.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// Asks for at least this consent.
    #[must_use]
    pub fn wanting(mut self, consent: Consent) -> Self {
        self.consent = self.consent.max(consent);
        self
    }

    /// Everything that it runs, literally, with the transactions that are around it.
    pub fn script(&self) -> Vec<String> {
        script(&self.steps)
    }
}

/// The statements of steps as they run, BEGIN and COMMIT where a step is a transaction of several.
pub fn script(steps: &[Step]) -> Vec<String> {
    let mut lines = Vec::new();
    for step in steps {
        let block = !step.plain && step.run.len() > 1;
        if block {
            lines.push("BEGIN;".to_owned());
        }
        for statement in &step.run {
            lines.push(format!("{};", statement.literal()));
        }
        if block {
            lines.push("COMMIT;".to_owned());
        }
    }
    lines
}

/// The steps that take these back: newest first.
pub fn inverse(done: &[Step]) -> Vec<Step> {
    let back = |step: &Step| Step {
        label: format!("take back: {}", step.label),
        run: step.undo.clone(),
        plain: step.undo_plain,
        undo: Vec::new(),
        undo_plain: false,
        weight: step.weight,
    };
    done.iter()
        .rev()
        .filter(|step| !step.undo.is_empty())
        .map(back)
        .collect()
}

/// What statements are bound to when they run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// What earlier statements returned, by the name under which it is kept.
    pub kept: BTreeMap<String, String>,
    /// Jobs that were made anew since: old id, new id.
    pub jobs: BTreeMap<i64, i64>,
    /// Indexes that were made anew since: old oid, new oid.
    pub indexes: BTreeMap<i64, i64>,
}

impl Bindings {
    /// Takes in what a statement kept under a name: `job 1001` and `index 16402` are the new ids of what had these.
    pub fn renew(&mut self, name: &str, value: &str) {
        let Ok(new) = value.parse() else { return };
        let old = |kind: &str| name.strip_prefix(kind).and_then(|id| id.parse().ok());
        if let Some(old) = old("job ") {
            self.jobs.insert(old, new);
        } else if let Some(old) = old("index ") {
            self.indexes.insert(old, new);
        }
    }

    /// The oid that an index has now.
    pub fn index(&self, mut oid: i64) -> i64 {
        // Oids come round again one day: so many steps as there are indexes, no more.
        for _ in 0..self.indexes.len() {
            let Some(&next) = self.indexes.get(&oid) else {
                break;
            };
            oid = next;
        }
        oid
    }

    /// The id that a job has now.
    pub fn job(&self, mut id: i64) -> i64 {
        // A job may have been made anew more than once; an id is never used again, so this ends.
        while let Some(&next) = self.jobs.get(&id).filter(|next| **next > id) {
            id = next;
        }
        id
    }

    /// The statement with everything that it names put in.
    pub fn bind(&self, statement: &Statement) -> Result<Statement, String> {
        let mut statement = statement.clone();
        for param in &mut statement.params {
            let bound = match param {
                Lit::Job(id) => Lit::Int(self.job(*id)),
                Lit::Kept(name) => {
                    let value = self
                        .kept
                        .get(name)
                        .ok_or_else(|| format!("no {name} was kept"))?;
                    let job = value.parse().ok().filter(|_| name.starts_with("job"));
                    job.map_or_else(|| Lit::Text(value.clone()), |id| Lit::Int(self.job(id)))
                }
                _ => continue,
            };
            *param = bound;
        }
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_shown_as_psql_would_take_it() {
        let statement = Statement::new(
            r#"select f($1::int, a => $2, "co$1l" => $3, x => $10, s => 'cost $1')"#,
            vec![Lit::Int(7), Lit::from("it's"), Lit::Null],
        );
        assert_eq!(
            statement.literal(),
            r#"select f(7::int, a => 'it''s', "co$1l" => NULL, x => $10, s => 'cost $1')"#
        );
    }

    #[test]
    fn a_backslash_is_written_so_that_no_setting_changes_its_meaning() {
        let statement = Statement::new("select $1", vec![Lit::from(r"a\b")]);
        assert_eq!(statement.literal(), r"select E'a\\b'");
    }

    #[test]
    fn lock_modes_conflict_as_the_manual_says() {
        use Mode::{AccessExclusive, AccessShare, RowExclusive, ShareUpdateExclusive};
        assert!(AccessExclusive.conflicts(AccessShare));
        assert!(!RowExclusive.conflicts(AccessShare));
        assert!(ShareUpdateExclusive.conflicts(ShareUpdateExclusive));
        for a in Mode::ALL {
            for b in Mode::ALL {
                assert_eq!(a.conflicts(b), b.conflicts(a), "{a:?} {b:?}");
            }
        }
        assert_eq!(Mode::parse("AccessShareLock"), Some(AccessShare));
    }

    #[test]
    fn of_two_plans_together_no_more_is_promised_than_the_lesser_one_can_take_back() {
        let exact = || Undo::Exact("as it was".to_owned());
        let partly = || Undo::Partly("but dropped chunks".to_owned());
        let never = || Undo::Never("gone".to_owned());
        assert_eq!(partly().and(exact()), partly());
        assert_eq!(exact().and(partly()).and(exact()), partly());
        assert_eq!(exact().and(never()).and(partly()), never());
        assert_eq!(Undo::Needless(String::new()).and(exact()), exact());
    }

    #[test]
    fn what_was_done_last_is_taken_back_first() {
        let step = |name: &str, undo| Step::new(name, Vec::new(), undo);
        let back = |name: &str| vec![Statement::new(name, Vec::new())];
        let steps = [
            step("a", back("undo a")),
            step("b", Vec::new()),
            step("c", back("undo c")),
        ];
        let labels: Vec<_> = inverse(&steps)
            .into_iter()
            .map(|step| step.run[0].sql.clone())
            .collect();
        assert_eq!(labels, ["undo c", "undo a"]);
    }

    #[test]
    fn a_kept_value_must_be_there_and_a_job_is_found_by_its_newest_id() {
        let delete = Statement::new(
            "select delete_job($1)",
            vec![Lit::Kept("job_id".to_owned())],
        );
        let bindings = Bindings {
            kept: [("job_id".to_owned(), "1007".to_owned())].into(),
            jobs: [(1007, 1010), (1010, 1012)].into(),
            ..Bindings::default()
        };
        assert_eq!(
            bindings.bind(&delete).unwrap().literal(),
            "select delete_job(1012)"
        );
        let pause = Statement::new("select alter_job($1)", vec![Lit::Job(1010)]);
        assert_eq!(
            bindings.bind(&pause).unwrap().literal(),
            "select alter_job(1012)"
        );
        assert!(Bindings::default().bind(&delete).is_err());
    }
}
