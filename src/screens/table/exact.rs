//! Exact figures for the rows of a screen: which figures to read next, which are already read, and how old they are.

use std::collections::{HashMap, HashSet};

use super::known::{GATHERED_SECONDS, Had, LATER_SECONDS, apply};
use super::{Freshness, Line, Table};
use crate::model::moment::Stamp;
use crate::model::rules::Rule;
use crate::model::verdict::Level;
use crate::model::{text, trust};
use crate::screens::record::{Exact, Record};
use crate::server::exact::Figures;
use crate::server::known::At;

/// Estimated duration of an exact figure per opened relation, in seconds.
const EXACT_COST: f64 = 0.0002;
/// Exact figures may change the order of the rows. During these seconds after the first load, the cursor stays on the first line.
const OPENING_SECONDS: f64 = 10.0;

impl<R: Record> Table<R> {
    /// The exact figures to read next: index in [`Record::EXACT`], and the ids and costs of the rows; `None`: nothing to read.
    /// `overview`: read for the Overview, which needs the figures of all rows; expensive figures are then read only if `later`.
    pub(crate) fn asks(
        &self,
        overview: bool,
        later: bool,
        now: Stamp,
    ) -> Option<(usize, Vec<(i64, usize)>)> {
        let all = R::EXACT.iter().enumerate();
        let gathered = |exact: &Exact<R>| exact.overview && (later || !exact.later);
        let mut asked = all.filter(|(_, exact)| !overview || gathered(exact));
        asked.find_map(|(nth, _)| {
            let wanted = self.wanted(nth, overview, now);
            (!wanted.is_empty()).then_some((nth, wanted))
        })
    }

    /// Ids and costs for which the exact figures with index `nth` must be read, of the visible rows or of all rows. Empty while a request
    /// for exact figures is running.
    pub(crate) fn wanted(&self, nth: usize, all: bool, now: Stamp) -> Vec<(i64, usize)> {
        let Some(exact) = R::EXACT.get(nth) else {
            return Vec::new();
        };
        if self.round.is_some() {
            return Vec::new();
        }
        // All rows, including those that the filter hides.
        let rows: Vec<usize> = if all {
            (0..self.rows.len()).collect()
        } else {
            self.lines[self.window()]
                .iter()
                .filter_map(|line| match line {
                    Line::Row(row, _) => Some(*row),
                    Line::Group(_) => None,
                })
                .collect()
        };
        let want = |row| (exact.want)(&self.rows[row]).map(|(id, cost)| (row, id, cost));
        let mut wanted: Vec<_> = rows.into_iter().filter_map(want).collect();
        // Figures that open many relations are read less often, so that they use at most 2 % of a processor core (or the budget).
        #[expect(clippy::cast_precision_loss, reason = "a number of relations")]
        let rest = |cost: usize| cost as f64 * EXACT_COST * self.duty;
        let cost = wanted.iter().map(|(.., cost)| cost).sum();
        let every = match (all, exact.later) {
            (true, true) => LATER_SECONDS,
            (true, false) => exact.every.as_secs_f64().max(GATHERED_SECONDS),
            (false, _) => exact.every.as_secs_f64(),
        };
        let patience = every.max(rest(cost));
        wanted.retain(|&(_, id, cost)| {
            let fresh = self.exact.get(&(nth, id)).is_some_and(|had| {
                let same = had.cost == cost;
                let least = rest(cost).max(2.0);
                now.seconds_since(had.asked) < if same { patience } else { least }
            });
            !fresh
        });
        if all {
            // Worst rows first.
            wanted.sort_by_key(|&(row, ..)| std::cmp::Reverse(self.ranks.get(row).copied()));
        }
        let mut seen = HashSet::new();
        wanted.retain(|&(_, id, _)| seen.insert(id));
        wanted.into_iter().map(|(_, id, cost)| (id, cost)).collect()
    }

    pub(crate) fn exact_asked(&mut self, round: u64) {
        self.round = Some(round);
    }

    /// Whether this request for exact figures is the running one. Late answers of a cancelled request must be ignored.
    pub fn is_round(&self, round: u64) -> bool {
        self.round == Some(round)
    }

