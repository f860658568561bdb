//! Recorded answers about single rows: details, and facts for the previews of actions.

use std::collections::HashMap;

use super::line::{Kept, Line};
use crate::actions::act::Facts;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Target, TargetKind};
use crate::screens::record::Section;

/// An answer with the server's time. The error is the server's.
pub(crate) type Recorded<T> = (Stamp, Result<T, String>);

#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// The key is the screen, the key of the row, and the index of the query.
    details: HashMap<(ScreenId, String, usize), Recorded<Vec<Section>>>,
    /// The key is the name of the query, and the kind and id of the target.
    facts: HashMap<(String, TargetKind, i64), Recorded<Facts>>,
}

impl Answers {
    /// Keeps the line if it is about a single row. Otherwise returns it.
    pub(super) fn take(&mut self, line: Line) -> Option<Line> {
        let at = line.at;
        match line.kept {
            Kept::Detail {
                screen,
                key,
                index,
                sections,
            } => drop(self.details.insert((screen, key, index), (at, sections))),
            Kept::Facts {
                query,
                target,
                facts,
            } => {
                let facts = facts.map(|facts| *facts);
                self.facts
                    .insert((query, target.kind, target.id), (at, facts));
            }
            kept => return Some(Line { at, kept }),
        }
        None
    }

    pub(crate) fn detail(
        &self,
        screen: ScreenId,
        key: &str,
        index: usize,
    ) -> Option<&Recorded<Vec<Section>>> {
        self.details.get(&(screen, key.to_owned(), index))
    }

    pub(crate) fn facts(&self, query: &str, target: &Target) -> Option<&Recorded<Facts>> {
        self.facts.get(&(query.to_owned(), target.kind, target.id))
    }
}
