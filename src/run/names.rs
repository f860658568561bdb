//! Parsers of names that a shell can complete. Their errors suggest similar names.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::Error;
use clap::{Arg, Command};

use super::{command, sql};
use crate::actions::action::{Action, Does};
use crate::actions::catalogue;
use crate::app::pages;
use crate::model::text;
use crate::server;

/// A parser, and the names that it knows.
#[derive(Clone)]
struct Named<P> {
    parser: P,
    names: fn() -> Vec<PossibleValue>,
}

impl<P: TypedValueParser> TypedValueParser for Named<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Self::Value, Error> {
        self.parser.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.names)().into_iter()))
    }
}

/// The actions on the database.
pub(crate) fn actions() -> impl TypedValueParser<Value = &'static Action> {
    let names = || {
        catalogue::all()
            .filter(|action| matches!(action.does, Does::Plan(_)))
            .map(|action| PossibleValue::new(action.name).help(action.help))
            .collect()
    };
    Named {
        parser: command::find,
        names,
    }
}

/// The names of all rules, actions, screens and thresholds.
pub(super) fn pages() -> impl TypedValueParser<Value = String> {
    let names = || {
        let mut names: Vec<_> = pages::names().into_iter().map(|(_, name)| name).collect();
        // A name may be in two catalogues, but is offered once.
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(PossibleValue::new).collect()
    };
    Named {
        parser: page,
        names,
    }
}

/// Parses a name. The error suggests similar names.
fn page(typed: &str) -> Result<String, String> {
    let names = pages::names();
    if names.iter().any(|(_, name)| *name == typed) {
        return Ok(typed.to_owned());
    }
    let near = text::nearest(typed, names.iter().map(|(_, name)| *name));
    Err(if near.is_empty() {
        "no rule, action, screen or threshold has this name; `hypertop explain --list` lists all"
            .to_owned()
    } else {
        format!(
            "no rule, action, screen or threshold has this name; similar: {}",
            near.join(", ")
        )
    })
}

pub(crate) fn queries() -> impl TypedValueParser<Value = &'static str> {
    let names = || server::sql::names().map(PossibleValue::new).collect();
    Named {
        parser: sql::query,
        names,
    }
}
