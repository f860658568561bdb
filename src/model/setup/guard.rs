//! Checks every intermediate setup of an apply: no refresh window may reach back to dropped rows, and no row may be dropped before a
//! refresh has read it.

use crate::model::age_rule::AgeRule;
use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;
use crate::model::span::Span;

/// A refresh policy that would delete rows of its aggregate, or would come only after retention has dropped the rows that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    pub view: Name,
    pub(crate) words: String,
}

/// The refresh policies that would do harm in this setup.
pub fn dangers(setup: &Setup) -> Vec<Danger> {
    let mut found = Vec::new();
    for (name, view) in &setup.aggregates {
        let retain = setup
            .storage(&view.source)
            .and_then(|storage| storage.retain);
        let Some(AgeRule::After(keeps)) = retain.map(|retain| retain.age) else {
            continue;
        };
        for refresh in &view.refresh {
            let back = refresh.start.map_or(f64::INFINITY, Span::length);
            if back > keeps.length() {
                let from = refresh.start.map_or_else(
                    || "everything".to_owned(),
                    |start| format!("the last {start}"),
                );
                found.push(Danger {
                    view: name.clone(),
                    words: format!(
                        "DATA LOSS: its refresh policy refreshes {from}, but {} keeps its rows for {keeps} only: a refresh over dropped rows deletes the aggregate's rows there for good",
                        view.source
                    ),
                });
            }
            if refresh
                .end
                .is_some_and(|end| end.length() >= keeps.length())
            {
                found.push(Danger {
                    view: name.clone(),
                    words: format!(
                        "it is never filled: {} drops its rows after {keeps}, before the refresh reaches them",
                        view.source
                    ),
                });
            }
        }
    }
    found
}
