//! Builds the call of an SQL function.

use crate::model::plan::{Lit, Statement};

/// A function call whose arguments are given by name, as parameters (`give`) or as SQL text (`raw`).
#[derive(Debug)]
pub(crate) struct Call {
    head: String,
    arguments: Vec<String>,
    params: Vec<Lit>,
}

impl Call {
    /// `head` is the SQL before the parenthesis, such as `select public.alter_job`.
    pub(super) fn new(head: String) -> Self {
        Self {
            head,
            arguments: Vec::new(),
            params: Vec::new(),
        }
    }

    /// Adds an argument by name (by position if the name is empty), cast to the type `kind`.
    pub(super) fn give(&mut self, name: &str, kind: &str, value: Lit) {
        let place = self.place(kind, value);
        self.arguments.push(if name.is_empty() {
            place
        } else {
            format!("{name} => {place}")
        });
    }

    /// Adds a parameter of type `kind`; returns its placeholder, such as `$2::int`.
    pub(super) fn place(&mut self, kind: &str, value: Lit) -> String {
        self.params.push(value);
        format!("${}::{kind}", self.params.len())
    }

    /// Adds an argument as SQL text.
    pub(super) fn raw(&mut self, argument: &str) {
        self.arguments.push(argument.to_owned());
    }

    pub(super) fn give_some<T: Into<Lit>>(&mut self, name: &str, kind: &str, value: Option<T>) {
        if let Some(value) = value {
            self.give(name, kind, value.into());
        }
    }

    pub(super) fn statement(self) -> Statement {
        Statement::new(
            format!("{}({})", self.head, self.arguments.join(", ")),
            self.params,
        )
    }
}
