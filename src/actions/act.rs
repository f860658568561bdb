//! The type of an action on the database, and the types that all plans use: facts and refusals.
//!
//! An [`Act`] has one query for the facts, an optional form, and one pure function. From the facts and the filled form, the function makes
//! a [`Plan`], or it returns a [`Refusal`]. `jobs.rs` is the example for new actions.

use std::collections::HashMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::actions::form::{Form, Inputs};
use crate::journal::Place;
use crate::model::picture::Picture;
use crate::model::plan::{Note, Plan};
use crate::model::target::{Target, TargetKind};
use crate::server::known::{At, Edition};
use crate::server::sql::Query;

/// Facts about a target, as the server reported them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Facts that the plan is made from: the `facts` column of the action's query.
    pub facts: serde_json::Value,
    /// State that an undo restores: the `state` column of the action's query. The journal records the state before and after a run. A
    /// rollback compares the recorded states with the present state.
    pub state: serde_json::Value,
    /// Total bytes by oid, for the relations in the facts' list `sized`. `None`: not read, because the relation is locked or was dropped.
    pub sizes: HashMap<i64, Option<i64>>,
    /// Functions and triggers of untrusted owners that a plan on the target may run. `trusted_owners` in config.toml names the
    /// trusted owners.
    pub code: Vec<crate::actions::code::Standing>,
    /// The database that the facts were read from. The plan may run only there. `None`: the facts were not read from a server.
    pub place: Option<Place>,
}

impl Facts {
    /// Oids in the facts' list `sized`: the relations whose sizes the plan shows.
    pub(super) fn sized(&self) -> Vec<i64> {
        let listed = self.facts.get("sized").and_then(|sized| sized.as_array());
        listed
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_i64)
            .collect()
    }
}

/// Input of the functions that make a form or a plan.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub at: At<'a>,
    pub target: &'a Target,
    pub facts: &'a Facts,
}

impl Context<'_> {
    /// Parses the facts into the action's own type.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.facts.facts).map_err(|error| {
            Refusal::new(format!(
                "cannot read the server's facts about {}: {error}",
                self.target.name
            ))
        })
    }

    /// Qualified name of a function of TimescaleDB. The extension may be in any schema.
    pub(super) fn function(&self, name: &str) -> String {
        self.at.server.function(name)
    }

    /// Total bytes of these relations. `None`: the size of at least one is unknown.
    pub(super) fn bytes(&self, oids: impl IntoIterator<Item = i64>) -> Option<i64> {
        oids.into_iter()
            .map(|oid| self.facts.sizes.get(&oid).copied().flatten())
            .sum()
    }
}

/// The reason why an action cannot be run at all, or not with the given inputs. Shown in place of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) why: String,
    /// An alternative that would work: its description, and the form's fields that it sets, with their values.
    pub(crate) offer: Option<(String, Vec<(&'static str, String)>)>,
    /// Notes on the present settings, if the plan is refused because it would change nothing. `None`: it is refused for another reason.
    pub(crate) stands: Option<Vec<Note>>,
    /// Drawing of the next run of the policy that the form adds or changes. `None`: the refusal shows no drawing.
    pub(crate) picture: Option<Box<Picture>>,
}

impl Refusal {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            offer: None,
            stands: None,
            picture: None,
        }
    }

    /// Refusal because nothing would change. A form that has just been opened shows the notes instead of an error.
    pub(super) fn unchanged(why: impl Into<String>, notes: Vec<Note>) -> Self {
        Self {
            stands: Some(notes),
            ..Self::new(why)
        }
    }

    #[must_use]
    pub(super) fn picturing(mut self, picture: Option<Box<Picture>>) -> Self {
        self.picture = picture;
        self
    }

    #[must_use]
    pub(super) fn offering(
        mut self,
        words: impl Into<String>,
        set: Vec<(&'static str, String)>,
    ) -> Self {
        self.offer = Some((words.into(), set));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)?;
        for note in self.stands.iter().flatten() {
            write!(f, "\n{} {}", note.level.sign(), note.text)?;
        }
        if let Some((words, set)) = &self.offer {
            let set: Vec<_> = set
                .iter()
                .map(|(name, value)| format!("--set {name}='{value}'"))
                .collect();
            write!(f, "\n{words}: {}", set.join(" "))?;
        }
        Ok(())
    }
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self::new(why)
    }
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::new(why)
    }
}

/// Makes the form from the facts.
pub(super) type MakeForm = fn(&Context) -> Result<Form, Refusal>;

/// Makes the plan from the facts and the filled form, or refuses.
pub(super) type MakePlan = fn(&Context, &Inputs) -> Result<Plan, Refusal>;

/// An action on the database: its targets, its query, its form and its plan.
#[derive(Debug)]
pub struct Act {
    pub on: TargetKind,
    /// Query that returns one row with the columns `facts` and `state`, both jsonb. `$1` is the target's id (int8). No row: the target no
    /// longer exists.
    pub(crate) facts: Query,
    /// Form with defaults from the facts. `None`: the action has no inputs.
    pub(super) form: Option<MakeForm>,
    pub(super) plan: MakePlan,
    /// The lowest edition that has the functions of this action.
    pub(crate) needs: Edition,
}

impl Act {
    /// Refuses the action if the server's edition lacks the functions that the action needs.
    pub(super) fn allowed(&self, context: &Context) -> Result<(), Refusal> {
        if self.needs == Edition::Community && context.at.server.edition == Edition::Apache {
            return Err("this server runs TimescaleDB's Apache edition, which has no compression, no policies and no refreshes. \
             To get them, set timescaledb.license = 'timescale' (the Community edition) and restart the server".into());
        }
        Ok(())
    }

    /// The form with its defaults; empty if the action has no inputs.
    pub fn form(&self, context: &Context) -> Result<Form, Refusal> {
        self.allowed(context)?;
        self.form
            .map_or_else(|| Ok(Form::default()), |form| form(context))
    }
}
