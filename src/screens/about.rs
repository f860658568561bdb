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
    /// The companion query, see [`Record::COMPANION`]; `None`: the screen has none.
    pub companion: Option<&'static Query>,
    pub(super) companion_every: Duration,
    /// The text of `query` for this server and role.
    pub list_text: fn(&Server) -> &'static str,
    /// The query for a database without `TimescaleDB`; `None`: the screen has nothing to show for one.
    pub(super) plain: Option<&'static Query>,
    pub(super) watched: &'static [&'static str],
    /// Whether the policy files are watched too.
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

    /// Number of counters that a pulse reads for the screen.
    pub(crate) fn counters(&self) -> usize {
        self.watched.len() + usize::from(self.watches_files)
    }

    /// All queries of the screen, for the tests that run them.
    pub(super) fn queries(&self) -> Vec<&'static Query> {
        let exact = (self.exact)().into_iter().map(|exact| exact.query);
        let mut all = vec![self.query];
        all.extend(self.companion.into_iter().chain(self.plain).chain(exact));
        all.extend((self.details)());
        all
    }
}
