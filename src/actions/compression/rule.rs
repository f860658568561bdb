//! When a compression policy compresses: so long after a chunk's end, or after it was made.

use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::form::Inputs;
use crate::model::interval::Interval;
use crate::model::plan::Lit;
use crate::model::text;
use crate::model::version::Version;

use super::eligible::{Age, Length, positive};
use super::facts::Known;

/// From here on a policy may go by when a chunk was made.
pub(crate) const BY_CREATION: Version = Version::new(2, 13);
/// Its keys in the configuration, which are the names of its arguments too.
pub const AFTER: &str = "compress_after";
pub(crate) const CREATED: &str = "compress_created_before";
/// When it compresses: by range or by creation.
pub struct Rule {
    pub length: Length,
    pub age: Age,
}

impl Rule {
    pub fn read(context: &Context, known: &Known, inputs: &Inputs) -> Result<Self, Refusal> {
        match (inputs.text(AFTER), inputs.text(CREATED)) {
            (Some(_), Some(_)) => {
                Err(format!("either {AFTER} or {CREATED}: one of them decides").into())
            }
            (None, None) => {
                Err(format!("{AFTER} is wanted: how old is a chunk when it is compressed?").into())
            }
            (Some(after), None) => {
                let length = Length::read(known, after)
                    .ok_or_else(|| format!("{AFTER}: {after} is no length of time here"))?;
                if known.integer_time && known.now.is_none() && !known.has_hidden_clock() {
                    return Err(format!(
                        "time in {} is an integer, and nothing says what \"now\" is: make a function that returns it, then \
                         select set_integer_now_func({}, 'schema.function')",
                        known.relation,
                        text::quote_literal(&known.table)
                    )
                    .into());
                }
                let length = positive(length, AFTER)?;
                Ok(Self {
                    length,
                    age: Age::Range,
                })
            }
            (None, Some(created)) => {
                let version = context.at.server.sql_version();
                if version < BY_CREATION {
                    return Err(format!(
                        "{CREATED} came with TimescaleDB 2.13, this is {version}: use {AFTER}"
                    )
                    .into());
                }
                let interval = Interval::parse(created)?;
                let length = positive(Length::Time(interval), CREATED)?;
                Ok(Self {
                    length,
                    age: Age::Creation,
                })
            }
        }
    }

    pub fn key(&self) -> &'static str {
        match self.age {
            Age::Range => AFTER,
            Age::Creation => CREATED,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self.length {
            Length::Number(_) => "bigint",
            Length::Time(_) => "interval",
        }
    }

    pub fn lit(&self) -> Lit {
        match self.length {
            Length::Number(number) => number.into(),
            Length::Time(interval) => interval.to_string().into(),
        }
    }

    pub fn json(&self) -> Json {
        match self.length {
            Length::Number(number) => number.into(),
            Length::Time(interval) => interval.to_string().into(),
        }
    }
}
