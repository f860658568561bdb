//! An object of the policy file, with the changes that an apply would make.

use serde::{Deserialize, Serialize};

use crate::model::rules;
use crate::model::setup::change::Field;
use crate::model::text;
use crate::model::verdict::{Level, Verdict};

/// Maximum width of a setting's value in the list. A longer value, such as a query, is cut.
const WIDE: usize = 60;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Qualified name, quoted as in SQL.
    pub(crate) object: String,
    pub(crate) aggregate: bool,
    /// Id of the hypertable or of the aggregate's materialization. `None`: the database does not have the object.
    pub(crate) id: Option<i64>,
    /// Reason given in the file. `None`: the file gives no reason.
    pub(crate) why: Option<String>,
    /// File, line and column where the file names the object. `None`: the file does not name the object, or names only an index on it.
    pub(crate) place: Option<String>,
    /// The changes, in the order in which an apply makes them. Empty: the database agrees with the file.
    pub(crate) changes: Vec<Change>,
    /// The part that could not be compared, and why. `None`: everything was compared.
    pub(crate) unread: Option<String>,
    /// Advice on the settings as they would be after an apply.
    pub(crate) advice: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Sign as in `hypertop plan`.
    pub sign: char,
    /// The changed part, such as `compression policy`.
    pub words: String,
    pub fields: Vec<Field>,
    /// Reason given in the file. `None`: the file gives no reason.
    pub why: Option<String>,
    pub fate: Fate,
}

/// What `hypertop apply` would do with a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Fate {
    Possible(Possible),
    /// `hypertop apply` refuses the change; the text says why.
    Refused(String),
    /// No statement can make this change.
    Impossible,
    /// The object matches a pattern in `owns`, but the file does not name it.
    Unnamed,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Possible {
    /// The statements of each step.
    pub steps: Vec<String>,
    pub locks: Vec<String>,
    pub hazards: Vec<String>,
    pub notes: Vec<(Level, String)>,
    pub undo: String,
    /// Whether there is no undo.
    pub irreversible: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Same,
    Differs,
    /// The database does not have the object.
    Missing,
    /// At least one difference cannot be applied.
    Refused,
    Unnamed,
    /// Something could not be compared; everything else is equal.
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

    pub(super) fn words(self) -> &'static str {
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

    /// Why an apply refuses this change. `None`: it does not refuse the change.
    fn refusal(&self) -> Option<&str> {
        match &self.fate {
            Fate::Refused(why) => Some(why),
            Fate::Impossible => Some(&self.words),
            Fate::Possible(_) | Fate::Unnamed => None,
        }
    }
}

impl Row {
    pub(super) fn state(&self) -> State {
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
    pub(super) fn sign(&self) -> char {
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

    /// The differing settings, the shortest text first.
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

    /// Reasons given in the file for the differences; without differences, the reason for the object. `None`: the file gives no reason.
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
                let words = "it matches a pattern in owns, but the file does not name it";
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
                        "differs from the file, but an apply refuses the change: {}",
                        why.join("; ")
                    ),
                )
            }
        }
    }
}
