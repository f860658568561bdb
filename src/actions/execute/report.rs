//! Result of a plan's run, and its text.

use std::time::Duration;

use super::problem::Problem;
use crate::journal::Outcome;
use crate::model::text;
use crate::model::text::{printable, printable_lines};

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Journal entry id.
    pub id: u64,
    pub outcome: Outcome,
    pub title: String,
    pub steps_done: usize,
    pub steps: usize,
    /// True if a rollback of the entry may have something to undo.
    pub can_be_undone: bool,
    /// Errors, each with the label of its step.
    pub problems: Vec<(String, Problem)>,
    /// The server's notices and warnings.
    pub notices: Vec<String>,
    pub took: Duration,
    /// After a rollback: the values that still differ from the values before the action, as (field, before, now).
    pub differs: Vec<(String, String, String)>,
}

impl Report {
    /// The result as text.
    pub fn lines(&self) -> Vec<String> {
        let took = text::duration(self.took.as_secs_f64());
        // Line breaks in the title come from names, and are escaped. Messages of the server keep their line breaks.
        let title = printable(&self.title);
        let mut lines = vec![match self.outcome {
            Outcome::Done => format!("Done in {took}: {title}"),
            Outcome::Failed => format!("FAILED after {took}: {title}"),
            Outcome::Cancelled => format!("Cancelled after {took}: {title}"),
            Outcome::Unknown => format!("UNKNOWN how it ended, after {took}: {title}"),
        }];
        if self.steps > 1 || self.steps_done < self.steps {
            lines.push(format!(
                "{} of {} steps were done",
                self.steps_done, self.steps
            ));
        }
        for (label, problem) in &self.problems {
            lines.push(format!("{}: {problem}", printable(label)));
        }
        lines.extend(self.notices.iter().cloned());
        for (what, was, is) in &self.differs {
            lines.push(printable(&format!(
                "not restored: {what} was {was}, and is {is}"
            )));
        }
        let id = self.id;
        let back = if self.can_be_undone {
            format!(": rollback in the Journal, or `hypertop rollback {id}`, undoes it")
        } else {
            String::new()
        };
        lines.push(format!("journal entry {id}{back}"));
        lines.iter().map(|line| printable_lines(line)).collect()
    }
}
