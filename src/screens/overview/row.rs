//! One finding, with its screen and row.

use serde::{Deserialize, Serialize};

use crate::journal::acknowledge::{Acknowledgement, Identity};
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Finding;
use crate::server::known::At;

/// One finding, with its screen and row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub screen: ScreenId,
    /// Key of the row on that screen.
    pub of: String,
    /// Name of the row.
    pub subject: String,
    pub finding: Finding,
    pub targets: Vec<Target>,
    /// Time when this console saw it first; `None`: outside the console, which reads once only.
    pub(crate) first_seen: Option<Stamp>,
    /// Its acknowledgement, if any.
    #[serde(default, alias = "aside")]
    pub acknowledged: Option<Acknowledgement>,
}

impl Row {
    pub fn identity(&self) -> Identity {
        (self.screen, self.of.clone(), self.finding.rule.name)
    }

    pub(super) fn is(&self, _: &At) -> Value {
        let title = self.finding.rule.title;
        match &self.acknowledged {
            Some(acknowledged) => Value::Text(format!("({}) {title}", acknowledged.what.word())),
            None => title.into(),
        }
    }

    /// Target of its fix, as a user types it.
    pub(super) fn target(&self) -> Option<String> {
        let target = self.finding.fix_target(self.targets.clone())?;
        Some(target.name)
    }

    /// Fields of the fix's form, as a user types them.
    pub(super) fn set(&self) -> Value {
        match self.target() {
            Some(_) => Value::Fields(self.finding.sets.clone()),
            None => Value::Null,
        }
    }

    pub(super) fn age(&self, at: &At) -> Value {
        match (self.finding.since, self.first_seen) {
            (Some(since), _) => {
                Value::Text(text::duration(at.now.seconds_since(since).max(0.0).floor()))
            }
            (None, Some(seen)) => Value::Text(format!(
                "> {}",
                text::duration(at.now.seconds_since(seen).max(0.0).floor())
            )),
            (None, None) => Value::Null,
        }
    }
}
