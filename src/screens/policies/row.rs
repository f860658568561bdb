//! An object of the policy file, with the changes that lead from the database to the file.

use serde::{Deserialize, Serialize};

use crate::model::rules;
use crate::model::setup::change::Field;
use crate::model::text;
use crate::model::verdict::{Level, Verdict};

/// Longest value of a setting in the list; a longer one (a query) is cut.
const WIDE: usize = 60;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Qualified name, quoted as in SQL.
    pub object: String,
    pub aggregate: bool,
    /// Id of the hypertable or of the aggregate's materialization. `None`: the database does not have the object.
    pub id: Option<i64>,
    /// Reason in the file. `None`: it has none.
    pub why: Option<String>,
    /// File's name, line and column of its entry. `None`: the file has an index on it, or does not name it.
    pub place: Option<String>,
    /// In the order of an apply. Empty: the database is as the file says.
    pub changes: Vec<Change>,
    /// What could not be compared, and why. `None`: everything was.
    pub unread: Option<String>,
    /// Advice on the setup that the file leads to.
    pub advice: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// As in `hypertop plan`.
    pub sign: char,
    /// The thing that changes: `compression policy`.
    pub words: String,
    pub fields: Vec<Field>,
    /// Reason in the file. `None`: it has none.
    pub why: Option<String>,
    pub fate: Fate,
}

/// What an apply would do with a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fate {
    Possible(Possible),
    /// A guard refuses the plan; the text says why.
    Refused(String),
    /// No statement can do it.
    Impossible,
    /// The file owns the object and does not name it.
    Unnamed,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Possible {
    /// The statements of each step.
    pub steps: Vec<String>,
    pub locks: Vec<String>,
    pub hazards: Vec<String>,
    pub notes: Vec<(Level, String)>,
    pub undo: String,
    /// True: there is no undo.
    pub irreversible: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Same,
    Differs,
    /// The database does not have it.
    Missing,
    /// At least one difference cannot be applied.
    Refused,
    Unnamed,
    /// Something could not be compared, and the rest is the same.
    Unknown,
}

impl State {
    pub(super) const ALL: [Self; 6] = [
        Self::Same,
        Self::Differs,
        Self::Missing,
        Self::Refused,
        Self::Unnamed,
        Self::Unknown,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Unnamed => "not in the file",
            Self::Unknown => "not compared",
        }
    }
}

impl Change {
    pub(super) fn possible(&self) -> Option<&Possible> {
        match &self.fate {
            Fate::Possible(possible) => Some(possible),
            Fate::Refused(_) | Fate::Impossible | Fate::Unnamed => None,
        }
    }

    /// Why an apply refuses it. `None`: it does not.
    pub(super) fn refusal(&self) -> Option<&str> {
        match &self.fate {
            Fate::Refused(why) => Some(why),
            Fate::Impossible => Some(&self.words),
            Fate::Possible(_) | Fate::Unnamed => None,
        }
    }
}

impl Row {
    pub fn state(&self) -> State {
        let all = |is: fn(&Change) -> bool| self.changes.iter().all(is);
        if self.changes.is_empty() {
            return match self.unread {
                Some(_) => State::Unknown,
                None => State::Same,
            };
        }
        if self.changes.iter().any(|change| change.refusal().is_some()) {
            return State::Refused;
        }
        if self.id.is_none() {
            return State::Missing;
        }
        if all(|change| change.fate == Fate::Unnamed) {
            State::Unnamed
        } else {
            State::Differs
        }
    }

    /// `=` same, `~` differs, `+` adds, `-` removes, `!` refused, `?` not in the file or not compared.
    pub fn sign(&self) -> char {
        match self.state() {
            State::Same => '=',
            State::Missing => '+',
            State::Refused => '!',
            State::Unnamed | State::Unknown => '?',
            State::Differs => {
                let signs: Vec<char> = self.changes.iter().map(|change| change.sign).collect();
                match signs.as_slice() {
                    [first, rest @ ..] if rest.iter().all(|sign| sign == first) => *first,
                    _ => '~',
                }
            }
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.aggregate {
            "aggregate"
        } else {
            "hypertable"
        }
    }

    /// The settings that differ, the shortest first.
    pub(super) fn differences(&self) -> String {
        let one = |change: &Change| -> Vec<String> {
            if change.fields.is_empty() {
                return vec![change.words.clone()];
            }
            let fields = change.fields.iter();
            fields
                .map(|field| text::cut(&field.to_string(), WIDE))
                .collect()
        };
        let mut all: Vec<String> = self.changes.iter().flat_map(one).collect();
        all.extend(self.unread.iter().map(|_| "query: not compared".to_owned()));
        all.sort_by_key(|words| text::width(words));
        all.join("; ")
    }

    /// The reasons of what differs; of a row that is the same the object's own. `None`: the file has none.
    pub(super) fn reasons(&self) -> Option<String> {
        let mut all: Vec<&str> = Vec::new();
        for why in self
            .changes
            .iter()
            .filter_map(|change| change.why.as_deref())
        {
            if !all.contains(&why) {
                all.push(why);
            }
        }
        if all.is_empty() {
            return self.why.clone();
        }
        Some(all.join("; "))
    }

    /// Names of the hazards of all changes.
    pub(super) fn hazards(&self) -> Vec<&str> {
        let possible = self.changes.iter().filter_map(Change::possible);
        let mut all: Vec<&str> = possible
            .flat_map(|possible| possible.hazards.iter().map(String::as_str))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn judged(&self) -> Verdict {
        let of = |level, reason: String| Verdict::of(&rules::POLICY_FILE, level, reason);
        match self.state() {
            State::Same => Verdict::ok("the database is as the file says"),
            State::Unknown => of(Level::Unknown, self.unread.clone().unwrap_or_default()),
            State::Unnamed => {
                let words = "the file owns it and does not name it";
                of(Level::Notice, format!("{words}: {}", self.differences()))
            }
            State::Missing => of(
                Level::Warning,
                format!("the database does not have it: {}", self.differences()),
            ),
            State::Differs => of(
                Level::Warning,
                format!("differs from the file: {}", self.differences()),
            ),
            State::Refused => {
                let why: Vec<&str> = self.changes.iter().filter_map(Change::refusal).collect();
                of(
                    Level::Warning,
                    format!(
                        "differs from the file, and an apply refuses it: {}",
                        why.join("; ")
                    ),
                )
            }
        }
    }
}