    /// Takes exact figures; `last`: they are the last of the request, and the verdicts are computed again.
    pub(crate) fn take_exact(
        &mut self,
        nth: usize,
        figures: Vec<(i64, Figures)>,
        last: bool,
        at: &At,
    ) {
        if last {
            self.round = None;
        }
        let costs: HashMap<i64, usize> = R::EXACT.get(nth).map_or_else(HashMap::new, |exact| {
            self.rows.iter().filter_map(exact.want).collect()
        });
        for (id, figures) in figures {
            let cost = costs.get(&id).copied().unwrap_or(0);
            self.exact
                .entry((nth, id))
                .and_modify(|had| had.take(figures.clone(), cost, at.now))
                .or_insert_with(|| Had::new(figures, cost, at.now));
        }
        for row in &mut self.rows {
            apply(row, &self.exact);
        }
        self.count_ungathered();
        if !last {
            return;
        }
        R::relate(&mut self.rows, at);
        let key = self.key();
        self.judge(at);
        self.arrange(key.as_deref(), at);
        let opening = |opened| at.now.seconds_since(opened) < OPENING_SECONDS;
        if self.opened.is_some_and(opening) {
            self.stay_on_top();
        }
    }

    /// Number of rows whose expensive figures ([`Exact::later`]) are missing, and number of rows that need such figures.
    pub(crate) fn ungathered(&self) -> (usize, usize) {
        self.ungathered
    }

    pub(super) fn count_ungathered(&mut self) {
        let later = R::EXACT.iter().enumerate().filter(|(_, exact)| exact.later);
        let (mut missing, mut all) = (0, 0);
        for (nth, exact) in later {
            for (id, _) in self.rows.iter().filter_map(exact.want) {
                all += 1;
                missing += usize::from(!self.exact.contains_key(&(nth, id)));
            }
        }
        self.ungathered = (missing, all);
    }

    /// Texts about exact figures that could not be read, or could not be read again.
    pub(crate) fn unread(&self, now: Stamp) -> Vec<String> {
        let failed = |had: &&Had| had.error.is_some() || had.figures.is_err();
        if !self.exact.values().any(|had| failed(&had)) {
            return Vec::new();
        }
        let (mut none, mut old) = (Vec::new(), Vec::new());
        for row in &self.rows {
            let wants = R::EXACT.iter().enumerate();
            let ids = wants.filter_map(|(nth, exact)| Some((nth, (exact.want)(row)?.0)));
            let had = ids.filter_map(|at| self.exact.get(&at)).find(failed);
            match had.map(|had| (had, &had.figures, &had.error)) {
                Some((_, Err(error), _)) => none.push(error),
                Some((had, Ok(_), Some(error))) => old.push((had.at, error)),
                _ => {}
            }
        }
        let rows = |many: usize| text::plural_of(many, "row");
        let mut said = Vec::new();
        let (not_run, none): (Vec<&String>, Vec<&String>) = none
            .into_iter()
            .partition(|error| error.starts_with(trust::NOT_RUN));
        said.extend(not_run.first().map(|error| {
            let rows = rows(not_run.len());
            format!("the figures of {rows} are estimates: {error}")
        }));
        said.extend(none.first().map(|error| {
            let rows = rows(none.len());
            format!("exact figures of {rows} cannot be read: {error}")
        }));
        said.extend(old.iter().min().map(|(oldest, error)| {
            let (rows, age) = (rows(old.len()), text::age(*oldest, now));
            format!("exact figures of {rows} were read {age}, and cannot be read now: {error}")
        }));
        said
    }

    /// Time of the newest load, if it is after `after` and shows for certain whether the row with this `key` has a finding of this rule.
    /// For that, all exact figures that the rule needs must have been read. `None`: it is uncertain.
    pub(crate) fn certain(
        &self,
        key: &str,
        rule: &'static Rule,
        after: Stamp,
        at: &At,
    ) -> Option<Stamp> {
        let Freshness::At(read) = self.fresh else {
            return None;
        };
        let certain = |row: &R| {
            let mut judging = R::EXACT
                .iter()
                .enumerate()
                .filter(|(_, exact)| (exact.judges)(rule));
            let had = |(nth, exact): (usize, &Exact<R>)| {
                (exact.want)(row)
                    .is_none_or(|(id, _)| matches!(self.exact.get(&(nth, id)), Some(had) if had.figures.is_ok() && had.error.is_none()))
            };
            judging.all(had) && row.verdict(at).level != Level::Unknown
        };
        (read > after && self.find(key).is_none_or(certain)).then_some(read)
    }

    /// Causes all exact figures to be read again; the old figures are kept until then.
    pub fn forget_exact(&mut self) {
        for had in self.exact.values_mut() {
            had.asked = Stamp::BEFORE_ALL;
        }
    }
}
