//! Properties of a screen that do not depend on its rows.

use std::time::Duration;

use crate::screens::record::{Exact, Record};
use crate::server::exact::ExactQuery;
use crate::server::known::Server;
use crate::server::sql::Query;

#[derive(Debug, Clone, Copy)]
pub struct About {
    pub name: &'static str,
    pub(super) title: &'static str,
    pub(crate) legend: &'static [(&'static str, &'static str)],
    pub query: &'static Query,
    /// The companion query, see [`Record::COMPANION`]; `None`: the screen has no companion query.
    pub companion: Option<&'static Query>,
    pub(super) companion_every: Duration,
    /// Returns the text of `query` for this server and role.
    pub list_text: fn(&Server) -> &'static str,
    /// The query for a database without `TimescaleDB`; `None`: the screen cannot show such a database.
    pub(super) plain: Option<&'static Query>,
    pub(super) watched: &'static [&'static str],
    /// See [`Record::WATCHES_FILES`].
    pub(super) watches_files: bool,
    pub exact: fn() -> Vec<ExactQuery>,
    details: fn() -> Vec<&'static Query>,
}

fn exact_query<R: Record>(exact: &'static Exact<R>) -> ExactQuery {
    ExactQuery {
        query: &exact.query,
        figures: exact.figures,
        slice: exact.slice,
        overview: exact.overview,
        later: exact.later,
        every: exact.every,
    }
}

impl About {
    pub(super) fn of<R: Record>() -> Self {
        Self {
            name: R::ID.name(),
            title: R::TITLE,
            legend: R::LEGEND,
            query: const { &R::QUERY },
            companion: (const { &R::COMPANION }).as_ref(),
            companion_every: R::COMPANION_EVERY,
            list_text: R::list_text,
            plain: (const { &R::PLAIN }).as_ref(),
            watched: R::WATCHED,
            watches_files: R::WATCHES_FILES,
            exact: || R::EXACT.iter().map(exact_query).collect(),
            details: || R::DETAILS.iter().map(|detail| &detail.query).collect(),
        }
    }

    /// Number of change counters of the screen: one per watched table, and one for the policy files if they are watched.
    pub(crate) fn counters(&self) -> usize {
        self.watched.len() + usize::from(self.watches_files)
    }

    /// All queries of the screen, including the queries for exact figures and for the details.
    pub(super) fn queries(&self) -> Vec<&'static Query> {
        let exact = (self.exact)().into_iter().map(|exact| exact.query);
        let mut all = vec![self.query];
        all.extend(self.companion.into_iter().chain(self.plain).chain(exact));
        all.extend((self.details)());
        all
    }
}
