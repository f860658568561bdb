//! What an action needs to make its plan: a target, the facts about it, and the rules that all plans share.
//!
//! An action on the database is an [`Act`]: one query for the facts, perhaps a form, and one pure function from both
//! to a [`Plan`] (or to the reason why not). `plans/jobs.rs` is the example to read before writing another.

use std::collections::HashMap;
use std::fmt;

use serde::de::DeserializeOwned;

use crate::actions::form::{Form, Inputs};
use crate::journal::Place;
use crate::model::plan::{Note, Plan};
use crate::model::target::{Kind, Target};
use crate::model::text;
use crate::server::known::{At, Edition};
use crate::server::sql::Query;

/// What the database said of a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// What the plan is made of, as the action's query put it together.
    pub facts: serde_json::Value,
    /// What an undo promises to bring back; compared before a rollback, and after it.
    pub state: serde_json::Value,
    /// Bytes by oid of the relations that the facts list under `sized`; `None`: they could not be had (a lock).
    pub sizes: HashMap<i64, Option<i64>>,
    /// Code of owners who are not trusted that stands on the target.
    pub code: Vec<crate::actions::code::Standing>,
    /// Which database said so; a plan is carried out there alone.
    pub place: Option<Place>,
}

impl Facts {
    /// The oids whose sizes the plan wants to know.
    pub fn sized(&self) -> Vec<i64> {
        let listed = self.facts.get("sized").and_then(|sized| sized.as_array());
        listed
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_i64)
            .collect()
    }
}

/// Everything that a plan may know.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub at: At<'a>,
    pub target: &'a Target,
    pub facts: &'a Facts,
}

impl Context<'_> {
    /// The facts as the module's own type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.facts.facts).map_err(|error| {
            Refusal::new(format!(
                "what the server said of {} is not understood: {error}",
                self.target.name
            ))
        })
    }

    /// A function of the extension, qualified: it may live in any schema.
    pub fn function(&self, name: &str) -> String {
        let schema = self
            .at
            .server
            .extension_schema
            .as_deref()
            .unwrap_or("public");
        format!("{}.{name}", text::quote_identifier(schema))
    }

    /// The bytes of these relations together; `None`: one of them is not known.
    pub fn bytes(&self, oids: impl IntoIterator<Item = i64>) -> Option<i64> {
        oids.into_iter()
            .map(|oid| self.facts.sizes.get(&oid).copied().flatten())
            .sum()
    }
}

/// Why an action cannot be done, or not like this; shown where the plan would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub why: String,
    /// What would be possible instead: said in words, and the form's fields that it sets.
    pub offer: Option<(String, Vec<(&'static str, String)>)>,
    /// All is so already, and this is what that means; `None`: it is refused for another reason.
    pub stands: Option<Vec<Note>>,
}

impl Refusal {
    pub fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            offer: None,
            stands: None,
        }
    }

    /// Nothing would change: a form that was just opened is no mistake, so it shows what the present values mean.
    pub fn unchanged(why: impl Into<String>, notes: Vec<Note>) -> Self {
        Self {
            stands: Some(notes),
            ..Self::new(why)
        }
    }

    #[must_use]
    pub fn offering(mut self, words: impl Into<String>, set: Vec<(&'static str, String)>) -> Self {
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

/// From facts to a form.
pub(crate) type MakeForm = fn(&Context) -> Result<Form, Refusal>;

/// From facts and a filled form to a plan, or to the reason why not.
pub(crate) type MakePlan = fn(&Context, &Inputs) -> Result<Plan, Refusal>;

/// An action on the database: where it applies, what it asks, and how it makes its plan.
#[derive(Debug)]
pub struct Act {
    pub on: Kind,
    /// `$1` is the target's id (int8); one row with `facts` and `state`, both jsonb. No row: the target is gone.
    pub facts: Query,
    /// What a person may choose, with defaults from the facts; `None`: nothing.
    pub form: Option<MakeForm>,
    pub plan: MakePlan,
    /// Its functions are refused by the Apache edition.
    pub needs: Edition,
}

impl Act {
    /// Refuses what this server's edition has no functions for.
    pub(crate) fn allowed(&self, context: &Context) -> Result<(), Refusal> {
        if self.needs == Edition::Community && context.at.server.edition == Edition::Apache {
            return Err("this server runs TimescaleDB's Apache edition, which has no compression, no policies and no refreshes: timescaledb.license = 'timescale' (the Community edition) and a restart give them".into());
        }
        Ok(())
    }

    /// The form with its defaults; empty where there is nothing to choose.
    pub fn form(&self, context: &Context) -> Result<Form, Refusal> {
        self.allowed(context)?;
        self.form
            .map_or_else(|| Ok(Form::default()), |form| form(context))
    }
}
